"""Which tasks were learnt at all: a model cannot forget what it never knew."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.distributions import beta_cdf, student_quantile
from holdfast.metrics.intervals import check_confidence
from holdfast.metrics.matrix import AccuracyMatrix
from holdfast.metrics.values import chance_levels

MARGIN = 0.1  # share of the way from chance to the highest score that a learnt task must reach
NAMED = 5  # how many tasks a warning names
UNLEARNT_MEANS = "Backward transfer and forgetting say nothing about a task that was not learnt."
UNLEARNT_ADVICE = (
    f"{UNLEARNT_MEANS} Likely causes "
    "are the learning rate (too low, or so high that training diverged), too few epochs, inputs "
    "that are not normalised, and a method that is set to hold the weights too firmly."
)


@dataclass(frozen=True)
class Unlearnt:
    """A task whose score just after its training is near chance.

    Args:
        task: Name of the task.
        score: R[j, j], the score just after its training.
        chance: The score that guessing reaches.
        note: A further remark, such as in how many seeds it was not learnt.
    """

    task: Hashable
    score: float
    chance: float
    note: str = ""


def unlearnt(
    m: AccuracyMatrix,
    chance: Mapping[Hashable, float] | float | None = None,
    *,
    margin: float = MARGIN,
    confidence: float = 0.95,
) -> tuple[Unlearnt, ...]:
    """Find the tasks that were not learnt: their score just after training is near chance.

    A task counts as learnt if two things hold: its score R[j, j] is above chance by at least
    `margin` of the way from chance to the highest score, and so many right answers would be rare
    under guessing. The second is an exact one-sided binomial test, if the number of examples is
    known. Scores that are more than right or wrong have no such distance, so the lower end of the
    one-sided t interval of their mean must lie above chance, if the matrix has their `results`.

    Args:
        m: The accuracy matrix.
        chance: Score that guessing reaches, for all tasks or by task. By default `m.chance`. If C
            outputs compete it is 1/C, or the share of the commonest label if that is more.
        margin: Share of the way from chance to the highest score, in [0, 1).
        confidence: Confidence of the test for each task, in (0, 1).

    Returns:
        The tasks that were not learnt, in order. Tasks without a score or a chance level are left
        out.

    Raises:
        HoldfastError: An argument is out of its range.

    Example:
        >>> m = AccuracyMatrix(["a", "b"])
        >>> m.record("a", after="a", score=0.9, examples=400)
        >>> m.record("b", after="b", score=0.52, examples=400)
        >>> [u.task for u in unlearnt(m, chance=0.5)]
        ['b']
    """
    check_confidence(confidence)
    if not 0 <= margin < 1:
        raise HoldfastError(
            "margin is a share of the way from chance to the highest score and must lie in [0, 1), "
            f"got {margin}"
        )
    levels = m.chance
    if chance is not None:
        levels = chance_levels(chance, m.tasks, m.score_range)
    out = []
    for task, level in levels.items():
        if not _is_learnt(m, task, level, margin, confidence):
            out.append(Unlearnt(task, m.score(task, after=task), level))
    return tuple(out)


def _is_learnt(
    m: AccuracyMatrix,
    task: Hashable,
    chance: float,
    margin: float,
    confidence: float,
) -> bool:
    """Judge one task. A task that cannot be judged counts as learnt."""
    low, high = m.score_range
    cell = m.cells.get((task, task, None))
    # If guessing reaches the highest score, no score is better than guessing.
    if cell is None or chance >= high:
        return True
    if cell.results is not None and not np.isin(cell.results, (low, high)).all():
        return _mean_is_above(cell.results, chance, confidence)
    # Both as shares of the score range, so that they are shares of right answers.
    share = (cell.score - low) / (high - low)
    guessed_share = (chance - low) / (high - low)
    if (share - guessed_share) / (1 - guessed_share) < margin:
        return False
    if not cell.examples:
        return True
    return _is_rare_under_guessing(share, guessed_share, cell.examples, 1 - confidence)


def _mean_is_above(scores: np.ndarray, chance: float, confidence: float) -> bool:
    """Test whether the one-sided t interval of a mean lies above the level of guessing."""
    if len(scores) < 2:
        return float(scores.mean()) > chance
    error = float(scores.std(ddof=1)) / np.sqrt(len(scores))
    lowest = float(scores.mean()) - student_quantile(confidence, len(scores) - 1) * error
    return bool(lowest > chance)


def _is_rare_under_guessing(share: float, chance: float, examples: int, level: float) -> bool:
    """Test whether guessing gives so many right answers, or more, with at most this probability."""
    # The small number undoes the rounding of a share that was computed from whole counts.
    right = float(np.floor(share * examples + 1e-9))
    # No right answer at all is what guessing gives at worst.
    if not right:
        return False
    # A tail of the binomial distribution is a tail of a beta distribution.
    tail = beta_cdf(np.array(chance), right, examples - right + 1)
    return bool(tail <= level)


def unlearnt_sentence(found: Sequence[Unlearnt], tasks: int, unit: float = 1.0) -> str:
    """Write a warning that names the tasks that were not learnt.

    Print `UNLEARNT_ADVICE` after it, which explains what it means and lists likely causes.

    Args:
        found: The result of `unlearnt`, with at least one task.
        tasks: Number of all tasks.
        unit: Factor for the printed scores. It is 100 for points.

    Returns:
        One sentence without a full stop, which names at most five tasks.

    Example:
        >>> unlearnt_sentence([Unlearnt("b", 0.52, 0.5)], 2)
        '1 of 2 tasks was not learnt: b (score 0.52 after its training, guessing gives 0.5)'
    """
    named = ", ".join(_with_scores(task, unit) for task in found[:NAMED])
    if len(found) > NAMED:
        named += f" and {len(found) - NAMED} more"
    verb = "was" if len(found) == 1 else "were"
    what = f"{len(found)} of {tasks} tasks {verb} not learnt"
    # A note may say that a task was learnt in other seeds, so then something was learnt.
    if len(found) == tasks and not any(task.note for task in found):
        what = "nothing was learnt"
    return f"{what}: {named}"


def _with_scores(found: Unlearnt, unit: float) -> str:
    """Name a task with its score and the level of guessing."""
    spec = ".3g"
    if unit == 100:
        spec = ".1f"
    score = format(unit * found.score, spec)
    guess = format(unit * found.chance, spec)
    text = f"score {score} after its training, guessing gives {guess}"
    if found.note:
        text += f", {found.note}"
    return f"{found.task} ({text})"
