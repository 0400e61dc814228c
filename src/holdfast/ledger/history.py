"""What the releases of a model did to what was known before: the matrix of releases and tasks, BWT, first losses."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.ledger.store import Release


@dataclass(frozen=True)
class Loss:
    """A task, the release that first lost at least `threshold` of it, and how much; against its score when it was learnt."""

    task: str
    release: str
    drop: float
    learnt: str  # the release in which the task was learnt


@dataclass(frozen=True)
class History:
    """`scores[i][j]`: release i on task j (None: not tested). `transfer[i]`: mean change of the tasks learnt before, None for none."""

    model: str
    releases: tuple[str, ...]
    tasks: tuple[str, ...]
    scores: tuple[tuple[float | None, ...], ...]
    transfer: tuple[float | None, ...]
    losses: tuple[Loss, ...]


def learnt_scores(releases: Sequence[Release]) -> dict[str, float]:
    """The score of each task in the release that learnt it."""
    return {t: releases[k].scores[t] for t, k in _learnt(releases).items()}


def _learnt(releases: Sequence[Release]) -> dict[str, int]:
    """The release in which each task was learnt: the first that names it in `trained_on`, else the first that was tested on it."""
    out = {}
    for t in dict.fromkeys(t for r in releases for t in r.scores):
        tested = [k for k, r in enumerate(releases) if t in r.scores]
        out[t] = next((k for k in tested if t in releases[k].trained_on), tested[0])
    return out


def history(releases: Sequence[Release], threshold: float = 0.02) -> History:
    """The history of a model's releases, in order.

    A task is learnt in the first release that names it in `trained_on`, else in the first that was tested on it. BWT after release i:
    the mean over tasks learnt before i of (score now − score when learnt).

    >>> a = Release("m", "1", 0, "", (), {"x": 0.9}, {"x": 100})
    >>> b = Release("m", "2", 0, "", ("y",), {"x": 0.8, "y": 0.7}, {"x": 100, "y": 100})
    >>> found = history([a, b])
    >>> round(found.transfer[1], 2), found.losses[0].task, found.losses[0].release
    (-0.1, 'x', '2')
    """
    learnt = _learnt(releases)
    tasks = tuple(learnt)
    transfer: list[float | None] = []
    losses: dict[str, Loss] = {}
    for k, r in enumerate(releases):
        old = [t for t in tasks if learnt[t] < k and t in r.scores]
        changes = {t: r.scores[t] - releases[learnt[t]].scores[t] for t in old}
        transfer.append(sum(changes.values()) / len(changes) if changes else None)
        for t, change in changes.items():
            if -change >= threshold - 1e-12:
                losses.setdefault(t, Loss(t, r.release, -change, releases[learnt[t]].release))
    scores = tuple(tuple(r.scores.get(t) for t in tasks) for r in releases)
    name = releases[0].model if releases else ""
    return History(name, tuple(r.release for r in releases), tasks, scores, tuple(transfer), tuple(losses.values()))
