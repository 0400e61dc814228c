"""Which tasks of a run were learnt at all, for the top of tables and pages."""

from collections.abc import Hashable, Sequence

from holdfast.metrics import AccuracyMatrix, Unlearnt, unlearnt, unlearnt_sentence
from holdfast.metrics.learnt import MARGIN
from holdfast.results.record import RunResult
from holdfast.results.run_settings import Scenario


def chance_levels(
    matrix: AccuracyMatrix, scenario: Scenario, chance: float
) -> dict[Hashable, float]:
    """Compute the score of guessing on each task just after its training.

    With C outputs that compete it is 1/C. In the class scenario these are the outputs of all
    classes seen so far, otherwise those of the task. A model that always gives one answer has
    learnt nothing either. So if one label is commoner in the test set than 1/C, its share is taken;
    in the class scenario only if the right answers are those of one label, since a model that tells
    the classes of all tasks apart may well score less than that on one of them.

    Args:
        matrix: The accuracy matrix of the run. Its segments, if it has any, are the labels, and
            chance levels that it holds itself are preferred to 1/C.
        scenario: The scenario of the run.
        chance: The score of guessing on the first task, in [0, 1].

    Returns:
        The chance level of each task, in [0, 1].

    Example:
        >>> chance_levels(AccuracyMatrix(["a", "b"]), "class", 0.5)
        {'a': 0.5, 'b': 0.25}
    """
    outputs_grow = scenario == "class"
    first_chance = max(chance, 1e-9)  # a chance of 0 would make infinitely many outputs
    seen: set[str] = set()
    levels: dict[Hashable, float] = {}
    for place, task in enumerate(matrix.tasks):
        labels = matrix.segments.get(task, [])
        seen |= set(labels)
        outputs = 1 / first_chance
        if outputs_grow and labels:
            outputs = len(seen)
        elif outputs_grow:  # without labels, every task counts as large as the first
            outputs = (place + 1) / first_chance
        # A matrix that knows its chance levels got them from somebody who knows the task.
        level = matrix.chance.get(task, 1 / max(outputs, 1.0))
        if not outputs_grow or _gives_one_answer(matrix, task, labels):
            level = max(level, _commonest_share(matrix, task, labels))
        levels[task] = min(level, 1.0)
    return levels


def _gives_one_answer(matrix: AccuracyMatrix, task: Hashable, labels: Sequence[str]) -> bool:
    """Tell whether hardly any example is right except those of one of several labels."""
    scores = sorted(matrix.score(task, after=task, segment=label) for label in labels)
    return len(scores) > 1 and scores[-2] < MARGIN


def _commonest_share(matrix: AccuracyMatrix, task: Hashable, labels: Sequence[str]) -> float:
    """Compute the share of the commonest label among test examples; 0 if it is not known."""
    whole = matrix.cells.get((task, task, None))
    parts = [matrix.cells.get((task, task, label)) for label in labels]
    counts = [cell.examples for cell in parts if cell and cell.examples]
    if whole is None or not whole.examples or len(counts) < 2:
        return 0.0
    # If some labels have no count, the largest known one may not be the commonest.
    if sum(counts) != whole.examples:
        return 0.0
    return max(counts) / whole.examples


def unlearnt_by_place(results: Sequence[RunResult]) -> dict[int, list[Unlearnt]]:
    """Find the tasks that were not learnt, by their positions.

    Args:
        results: Runs of one method that differ in their seeds. They may give tasks other names.

    Returns:
        Position of the task → what each seed that did not learn it shows.
    """
    by_place: dict[int, list[Unlearnt]] = {}
    for result in results:
        matrix = result.matrix
        levels = chance_levels(matrix, result.scenario, float(result.chance))
        for task in unlearnt(matrix, levels):
            by_place.setdefault(matrix.tasks.index(task.task), []).append(task)
    return by_place


def learning_warning(results: Sequence[RunResult]) -> str:
    """Warn about tasks that were not learnt.

    Args:
        results: Runs of one method that differ in their seeds.

    Returns:
        One sentence without a full stop; "" if all tasks were learnt.
    """
    by_place = unlearnt_by_place(results)
    if not by_place:
        return ""
    merged = [_over_seeds(place, by_place[place], len(results)) for place in sorted(by_place)]
    return unlearnt_sentence(merged, len(results[0].matrix.tasks), unit=100)


def _over_seeds(place: int, tasks: Sequence[Unlearnt], seeds: int) -> Unlearnt:
    """Merge the seeds in which the task at one position was not learnt."""
    names = list(dict.fromkeys(str(task.task) for task in tasks))
    # With another order of classes for each seed, tasks at one position have different names.
    name = names[0]
    if len(names) > 1:
        name = f"task {place + 1}"
    note = ""
    if len(tasks) < seeds:
        note = f"in {len(tasks)} of {seeds} seeds"
    score = sum(task.score for task in tasks) / len(tasks)
    chance = sum(task.chance for task in tasks) / len(tasks)
    return Unlearnt(name, score, chance, note)
