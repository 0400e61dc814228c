"""Which tasks of a run were learnt at all, from result files, for the top of tables and pages."""

from collections.abc import Hashable, Sequence
from typing import Any

from holdfast.metrics import AccuracyMatrix, Unlearnt, unlearnt, unlearnt_sentence
from holdfast.metrics.learnt import MARGIN


def chance_levels(result: dict[str, Any], m: AccuracyMatrix) -> dict[Hashable, float]:
    """The score of guessing on each task just after its training.

    With C outputs that compete it is 1/C. In the class scenario these are the outputs of all
    classes seen so far, otherwise those of the task. A model that always gives one answer has
    learnt nothing either. So if one label is commoner in the test set than 1/C, its share is taken;
    in the class scenario only if the right answers are those of one label, since a model that tells
    the classes of all tasks apart may well score less than that on one of them.

    Args:
        result: A result file; its segments, if it has any, are the labels.
        m: Its accuracy matrix. Chance levels that it holds itself are preferred to 1/C.

    Returns:
        By task.
    """
    growing = result["config"]["scenario"] == "class"
    first = max(float(result["chance"]), 1e-9)
    seen: set[str] = set()
    found: dict[Hashable, float] = {}
    for k, task in enumerate(m.tasks):
        labels = m.segments.get(task, [])
        seen |= set(labels)
        outputs = (len(seen) if labels else (k + 1) / first) if growing else 1 / first
        level = m.chance.get(task, 1 / max(outputs, 1.0))
        if not growing or _one_answer(m, task, labels):
            level = max(level, _commonest(m, task, labels))
        found[task] = min(level, 1.0)
    return found


def _one_answer(m: AccuracyMatrix, task: Hashable, labels: Sequence[str]) -> bool:
    """Whether hardly any example is right but those of one of several labels."""
    scores = sorted(m.score(task, after=task, segment=label) for label in labels)
    return len(scores) > 1 and scores[-2] < MARGIN


def _commonest(m: AccuracyMatrix, task: Hashable, labels: Sequence[str]) -> float:
    """The share of the commonest label among a task's test examples; 0 if it is not known."""
    whole = m.cells.get((task, task, None))
    parts = [m.cells.get((task, task, label)) for label in labels]
    counts = [c.examples for c in parts if c and c.examples]
    if whole is None or not whole.examples or len(counts) < 2 or sum(counts) != whole.examples:
        return 0.0
    return max(counts) / whole.examples


def learning_warning(results: Sequence[dict[str, Any]], matrices: Sequence[AccuracyMatrix]) -> str:
    """The warning about the runs of one method that differ in their seeds; empty if all was learnt.

    Args:
        results: One result file per seed.
        matrices: Their accuracy matrices.
    """
    by_place: dict[int, list[Unlearnt]] = {}
    for result, m in zip(results, matrices, strict=True):
        for u in unlearnt(m, chance_levels(result, m)):
            by_place.setdefault(m.tasks.index(u.task), []).append(u)
    if not by_place:
        return ""
    merged = [_merged(k, found, len(results)) for k, found in sorted(by_place.items())]
    return unlearnt_sentence(merged, len(matrices[0].tasks), unit=100)


def _merged(place: int, found: Sequence[Unlearnt], seeds: int) -> Unlearnt:
    """One task over the seeds in which it was not learnt."""
    names = list(dict.fromkeys(str(u.task) for u in found))
    name = names[0] if len(names) == 1 else f"task {place + 1}"
    score = sum(u.score for u in found) / len(found)
    chance = sum(u.chance for u in found) / len(found)
    note = "" if len(found) == seeds else f"in {len(found)} of {seeds} seeds"
    return Unlearnt(name, score, chance, note)
