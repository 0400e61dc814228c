"""What every task is held to: its score when it was learnt, which no later record can lower."""

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.ledger.records import Release

Key = tuple[str, str]  # task, segment; an empty segment is the task as a whole


@dataclass(frozen=True)
class Baseline:
    """The score that a task or a segment is held to, and the release that it is of."""

    score: float
    release: str


class Baselines:
    """Baselines of the tasks and segments of a sequence of releases.

    The baseline of a task is the higher of two scores: of the release that was first tested on it,
    and of the release that first named it as trained on. So a task that was tested before it was
    learnt is held to what it reached when it was learnt, and a release that names an old task again
    lowers nothing. Releases count in the order in which the ledger recorded their revisions, and of
    each release the first revision counts, or the newest if that is higher: an amendment can
    correct a score upwards, and lower none.

    Example:
        >>> first = Release("m", "1", 0, "", ("x",), {"x": 0.9}, {"x": 100}, number=1)
        >>> second = Release("m", "2", 0, "", ("x",), {"x": 0.8}, {"x": 100}, number=2)
        >>> known = Baselines()
        >>> known.add(first)
        >>> known.add(second)
        >>> known.of("x")
        Baseline(score=0.9, release='1')
    """

    def __init__(self) -> None:
        self._tested: dict[Key, tuple[int, Release]] = {}  # first revision that has it, its release
        self._named: dict[Key, tuple[int, Release]] = {}  # the same of those that name its task
        self._newest = 0

    def add(self, release: Release) -> None:
        """Take a release into account, after those that were recorded before it."""
        for r in release.revisions:
            number = r.number or self._newest + 1  # one that is not recorded comes last
            self._newest = max(self._newest, number)
            for key in _keys(r):
                _keep_first(self._tested, key, number, release)
                if key[0] in r.trained_on:
                    _keep_first(self._named, key, number, release)

    def of(self, task: str, segment: str = "") -> Baseline | None:
        """The baseline of a task or of one of its segments; None if no release was tested on it."""
        key = (task, segment)
        found = [known[key][1] for known in (self._tested, self._named) if key in known]
        scored = [Baseline(_score(release, *key), release.release) for release in found]
        return max(scored, key=lambda b: b.score, default=None)

    def named(self, task: str) -> bool:
        """Whether a release names the task as trained on."""
        return (task, "") in self._named

    def __iter__(self) -> Iterator[Key]:
        """Tasks and segments, in the order in which they were first tested."""
        return iter(self._tested)


def _keys(release: Release) -> list[Key]:
    return [*((t, "") for t in release.scores), *release.segments]


def _keep_first(
    known: dict[Key, tuple[int, Release]],
    key: Key,
    number: int,
    release: Release,
) -> None:
    if key not in known or number < known[key][0]:
        known[key] = (number, release)


def _score(release: Release, task: str, segment: str) -> float:
    scores = (r.score(task, segment) for r in release.revisions)
    found = [s for s in scores if s is not None]
    return max(found[0], found[-1])
