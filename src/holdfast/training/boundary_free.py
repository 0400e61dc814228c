"""Training without announced task boundaries: a detector declares them from the loss.

Methods such as EWC need to know when a task ends. Here the learner sees one sequence of batches.
What lies between two declared boundaries is called a segment, and the learner and its method treat
it as a task. The method consolidates on the newest rows before the boundary, without those that the
detector counts to the new segment.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows
from holdfast.errors import HoldfastError
from holdfast.metrics.detection import Detection, detection
from holdfast.named_inputs import Inputs, join_inputs
from holdfast.streams.drift import Detector
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.task import Examples, Stream, Task
from holdfast.training.cost import cost_after_task, cost_of_run, peak, reset_peak
from holdfast.training.display import ShowProgress, Watch
from holdfast.training.evaluation import predict
from holdfast.training.fit import Trains, check
from holdfast.training.recorder import Recorder, empty_matrix
from holdfast.training.run import Run
from holdfast.training.showing import watch_for
from holdfast.training.view import View


class Recent:
    """The newest rows of a stream, as the part of a task.

    Args:
        capacity: How many rows are needed. Whole batches are kept, so there may be up to one batch
            more.
        task: The number of the segment.

    Example:
        >>> recent = Recent(capacity=3, task=0)
        >>> for value in range(4):
        ...     recent.add(torch.full((2, 1), value), torch.zeros(2, dtype=torch.long))
        >>> recent.fetch(torch.arange(len(recent)))[0].flatten().tolist()
        [2, 2, 3, 3]
    """

    def __init__(self, capacity: int, task: int) -> None:
        self.capacity = capacity
        self.task = task
        self._batches: deque[tuple[Inputs, Tensor]] = deque()

    def add(self, x: Inputs, y: Tensor) -> None:
        """Take the next batch, and drop the oldest if the others are enough.

        Args:
            x: Raw inputs (B, ...).
            y: Output indices (B,).
        """
        self._batches.append((x, y))
        # The oldest batch is dropped only if the others are enough without it.
        while len(self) - len(self._batches[0][1]) >= self.capacity:
            self._batches.popleft()

    def drop_newest(self, batches: int) -> None:
        """Drop the newest batches, but never all, since a method needs some rows to consolidate on.

        Args:
            batches: How many.
        """
        for _ in range(min(batches, len(self._batches) - 1)):
            self._batches.pop()

    def __len__(self) -> int:
        return sum(len(y) for _, y in self._batches)

    def fetch(self, index: Tensor) -> Examples:
        """Return the rows at these places, the oldest row being number 0."""
        x = join_inputs([inputs for inputs, _ in self._batches])
        y = torch.cat([labels for _, labels in self._batches])
        on_device = index.to(y.device)
        return (
            x.index_select(0, on_device),
            y.index_select(0, on_device),
            rows_of_task(self.task, len(on_device)),
        )

    def batches(self, order: Iterable[Tensor], seed: int = 0, first: int = 0) -> Iterator[Examples]:
        """Return the rows of each batch of an order. Nothing is random here, so no seed is used."""
        return map(self.fetch, order)

    def to(self, device: torch.device | str) -> "Recent":
        """Return the same rows, because `BoundaryFree` has put them on the device."""
        return self


@dataclass(repr=False)
class BoundaryFreeRun(Run):
    """The results of a run without announced boundaries, beside those of any run.

    Attributes:
        declared: The steps after which the detector declared a boundary.
        true: The steps after which a task ended.
        online: The mean accuracy on each batch before it was learnt.
    """

    declared: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    online: float = float("nan")

    @property
    def detection(self) -> Detection:
        """Delays, misses and false alarms of the detector."""
        return detection(self.declared, self.true)


class BoundaryFree:
    """Feeds a learner batch by batch, and ends a segment when a detector declares a boundary.

    Args:
        learner: The learner, of the domain scenario.
        outputs: The number of outputs, which all segments share.
        detector: Sees the loss of each step. None never declares a boundary.
        recent: How many of the newest rows are kept for the method to consolidate on.

    Attributes:
        declared: The steps after which a boundary was declared.
        steps: The steps done.

    Raises:
        HoldfastError: The learner's scenario or schedule needs to know the tasks.

    Example:
        >>> from holdfast.models import mlp
        >>> from holdfast.methods import OnlineEWC
        >>> from holdfast.training import Learner
        >>> model = mlp(4, "fixed", 2, hidden=(8,), seed=0)
        >>> learner = Learner(model, OnlineEWC(1.0), scenario="domain")
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
                "a stream without boundaries has one set of outputs, so it needs the domain "
                f"scenario, got {setup.scenario}; where classes are added, that is a boundary"
            )
        if setup.settings.schedule != "constant":
            raise HoldfastError(
                f"schedule={setup.settings.schedule!r} runs over the steps of a task, and a task "
                "without boundaries has no known number of steps; use schedule='constant'"
            )
        self.learner = learner
        self.outputs = outputs
        self.detector = detector
        self.recent = recent
        self.declared: list[int] = []
        self.steps = 0
        self._rows: Recent | None = None  # of the current segment, if one has begun

    def step(self, x: Inputs, y: Tensor, first_epoch: bool = True) -> None:
        """Learn one batch. A boundary may be declared after it.

        Args:
            x: Raw inputs (B, ...).
            y: Output indices (B,).
            first_epoch: Whether the rows come for the first time. Memories take only those.

        Raises:
            HoldfastError: The batch cannot be trained, or the method needs announced tasks.
        """
        x = x.to(self.learner.view.device)
        y = y.to(self.learner.view.device)
        segment = len(self.declared)
        if self._rows is None:
            self._rows = Recent(self.recent, segment)
            # The rows come first, because methods may look at them when the segment begins.
            self._rows.add(x, y)
            self._begin(segment, self._rows)
        else:
            self._rows.add(x, y)
        rows = Rows.of_task(x, y, segment)
        loss = self.learner.step(Batch.of_stream(rows, first_epoch=first_epoch))
        self.steps += 1
        # A detector needs the value of the loss, so here every step waits for the device.
        if self.detector is not None and self.detector.update(float(loss)):
            # The loss rose some steps before the detector was sure, so those rows are of the new
            # segment. They are not trained again.
            self._rows.drop_newest(self.detector.since)
            self.end()
            self.declared.append(self.steps)

    def _begin(self, segment: int, rows: Recent) -> None:
        """Begin a segment, whose rows the method must not exchange for a selection of its own."""
        task = Task(
            index=segment,
            name=f"segment {segment}",
            train=rows,
            test=rows,  # a task needs test examples, but nobody scores a segment
            outputs=(0, self.outputs),
        )
        self.learner.begin(task)
        training_task = self.learner.view.training_task
        if training_task is not None and training_task.train is not rows:
            raise HoldfastError(
                f"{self.learner.view.state.method!r} chooses the examples of each task, and "
                "without boundaries every batch is learnt as it comes; use boundaries='known', or "
                "a method that learns batch by batch"
            )

    def end(self) -> None:
        """End the current segment, if one has begun."""
        if self._rows is not None:
            self.learner.end()
            self._rows = None


