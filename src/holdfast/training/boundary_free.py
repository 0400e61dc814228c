"""Training where nobody says when one task ends: a detector declares boundaries, so that methods that need them work.

The learner sees one sequence of batches. Between two declared boundaries lies a segment, which is a task to the learner and the method;
what its method consolidates on are the `recent` rows before the boundary (less those that the detector counts to the new segment).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows
from holdfast.errors import HoldfastError
from holdfast.metrics.detection import Detection, detection
from holdfast.streams.drift import Detector
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.task import Examples, Stream, Task
from holdfast.training.cost import cost_after_task, cost_of_run, peak, reset_peak
from holdfast.training.evaluation import predict
from holdfast.training.fit import Run, Trains, check
from holdfast.training.recorder import Recorder, empty_matrix


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

    def fetch(self, index: Tensor) -> Examples:
        x, y = (torch.cat([b[k] for b in self.batches_held]) for k in (0, 1))
        on = index.to(y.device)
        return x.index_select(0, on), y.index_select(0, on), rows_of_task(self.task, len(on))

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
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
    >>> learner.state.progress.names
    ['segment 0']
    """

    def __init__(
        self, learner: Trains, outputs: int, detector: Detector | None = None, recent: int = 1000
    ) -> None:
        setup = learner.view.setup
        if setup.scenario != "domain":
            raise HoldfastError(
                f"a stream without boundaries has one set of outputs: the domain scenario, got {setup.scenario}; "
                "where classes are added, that is a boundary"
            )
        if setup.settings.schedule != "constant":
            raise HoldfastError(
                f"schedule={setup.settings.schedule!r} runs over the steps of a task, and nobody knows how many "
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
        x, y = x.to(self.learner.view.device), y.to(self.learner.view.device)
        k = len(self.declared)
        if self._rows is None:
            self._rows = Recent(self.recent, k)
            self._rows.add(x, y)  # methods may look at the task's first rows
            self.learner.begin(Task(k, f"segment {k}", self._rows, self._rows, (0, self.outputs)))
            self._refuse_other_data()
        else:
            self._rows.add(x, y)
        loss = self.learner.step(Batch.of_stream(Rows.of_task(x, y, k), first_epoch=first_epoch))
        self.steps += 1
        if self.detector is not None and self.detector.update(float(loss)):
            self._rows.drop_newest(self.detector.since)
            self.end()
            self.declared.append(self.steps)

    def _refuse_other_data(self) -> None:
        """Refuses methods that train on a selection of their own: here every batch is learnt as it comes."""
        training = self.learner.view.training_task
        if training is not None and training.train is not self._rows:
            raise HoldfastError(
                f"{self.learner.view.state.method!r} chooses what a task is trained on, and without boundaries there "
                "is no task to choose for; use boundaries='known', or a method that learns batch by batch"
            )

    def end(self) -> None:
        """Ends the present segment, where one has begun."""
        if self._rows is not None:
            self.learner.end()
            self._rows = None


def fit_boundary_free(
    learner: Trains,
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
    view = learner.view
    check(view, stream, None)
    if view.setup.augment is None:
        view.setup.augment = stream.augment
    feed = BoundaryFree(learner, stream.outputs, detector, recent)
    recorder = Recorder()
    tasks = [task.to(view.device) for task in stream]
    reset_peak(view.device)
    recorder.evaluate(view, stream, None, tasks)
    right = 0  # examples that were answered rightly before they were learnt
    rows = 0
    for task in tasks:
        order = view.order(task)
        steps_before = feed.steps
        epochs = deque[int]()
        for x, y, _ in task.train.batches(_noting(order, epochs), view.setup.seed):
            right += int((predict(view, x).argmax(1) == y.to(view.device)).sum())
            rows += len(y)
            feed.step(x, y, first_epoch=epochs.popleft() == 0)
            if progress is not None:
                progress(task, feed.steps - steps_before, order.steps)
        recorder.ends.append(feed.steps)
        means = recorder.evaluate(view, stream, task.name, tasks)
        learner.records.evaluated(view.state.progress, means)
        recorder.by_task.append(cost_after_task(view.state, order.steps))
    feed.end()
    recorder.peak = peak(view.device)
    empty = empty_matrix(view, stream)
    return BoundaryFreeRun(
        matrix=recorder.matrix("test", empty) or empty,
        cost=cost_of_run(view.state, recorder.peak, recorder.by_task),
        validation=recorder.matrix("validation", empty),
        declared=feed.declared,
        true=recorder.ends[:-1],
        online=right / max(rows, 1),
    )


def _noting(order: Iterable[tuple[Tensor, int]], epochs: deque[int]) -> Iterator[Tensor]:
    """The rows of each batch; the number of its epoch joins `epochs`, because batches may be read ahead."""
    for index, epoch in order:
        epochs.append(epoch)
        yield index
