"""Training where nobody says when one task ends: a detector declares boundaries, so that methods that need them work.

The learner sees one sequence of batches. Between two declared boundaries lies a segment, which is a task to the learner and the method;
what its method consolidates on are the `recent` rows before the boundary (less those that the detector counts to the new segment).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows
from holdfast.errors import HoldfastError
from holdfast.metrics.detection import Detection, detection
from holdfast.streams.drift import Detector
from holdfast.streams.task import Stream, Task
from holdfast.training.fit import Log, Run, check, cost, cost_now, empty_matrix, peak, reset_peak

if TYPE_CHECKING:
    from holdfast.training.learner import Learner


class Recent:
    """The newest rows of a stream, as a part to consolidate on."""

    def __init__(self, capacity: int, task: int) -> None:
        self.capacity, self.task = capacity, task
        self.batches_held: deque[tuple[Tensor, Tensor]] = deque()

    def add(self, x: Tensor, y: Tensor) -> None:
        """Takes the next batch and drops what is too old."""
        self.batches_held.append((x, y))
        while len(self) - len(self.batches_held[0][1]) >= self.capacity:
            self.batches_held.popleft()

    def drop_newest(self, batches: int) -> None:
        """Drops the last batches, but never all."""
        for _ in range(min(batches, len(self.batches_held) - 1)):
            self.batches_held.pop()

    def __len__(self) -> int:
        return sum(len(y) for _, y in self.batches_held)

    def fetch(self, index: Tensor) -> tuple[Tensor, Tensor, int | Tensor]:
        x, y = (torch.cat([b[k] for b in self.batches_held]) for k in (0, 1))
        on = index.to(y.device)
        return x.index_select(0, on), y.index_select(0, on), self.task

    def batches(
        self, order: Iterable[Tensor], seed: int = 0, first: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, int | Tensor]]:
        return map(self.fetch, order)

    def to(self, device: torch.device | str) -> "Recent":
        return self


@dataclass
class BoundaryFreeRun(Run):
    """A run without announced boundaries. `declared` and `true` are numbers of steps; `online` the mean accuracy on each batch before
    it was learnt."""

    declared: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    online: float = float("nan")

    @property
    def detection(self) -> Detection:
        """Delays, misses and false alarms."""
        return detection(self.declared, self.true)


class BoundaryFree:
    """Feeds a learner batch by batch and ends a segment where `detector` says so (None: never).

    >>> from holdfast.models import mlp
    >>> from holdfast.methods import OnlineEWC
    >>> from holdfast.training import Learner
    >>> learner = Learner(mlp(4, "fixed", 2, hidden=(8,), seed=0), OnlineEWC(1.0), scenario="domain")
    >>> feed = BoundaryFree(learner, outputs=2)
    >>> for _ in range(3):
    ...     feed.step(torch.rand(5, 4), torch.tensor([0, 1, 0, 1, 0]))
    >>> feed.end()
    >>> learner.names
    ['segment 0']
    """

    def __init__(
        self, learner: "Learner", outputs: int, detector: Detector | None = None, recent: int = 1000
    ) -> None:
        if learner.scenario != "domain":
            raise HoldfastError(
                f"a stream without boundaries has one set of outputs: the domain scenario, got {learner.scenario}; "
                "where classes are added, that is a boundary"
            )
        if learner.schedule_name != "constant":
            raise HoldfastError(
                f"schedule={learner.schedule_name!r} runs over the steps of a task, and nobody knows how many "
                "a task without boundaries has; use schedule='constant'"
            )
        self.learner, self.outputs, self.detector, self.recent = learner, outputs, detector, recent
        self.declared: list[int] = []
        self.steps = 0
        self._rows: Recent | None = None

    def step(self, x: Tensor, y: Tensor, first_epoch: bool = True) -> None:
        """Learns one batch of raw inputs and output indices; may declare a boundary after it.

        Memories take the rows only if it is their `first_epoch`.
        """
        x, y = x.to(self.learner.device), y.to(self.learner.device)
        k = len(self.declared)
        if self._rows is None:
            self._rows = Recent(self.recent, k)
            self._rows.add(x, y)  # methods may look at the task's first rows
            self.learner.begin(Task(k, f"segment {k}", self._rows, self._rows, (0, self.outputs)))
            self._refuse_other_data()
        else:
            self._rows.add(x, y)
        loss = self.learner.step(Batch.of_stream(Rows(x, y, k), first_epoch=first_epoch))
        self.steps += 1
        if self.detector is not None and self.detector.update(float(loss)):
            self._rows.drop_newest(self.detector.since)
            self.end()
            self.declared.append(self.steps)

    def _refuse_other_data(self) -> None:
        """Refuses methods that train on a selection of their own: here every batch is learnt as it comes."""
        training = self.learner.training_task
        if training is not None and training.train is not self._rows:
            raise HoldfastError(
                f"{self.learner.method!r} chooses what a task is trained on, and without boundaries there "
                "is no task to choose for; use boundaries='known', or a method that learns batch by batch"
            )

    def end(self) -> None:
        """Ends the present segment, where one has begun."""
        if self._rows is not None:
            self.learner.end()
            self._rows = None


def fit_boundary_free(
    learner: "Learner",
    stream: Stream,
    detector: Detector | None = None,
    *,
    recent: int = 1000,
    progress: Callable[[Task, int, int], None] | None = None,
) -> BoundaryFreeRun:
    """Trains on the tasks of a stream (domain scenario) one after another without telling the learner where they end.

    After each true task all tasks are evaluated, so that the matrix compares with one of announced boundaries. `detector=None`: no
    boundary is ever declared, and nothing is consolidated.
    """
    check(learner, stream, None)
    if learner.augment is None:
        learner.augment = stream.augment
    feed, log = BoundaryFree(learner, stream.outputs, detector, recent), Log()
    tasks = [t.to(learner.device) for t in stream]
    reset_peak(learner.device)
    log.evaluate(learner, stream, None, tasks)
    right = rows = 0
    for task in tasks:
        order, done, epochs = learner.order(task), feed.steps, deque[int]()
        for x, y, _ in task.train.batches(_noting(order, epochs), learner.seed):
            right += int((learner.predict(x).argmax(1) == y.to(learner.device)).sum())
            rows += len(y)
            feed.step(x, y, first_epoch=epochs.popleft() == 0)
            if progress is not None:
                progress(task, feed.steps - done, order.steps)
        log.ends.append(feed.steps)
        log.evaluate(learner, stream, task.name, tasks)
        log.by_task.append(cost_now(learner, order.steps))
    feed.end()
    log.peak = peak(learner.device)
    matrix, validation = (
        log.matrix(stream, part, empty_matrix(learner, stream)) for part in ("test", "validation")
    )
    assert matrix is not None
    return BoundaryFreeRun(
        matrix,
        None,
        cost(learner, log),
        True,
        validation,
        declared=feed.declared,
        true=log.ends[:-1],
        online=right / max(rows, 1),
    )


def _noting(order: Iterable[tuple[Tensor, int]], epochs: deque[int]) -> Iterator[Tensor]:
    """The rows of each batch; the number of its epoch joins `epochs`, because batches may be read ahead."""
    for index, epoch in order:
        epochs.append(epoch)
        yield index