def fit_boundary_free(
    learner: Trains,
    stream: Stream,
    detector: Detector | None = None,
    *,
    recent: int = 1000,
    progress: bool | ShowProgress | Watch | None = None,
) -> BoundaryFreeRun:
    """Train on the tasks of a stream without announcing where they end.

    After each true task all tasks are evaluated, as with announced boundaries.

    Args:
        learner: The learner, of the domain scenario.
        stream: The tasks.
        detector: Declares boundaries. With None, nothing is consolidated before the end.
        recent: How many of the newest rows the method consolidates on.
        progress: Whether and how steps are shown, as in `fit`.

    Raises:
        HoldfastError: The stream does not fit the learner.
    """
    view = learner.view
    _refuse_without_labels(view)
    check(view, stream, None)
    if view.setup.augment is None:
        view.setup.augment = stream.augment
    feed = BoundaryFree(learner, stream.outputs, detector, recent)
    recorder = Recorder()
    online = _Online()
    tasks = [task.to(view.device) for task in stream]
    reset_peak(view.device)
    recorder.evaluate(view, stream, None, tasks)
    watch = watch_for(progress, {task.index: view.order(task).steps for task in tasks})
    with closing(watch):
        for task in tasks:
            _train(feed, online, task, watch)
            recorder.ends.append(feed.steps)
            watch.phase(task, "evaluation")
            means = recorder.evaluate(view, stream, task.name, tasks)
            learner.records.evaluated(view.state.progress, means)
            recorder.by_task.append(cost_after_task(view.state, view.order(task).steps))
    # Nothing declares the end of the last segment, so it is closed here, like any other.
    feed.end()
    recorder.peak = peak(view.device)
    return _result(view, stream, recorder, feed.declared, online, tasks)


def _refuse_without_labels(view: View) -> None:
    """Refuse objectives whose predictions are neither right nor wrong."""
    if not view.objective.takes_labels:
        raise HoldfastError(
            "training without announced boundaries counts right answers, and "
            f"objective={view.objective.name!r} has none; announce the tasks with fit"
        )


@dataclass
class _Online:
    """Counts right answers on batches before they are learnt."""

    right: int = 0
    rows: int = 0

    @property
    def accuracy(self) -> float:
        """The share of right answers so far."""
        return self.right / max(self.rows, 1)


def _result(
    view: View,
    stream: Stream,
    recorder: Recorder,
    declared: list[int],
    online: _Online,
    tasks: list[Task],
) -> BoundaryFreeRun:
    """Put together what was measured."""
    empty = empty_matrix(view, stream)
    return BoundaryFreeRun(
        matrix=recorder.matrix("test", empty) or empty,
        cost=cost_of_run(view.state, recorder.peak, recorder.by_task),
        validation=recorder.matrix("validation", empty),
        declared=declared,
        true=recorder.ends[:-1],  # the end of the stream is no boundary between tasks
        online=online.accuracy,
        **recorder.of_learning(view, tasks),
    )


def _train(feed: BoundaryFree, online: _Online, task: Task, watch: Watch) -> None:
    """Feed the batches of one true task, each of which is first answered and then learnt."""
    view = feed.learner.view
    order = view.order(task)
    steps_before = feed.steps
    epochs = deque[int]()
    for x, y, _ in task.train.batches(_noting_epochs(order, epochs), view.setup.seed):
        # The answer comes before the step, since afterwards the rows are no longer new.
        online.right += int((predict(view, x).argmax(1) == y.to(view.device)).sum())
        online.rows += len(y)
        feed.step(x, y, first_epoch=epochs.popleft() == 0)
        watch.step(task, feed.steps - steps_before, order.steps)


def _noting_epochs(order: Iterable[tuple[Tensor, int]], epochs: deque[int]) -> Iterator[Tensor]:
    """Yield the rows of each batch, and note the number of its epoch.

    Batches may be read ahead, so the epoch of the newest index is not that of the current batch.
    """
    for index, epoch in order:
        epochs.append(epoch)
        yield index
