"""Select a group of a sweep by its scores on validation data."""

from dataclasses import dataclass

from holdfast.errors import HoldfastError
from holdfast.metrics import Interval, average_accuracy, forgetting
from holdfast.results.groups import Group
from holdfast.results.measures import interval_over_seeds
from holdfast.results.sweeps import Sweep, hyperparameters, short_name


@dataclass(frozen=True)
class Validation:
    """Scores of a group on validation data.

    Args:
        accuracy: ACC, over seeds.
        forgetting: The mean drop from each task's best accuracy, over seeds.
    """

    accuracy: Interval
    forgetting: Interval


def on_validation(group: Group) -> Validation | None:
    """Compute the scores of a group on validation data.

    Returns:
        The scores; None if validation data are missing for one of its runs.
    """
    matrices = []
    for result in group.results:
        # Some seeds alone would be other runs than those of the test scores beside them.
        if result.validation is None:
            return None
        matrices.append(result.validation)
    accuracies = [average_accuracy(matrix) for matrix in matrices]
    drops = [forgetting(matrix) for matrix in matrices]
    first = group.results[0]
    return Validation(
        accuracy=interval_over_seeds(accuracies, "score", first),
        forgetting=interval_over_seeds(drops, "change", first),
    )


@dataclass(frozen=True)
class Selection:
    """The group that was selected from a sweep.

    Args:
        sweep: The sweep.
        group: The group.
        validation: Its scores on validation data, by which it was selected.
        tolerance: The largest forgetting that was accepted, as a score.
        within: Whether its forgetting is within the tolerance.
    """

    sweep: Sweep
    group: Group
    validation: Validation
    tolerance: float
    within: bool

    def sentence(self) -> str:
        """Say what was selected, by which rule, and how it scores on test data."""
        values = hyperparameters(self.group)
        settings = [f"{short_name(name)}={values[name]}" for name in self.sweep.varied]
        lost = f"{100 * self.validation.forgetting.estimate:.1f}"
        rule = f"no value keeps forgetting ≤ {100 * self.tolerance:g}; this one loses least, {lost}"
        if self.within:
            rule = (
                f"highest validation ACC, {100 * self.validation.accuracy.estimate:.1f}, "
                f"with forgetting {lost} ≤ {100 * self.tolerance:g}"
            )
        test = self.group.values
        text = (
            f"{self.sweep.method}, {self.sweep.scenario} scenario: {', '.join(settings)} ({rule}); "
            f"on test data ACC {100 * test['ACC'].estimate:.1f}, "
            f"forgetting {100 * test['forgetting'].estimate:.1f}"
        )
        return text.replace(" -", " −")


def select(sweep: Sweep, tolerance: float) -> Selection | None:
    """Select the group with the highest ACC among those that forget little enough.

    Both are means over seeds on validation data. If no group is within the tolerance, the one that
    forgets least is selected. A value that lacks seeds which others have (its runs failed) is not
    selected, because the survivors would flatter it.

    Args:
        sweep: The sweep.
        tolerance: The largest forgetting that is accepted, as a score: 0.05 is 5 points.

    Returns:
        The selection; None if a group has no validation data, because test data select nothing.

    Raises:
        HoldfastError: The tolerance is negative.
    """
    # The comparison is false for NaN too.
    if not tolerance >= 0:
        raise HoldfastError(
            f"tolerance is the largest forgetting accepted, at least 0, got {tolerance}"
        )
    seeds = {seed for group in sweep.groups for seed in group.by_seed}
    validated = []
    for group in sweep.groups:
        if group.by_seed.keys() != seeds:
            continue
        validation = on_validation(group)
        if validation is None:
            return None
        validated.append((group, validation))
    if not validated:
        return None
    # A method that forgets nothing because it learns nothing has a low ACC, so ACC decides.
    good = [pair for pair in validated if pair[1].forgetting.estimate <= tolerance]
    if good:
        group, validation = max(good, key=lambda pair: pair[1].accuracy.estimate)
    else:
        group, validation = min(validated, key=lambda pair: pair[1].forgetting.estimate)
    return Selection(
        sweep=sweep,
        group=group,
        validation=validation,
        tolerance=tolerance,
        within=bool(good),
    )
