"""What the releases of a model changed on each task, and which release lost what first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from holdfast.ledger.baselines import Baseline, Baselines, Key
from holdfast.ledger.records import Release
from holdfast.metrics.releases import Standing, standing_since

ROUNDING = 1e-12  # a drop that misses the threshold by no more than this counts as a loss


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
        scores: The score of each release; None if it was not tested on it.
        changes: For each release, the change since the task was learnt, new minus old, so that a
            loss is negative. It counts from the baseline before that release. None if the release,
            or every release before it, was not tested on it.
    """

    task: str
    segment: str
    learnt: int
    scores: tuple[float | None, ...]
    changes: tuple[float | None, ...]


@dataclass(frozen=True)
class History:
    """The releases of a model, from `history`.

    Args:
        model: Name of the model.
        releases: Names of the releases, in the order in which they were recorded.
        columns: The scores on each task, followed by those on its segments.
        transfer: For each release, its backward transfer (BWT): the mean change of the tasks that
            were learnt before. None if there are none.
        losses: What was lost, worst first.
        overrides: For each release, the reason of `--override`; "" if there was none.
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
        return tuple(column.task for column in self._whole_tasks)

    @property
    def learnt(self) -> tuple[int, ...]:
        """For each task, the position of the release that learnt it."""
        return tuple(column.learnt for column in self._whole_tasks)

    @property
    def scores(self) -> tuple[tuple[float | None, ...], ...]:
        """The scores of each release on each task; None if it was not tested on the task."""
        by_task = [column.scores for column in self._whole_tasks]
        if not by_task:
            return tuple(() for _ in self.releases)
        return tuple(zip(*by_task, strict=True))

    @property
    def _whole_tasks(self) -> list[Column]:
        """The columns of tasks, without those of segments."""
        return [column for column in self.columns if not column.segment]


def history(releases: Sequence[Release], threshold: float = 0.02) -> History:
    """Find out what the releases of a model changed and lost.

    A loss is counted from the baseline of a task (see `holdfast.ledger.baselines`).

    Args:
        releases: The releases, from `Ledger.releases`, in the order of their recording.
        threshold: The smallest drop that counts as a loss, in [0, 1]. The default, 0.02, is two
            points.

    Returns:
        The history.

    Example:
        >>> a = Release("m", "1", 0, "", (), {"x": 0.9}, {"x": 100})
        >>> b = Release("m", "2", 0, "", ("y",), {"x": 0.8, "y": 0.7}, {"x": 100, "y": 100})
        >>> past = history([a, b])
        >>> round(past.transfer[1], 2), past.losses[0].task, past.losses[0].release
        (-0.1, 'x', '2')
    """
    baselines = Baselines()
    transfer: list[float | None] = []
    changes: list[dict[Key, float]] = []  # by release
    first_losses: dict[tuple[Key, str], Loss] = {}  # by what was lost and the release of learning
    for release in releases:
        changes.append({})
        for key, score in _scores(release).items():
            baseline = baselines.of(*key)
            if baseline is None:  # no earlier release was tested on it
                continue
            changes[-1][key] = score - baseline.score
            # A task has a second loss only if a release raised its baseline after the first.
            loss = _loss(key, score, baseline, release.release)
            if loss.drop >= max(threshold, ROUNDING) - ROUNDING:
                first_losses.setdefault((key, baseline.release), loss)
        transfer.append(standing_after(baselines, release).transfer)
        # Only now, so that each release is compared with what was known before it.
        baselines.add(release)
    return History(
        model=releases[0].model if releases else "",
        releases=tuple(release.release for release in releases),
        columns=_columns(releases, baselines, changes),
        transfer=tuple(transfer),
        losses=tuple(sorted(first_losses.values(), key=lambda loss: -loss.drop)),
        overrides=tuple(release.override for release in releases),
    )


def standing_after(baselines: Baselines, release: Release) -> Standing:
    """Compute the standing of a release after those that have baselines.

    Args:
        baselines: The baselines of the releases before.
        release: The release.

    Returns:
        Its accuracy, its backward transfer, and what each task and segment lost.
    """
    before: dict[str, float] = {}
    for task in release.scores:
        baseline = baselines.of(task)
        if baseline is not None:
            before[task] = baseline.score
    learning = [task for task in release.trained_on if not baselines.named(task)]
    segments: dict[str, float] = {}
    for (task, segment), score in release.segments.items():
        baseline = baselines.of(task, segment)
        if baseline is not None:
            # "a/b" and "c", "a" and "b/c" share a name: it stands for the larger loss of the two.
            name = f"{task}/{segment}"
            lost = baseline.score - score
            segments[name] = max(lost, segments.get(name, lost))
    return replace(standing_since(release.scores, before, learning), segments=segments)


def _loss(key: Key, score: float, baseline: Baseline, release: str) -> Loss:
    """Describe by how much a release is below a baseline; its drop is negative if it is above."""
    task, segment = key
    return Loss(
        task=task,
        release=release,
        drop=baseline.score - score,
        learnt=baseline.release,
        segment=segment,
    )


def _scores(release: Release) -> dict[Key, float]:
    """Return the scores of a release on all its tasks and segments."""
    tasks: dict[Key, float] = {(task, ""): score for task, score in release.scores.items()}
    return tasks | release.segments


def _columns(
    releases: Sequence[Release],
    baselines: Baselines,
    changes: Sequence[Mapping[Key, float]],
) -> tuple[Column, ...]:
    """Make a column for each task in the order of testing, followed by those of its segments."""
    names = [release.release for release in releases]
    # A release names its tasks before their segments, so each group begins with the whole task.
    by_task: dict[str, list[Column]] = {}
    for task, segment in baselines:
        baseline = baselines.of(task, segment)
        if baseline is None:
            continue
        column = Column(
            task=task,
            segment=segment,
            learnt=names.index(baseline.release),
            scores=tuple(release.score(task, segment) for release in releases),
            changes=tuple(change.get((task, segment)) for change in changes),
        )
        by_task.setdefault(task, []).append(column)
    return tuple(column for group in by_task.values() for column in group)
