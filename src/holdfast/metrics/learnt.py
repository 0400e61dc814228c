"""Which tasks were learnt at all: what was never known cannot be forgotten."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics.distributions import beta_cdf
from holdfast.metrics.forms import chance_levels
from holdfast.metrics.intervals import check_confidence
from holdfast.metrics.matrix import AccuracyMatrix

MARGIN = 0.1
NAMED = 5  # tasks that a warning names
UNLEARNT_ADVICE = (
    "Backward transfer and forgetting say nothing about a task that was not learnt. Likely causes "
    "are the learning rate (too low, or so high that training diverged), too few epochs, inputs "
    "that are not normalised, and a method that is set to hold the weights too firmly."
)


@dataclass(frozen=True)
class Unlearnt:
    """A task whose score just after its training is near chance.

    Args:
        task: Its name.
        score: R[j, j].
        chance: The score of guessing.
        note: What else there is to say of it, such as in how many seeds.
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
    """The tasks that were not learnt: their score just after training is near chance.

    A task counts as learnt if its score R[j, j] is above chance by at least `margin` of the way
    from chance to the highest score, and if so many right answers would be rare under guessing (an
    exact one-sided binomial test, where the number of examples is known).

    Args:
        m: The matrix.
        chance: Score of guessing, one for all tasks or by task. By default `m.chance`. With C
            outputs that compete it is 1/C, or the share of the commonest label if that is more.
        margin: Share of the way from chance to the highest score, in [0, 1).
        confidence: Of the test for each task, in (0, 1).

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
        what = "margin is a share of the way from chance to the highest score, in [0, 1)"
        raise HoldfastError(f"{what}, got {margin}")
    levels = m.chance if chance is None else chance_levels(chance, m.tasks, m.score_range)
    low, high = m.score_range
    found = []
    for task, level in levels.items():
        score, cell = m.score(task, after=task), m.cells.get((task, task, None))
        if np.isnan(score) or level >= high:
            continue
        share, guessed = (score - low) / (high - low), (level - low) / (high - low)
        above = (share - guessed) / (1 - guessed) >= margin
        examples = None if cell is None else cell.examples
        if not above or (examples and not _rare(share, guessed, examples, 1 - confidence)):
            found.append(Unlearnt(task, score, level))
    return tuple(found)


def _rare(share: float, chance: float, examples: int, level: float) -> bool:
    """Whether so many right answers are rarer under guessing than `level`."""
    right = float(np.floor(share * examples + 1e-9))
    # So many or more: a tail of the binomial distribution, which is one of a beta distribution.
    tail = beta_cdf(np.array(chance), right, examples - right + 1) if right else 1.0
    return bool(tail <= level)


def unlearnt_sentence(found: Sequence[Unlearnt], tasks: int, unit: float = 1.0) -> str:
    """A warning that names the tasks that were not learnt; `UNLEARNT_ADVICE` says what that means.

    Args:
        found: What `unlearnt` found, at least one.
        tasks: Number of all tasks.
        unit: What scores are multiplied by when they are shown: 100 for points.

    Example:
        >>> unlearnt_sentence([Unlearnt("b", 0.52, 0.5)], 2)
        '1 of 2 tasks was not learnt: b (score 0.52 after its training, guessing gives 0.5)'
    """
    spec = ".1f" if unit == 100 else ".3g"
    named = []
    for u in found[:NAMED]:
        score, guess = (format(unit * v, spec) for v in (u.score, u.chance))
        note = f", {u.note}" if u.note else ""
        named.append(f"{u.task} (score {score} after its training, guessing gives {guess}{note})")
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    everything = len(found) == tasks and not any(u.note for u in found)
    count = f"{len(found)} of {tasks} tasks {'was' if len(found) == 1 else 'were'} not learnt"
    what = "nothing was learnt" if everything else count
    return f"{what}: {', '.join(named)}{more}"
