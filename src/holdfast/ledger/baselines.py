"""The score that each task is compared with: what it reached when it was learnt.

No later record can lower a baseline.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.ledger.records import Release

Key = tuple[str, str]  # task and segment; an empty segment stands for the task as a whole


@dataclass(frozen=True)
class Baseline:
    """The score that a task or a segment is compared with.

    Args:
        score: Mean score, in [0, 1].
        release: The release that reached it.
    """

    score: float
    release: str


@dataclass(frozen=True)
class _First:
    """The first revision that has a task or a segment: its number, and the release it is of."""

    number: int
    release: Release


class Baselines:
    """The baselines of the tasks and segments of a sequence of releases.

    The baseline of a task is the higher of two scores: that of the first release that was tested on
    it, and that of the first release that names it as trained on. So a task that was tested before
    it was learnt is compared with what it reached when it was learnt, and a release that names an
    old task again lowers nothing.

    Releases count in the order in which the ledger recorded their revisions. For each release the
    first revision counts, or the newest if it is higher: an amendment can raise a baseline, but
    cannot lower it.

    Example:
        >>> first = Release("m", "1", 0, "", ("x",), {"x": 0.9}, {"x": 100}, number=1)
        >>> second = Release("m", "2", 0, "", ("x",), {"x": 0.8}, {"x": 100}, number=2)
        >>> baselines = Baselines()
        >>> baselines.add(first)
        >>> baselines.add(second)
        >>> baselines.of("x")
        Baseline(score=0.9, release='1')
    """

    def __init__(self) -> None:
        self._tested: dict[Key, _First] = {}  # the first revision that was tested on it
        self._named: dict[Key, _First] = {}  # the first of those that were trained on its task
        self._newest_number = 0

    def add(self, release: Release) -> None:
        """Take a release into account.

        Args:
            release: A release that follows those that were added before.
        """
        for revision in release.revisions:
            # A release that was never recorded has no number, and follows all others.
            number = revision.number or self._newest_number + 1
            self._newest_number = max(self._newest_number, number)
            first = _First(number, release)
            for key in _keys(revision):
                _keep_earlier(self._tested, key, first)
                task, _ = key
                if task in revision.trained_on:
                    _keep_earlier(self._named, key, first)

    def of(self, task: str, segment: str = "") -> Baseline | None:
        """Look up the baseline of a task or of one of its segments.

        Args:
            task: The task.
            segment: The segment; "" for the task as a whole.

        Returns:
            The baseline; None if no release was tested on it.
        """
        key = (task, segment)
        baselines = []
        for firsts in (self._tested, self._named):
            if key in firsts:
                release = firsts[key].release
                baselines.append(Baseline(_score(release, task, segment), release.release))
        # If both scores are equal, the first one wins: the release that was tested first.
        return max(baselines, key=lambda baseline: baseline.score, default=None)

    def named(self, task: str) -> bool:
        """Tell whether any release names the task as trained on."""
        return (task, "") in self._named

    def __iter__(self) -> Iterator[Key]:
        """Iterate over tasks and segments, in the order in which they were first tested."""
        return iter(self._tested)


def _keys(revision: Release) -> list[Key]:
    """List the tasks and segments that a revision was tested on."""
    tasks = [(task, "") for task in revision.scores]
    return [*tasks, *revision.segments]


def _keep_earlier(firsts: dict[Key, _First], key: Key, candidate: _First) -> None:
    """Replace the entry of a task or segment if the candidate was recorded before it."""
    known = firsts.get(key)
    if known is None or candidate.number < known.number:
        firsts[key] = candidate


def _score(release: Release, task: str, segment: str) -> float:
    """Return the higher of the first and the newest score of a release that was tested on it."""
    scores = []
    # A revision in the middle never counts: the newest one corrects it.
    for revision in release.revisions:
        score = revision.score(task, segment)
        if score is not None:
            scores.append(score)
    return max(scores[0], scores[-1])
