"""What the releases of a model did to what was known before, and what was lost first."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from holdfast.ledger.baselines import Baselines, Key
from holdfast.ledger.records import Release
from holdfast.metrics.releases import Standing, standing_since

ROUNDING = 1e-12


@dataclass(frozen=True)
class Loss:
    """A task, or a segment of it, and the release that first lost much of it.

    Args:
        task: The task.
        release: The first release whose score was lower by at least the threshold.
        drop: How much lower: old minus new.
        learnt: The release that it is compared with, in which the task was learnt.
        segment: The segment; "" for the task as a whole.
    """

    task: str
    release: str
    drop: float
    learnt: str
    segment: str = ""


@dataclass(frozen=True)
class Column:
    """The scores of every release on a task, or on a segment of it.

    Args:
        task: The task.
        segment: The segment; "" for the task as a whole.
        learnt: Position of the release that learnt it, whose score it is compared with.
        scores: By release; None if it was not tested.
        changes: By release, the change since the task was learnt, as it was known then; below 0
            is a loss. None if it was not tested, or by no release before.
    """

    task: str
    segment: str
    learnt: int
    scores: tuple[float | None, ...]
    changes: tuple[float | None, ...]


@dataclass(frozen=True)
class History:
    """The releases of a model.

    Args:
        model: Name of the model.
        releases: Their names, in the order in which they were recorded.
        columns: Scores by task, each task followed by its segments.
        transfer: BWT by release: the mean change of the tasks learnt before; None without any.
        losses: What was lost, worst first.
        overrides: By release, the reason of `--override`; else "".
    """

    model: str
    releases: tuple[str, ...]
    columns: tuple[Column, ...]
    transfer: tuple[float | None, ...]
    losses: tuple[Loss, ...]
    overrides: tuple[str, ...] = field(default=())

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in the order in which they were first tested."""
        return tuple(c.task for c in self._whole)

    @property
    def learnt(self) -> tuple[int, ...]:
        """By task, the position of the release that learnt it."""
        return tuple(c.learnt for c in self._whole)

    @property
    def scores(self) -> tuple[tuple[float | None, ...], ...]:
        """Scores by release, then by task; None if it was not tested."""
        return tuple(tuple(c.scores[k] for c in self._whole) for k in range(len(self.releases)))

    @property
    def _whole(self) -> list[Column]:
        return [c for c in self.columns if not c.segment]


def history(releases: Sequence[Release], threshold: float = 0.02) -> History:
    """The history of a model's releases.

    What a task lost is counted from its baseline (see `holdfast.ledger.baselines`).

    Args:
        releases: The releases, in order.
        threshold: The drop from which on a task or a segment counts as lost (0.02: two points).

    Example:
        >>> a = Release("m", "1", 0, "", (), {"x": 0.9}, {"x": 100})
        >>> b = Release("m", "2", 0, "", ("y",), {"x": 0.8, "y": 0.7}, {"x": 100, "y": 100})
        >>> found = history([a, b])
        >>> round(found.transfer[1], 2), found.losses[0].task, found.losses[0].release
        (-0.1, 'x', '2')
    """
    known = Baselines()
    transfer: list[float | None] = []
    changes: list[dict[Key, float]] = []
    losses: dict[tuple[Key, str], Loss] = {}
    for r in releases:
        changes.append({})
        for task, segment, score in _scores(r):
            if (start := known.of(task, segment)) is None:
                continue
            changes[-1][task, segment] = score - start.score
            if (drop := start.score - score) >= max(threshold, ROUNDING) - ROUNDING:
                loss = Loss(task, r.release, drop, start.release, segment)
                losses.setdefault(((task, segment), start.release), loss)
        transfer.append(standing_after(known, r).transfer)
        known.add(r)
    return History(
        releases[0].model if releases else "",
        tuple(r.release for r in releases),
        tuple(_column(key, releases, known, changes) for key in _nested(known)),
        tuple(transfer),
        tuple(sorted(losses.values(), key=lambda loss: -loss.drop)),
        tuple(r.override for r in releases),
    )


def standing_after(known: Baselines, release: Release) -> Standing:
    """The standing of a release after those whose baselines are known.

    Args:
        known: Baselines of the releases before.
        release: The release.
    """
    before = {t: found.score for t in release.scores if (found := known.of(t)) is not None}
    learning = [t for t in release.trained_on if not known.named(t)]
    segments: dict[str, float] = {}
    for (task, segment), score in release.segments.items():
        if (start := known.of(task, segment)) is not None:
            # "a/b" and "c", "a" and "b/c" share a name; the larger loss stands for both.
            name, lost = f"{task}/{segment}", start.score - score
            segments[name] = max(lost, segments.get(name, lost))
    return replace(standing_since(release.scores, before, learning), segments=segments)


def _scores(release: Release) -> list[tuple[str, str, float]]:
    whole = [(task, "", score) for task, score in release.scores.items()]
    return whole + [(task, segment, score) for (task, segment), score in release.segments.items()]


def _nested(known: Baselines) -> list[Key]:
    """Tasks in the order in which they were first tested, each followed by its segments."""
    place = {task: k for k, (task, segment) in enumerate(known) if not segment}
    return sorted(known, key=lambda key: (place[key[0]], key[1] != ""))


def _column(
    key: Key,
    releases: Sequence[Release],
    known: Baselines,
    changes: list[dict[Key, float]],
) -> Column:
    start = known.of(*key)
    assert start
    names = [r.release for r in releases]
    return Column(
        *key,
        names.index(start.release),
        tuple(r.score(*key) for r in releases),
        tuple(c.get(key) for c in changes),
    )
