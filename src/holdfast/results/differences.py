"""The same methods in two folders: second minus first, paired by seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from holdfast.metrics import Interval
from holdfast.results.groups import Group, rank_in_tables
from holdfast.results.measures import MEASURES, paired_interval
from holdfast.results.sweeps import hyperparameters

COMPARED = ("ACC", "BWT", "seconds")


@dataclass(frozen=True)
class Difference:
    """A group in two folders.

    Args:
        scenario: The scenario.
        label: The method as tables call it.
        seeds: How many seeds both folders have.
        values: Second minus first for each measure, over those seeds.
        settings: The settings that differ, as text.
        unlearnt: Warnings about tasks that were not learnt, in either folder.
    """

    scenario: str
    label: str
    seeds: int
    values: dict[str, Interval]
    settings: tuple[str, ...]
    unlearnt: tuple[str, ...] = ()

    def verdict(self, measure: str) -> str:
        """Say what the paired interval shows about a measure.

        Returns:
            "higher", "lower", "same" or "not told apart". Differences that are equal in all seeds
            give no interval, so that fact is all that is said of them.
        """
        interval = self.values[measure]
        # All seeds agree to the last bit, as after a change that changes nothing.
        if interval.low == interval.high == 0:
            return "same"
        text = "not told apart"
        if interval.low > 0:
            text = "higher"
        elif interval.high < 0:
            text = "lower"
        if interval.all_equal:
            text += f" by the same in all {interval.n} seeds"
        return text


def compare_folders(
    first: Sequence[Group], second: Sequence[Group], measures: Sequence[str] = COMPARED
) -> list[Difference]:
    """Compare groups of the same scenario and label in two sets of results.

    Args:
        first: The groups of one folder.
        second: The groups of the other folder.
        measures: Keys of `MEASURES`.

    Returns:
        A difference for each group of the first folder that the second has too, with at least one
        common seed.
    """
    others = {(group.scenario, group.label): group for group in second}
    differences = []
    for before in first:
        after = others.get((before.scenario, before.label))
        if after is None:
            continue
        # A seed decides weights and batches, so pairs of one seed differ by the settings alone.
        shared = sorted(before.by_seed.keys() & after.by_seed.keys())
        if shared:
            differences.append(_difference(before, after, shared, measures))
    return differences


def _difference(
    before: Group, after: Group, seeds: Sequence[int], measures: Sequence[str]
) -> Difference:
    """Compare one group in two folders over the seeds that both have."""
    values = {}
    for measure in measures:
        values[measure] = paired_interval(
            [after.by_seed[seed][measure] for seed in seeds],
            [before.by_seed[seed][measure] for seed in seeds],
            kind=MEASURES[measure].kind,
            run=before.results[0],
        )
    warnings = []
    for place, group in (("first", before), ("second", after)):
        if group.unlearnt:
            warnings.append(f"{place} folder: {group.unlearnt}")
    return Difference(
        scenario=before.scenario,
        label=before.label,
        seeds=len(seeds),
        values=values,
        settings=_changed_settings(before, after),
        unlearnt=tuple(warnings),
    )


def _changed_settings(before: Group, after: Group) -> tuple[str, ...]:
    """Name the hyperparameters that differ, with both values."""
    old = hyperparameters(before)
    new = hyperparameters(after)
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return tuple(f"{name}: {old.get(name)} → {new.get(name)}" for name in names)


def side_by_side(first: Sequence[Group], second: Sequence[Group]) -> list[Group]:
    """Put the groups of two folders into one list for a table, under names that tell them apart.

    Args:
        first: The groups of one folder, whose labels get the ending " · A".
        second: The groups of the other folder, whose labels get the ending " · B".

    Returns:
        All groups, ordered by scenario and then by falling ACC.
    """
    groups = [replace(group, label=f"{group.label} · A") for group in first]
    groups += [replace(group, label=f"{group.label} · B") for group in second]
    return sorted(groups, key=rank_in_tables)
