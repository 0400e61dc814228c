"""What the releases of a model did to what was known before: the matrix of releases and tasks, BWT, first losses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.gate.reading import Side, read_side, scores_of
from holdfast.ledger.store import Ledger, Release
from holdfast.metrics.releases import Standing, standing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Loss:
    """A task, the release that first lost at least `threshold` of it, and how much; against its score when it was learnt."""

    task: str
    release: str
    drop: float
    learnt: str  # the release in which the task was learnt


@dataclass(frozen=True)
class History:
    """`scores[i][j]`: release i on task j (None: not tested). `transfer[i]`: mean change of the tasks learnt before, None for none.
    `learnt[j]`: the release that learnt task j."""

    model: str
    releases: tuple[str, ...]
    tasks: tuple[str, ...]
    learnt: tuple[int, ...]
    scores: tuple[tuple[float | None, ...], ...]
    transfer: tuple[float | None, ...]
    losses: tuple[Loss, ...]


def sides(
    ledger: Ledger, model: str, candidate: "Path | str | pd.DataFrame | Side", trained_on: Sequence[str] = (), name: str = ""
) -> tuple[Side, Side]:
    """Champion and candidate for `holdfast.gate.Gate.judge`: the newest release of a model and results that may follow it.

    Both know where they stand: what every task lost since the release that learnt it. `trained_on`: tasks the candidate was trained on.
    """
    releases, side = ledger.releases(model), read_side(candidate, "candidate")
    champion = Side(ledger.results(model), _standing(releases), f"{model}, release {releases[-1].release}")
    after = _standing([*releases, following(model, side, trained_on, name)])
    return champion, replace(side, standing=after, name=name or side.name)


def following(model: str, side: Side, trained_on: Sequence[str] = (), name: str = "") -> Release:
    """A candidate as the release that it would be."""
    return Release(model, name or "candidate", 0, datetime.now(UTC).isoformat(), tuple(trained_on), *scores_of(side.rows))


def _standing(releases: Sequence[Release]) -> Standing:
    return standing([r.scores for r in releases], _learnt(releases))


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
        here = standing([s.scores for s in releases[: k + 1]], learnt)
        transfer.append(here.transfer)
        for t, lost in here.forgetting.items():
            if lost >= threshold - 1e-12:
                losses.setdefault(t, Loss(t, r.release, lost, releases[learnt[t]].release))
    scores = tuple(tuple(r.scores.get(t) for t in tasks) for r in releases)
    name = releases[0].model if releases else ""
    return History(name, tuple(r.release for r in releases), tasks, tuple(learnt.values()), scores, tuple(transfer), tuple(losses.values()))
