"""Training on a whole stream with an evaluation after every task. A run that was killed goes on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from holdfast.engine.batch import Batch
from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix, Curves
from holdfast.results.file_names import learner_file
from holdfast.streams.task import Stream, Task
from holdfast.training.checkpoint import Checkpoints, make_ready, save
from holdfast.training.cost import cost_after_task, cost_of_run, peak, reset_peak
from holdfast.training.evaluation import rehearse, scores
from holdfast.training.preflight import check_run
from holdfast.training.recorder import Recorder, empty_matrix
from holdfast.training.records import Records
from holdfast.training.scoring import range_of
from holdfast.training.succession import check_begun, check_left
from holdfast.training.view import View


class Trains(Protocol):
    """What a run needs of a learner."""

    @property
    def view(self) -> View:
        """The learner as its method sees it."""

    @property
    def records(self) -> Records:
        """What it tells the user's logger."""

    def begin(self, task: Task) -> None:
        """Begin a task."""

    def step(self, batch: Batch) -> Tensor:
        """Take one training step."""

    def end(self) -> None:
        """End the task."""


@dataclass
class Run:
    """What a run gives.

    Attributes:
        matrix: The score of every task after every task, on test examples.
        curves: Scores during training, if they were asked for.
        cost: Seconds, parameters and bytes.
        outputs_exist: Whether every task's outputs exist before it is trained. If not, forward
            transfer is NaN.
        validation: The matrix on validation examples, if the stream has them.
        zero_shot: With curves: the score of each task before its first step.
    """

    matrix: AccuracyMatrix
    curves: Curves | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    outputs_exist: bool = True
    validation: AccuracyMatrix | None = None
    zero_shot: list[float] = field(default_factory=list)


def fit(
    learner: Trains,
    stream: Stream,
    *,
    evaluate_every: int | Sequence[int] | None = None,
    untrained: bool | None = None,
    keep_results: bool = False,
    segments: bool = False,
    progress: Callable[[Task, int, int], None] | None = None,
    checkpoints: str | Path | Checkpoints | None = None,
    keep: str | Path | None = None,
) -> Run:
    """Train a learner on each task of a stream in order, and evaluate after each.

    A learner that was loaded, or has begun tasks of the stream, goes on with the rest; what came
    before is then not evaluated. After each task every task is scored whose outputs exist: those so
    far, and in the domain scenario, in which all tasks share the outputs, the later ones too.

    Args:
        learner: The learner.
        stream: The tasks.
        evaluate_every: Steps between evaluations during training (one number, or one per task), for
            anytime metrics.
        untrained: Whether the untrained network is scored first. The default is yes in the domain
            scenario. In the others it has no outputs yet.
        keep_results: Keep the score of each example.
        segments: Score each class of a task as well.
        progress: Called as `progress(task, step, steps)` after every step.
        checkpoints: A folder. If the run is killed, the same call on a fresh learner resumes bit for
            bit from the newest checkpoint there. They stay until `Checkpoints(folder).clear()`.
        keep: A folder in which the learner is kept after every task (`kept`), for diagnostics.

    Returns:
        The matrix of scores, curves and cost.

    Raises:
        HoldfastError: Something does not fit; what can be known is said before the first step.
    """
    check(learner.view, stream, evaluate_every)
    all_exist = stream.scenario == "domain"
    if untrained and not all_exist:
        raise HoldfastError(
            f"untrained=True has no effect in the {stream.scenario} scenario, in which an untrained "
            "model has no outputs for any task yet; leave it out"
        )
    if isinstance(checkpoints, str | Path):
        checkpoints = Checkpoints(checkpoints)
    fitting = _Fitting(
        learner=learner,
        stream=stream,
        evaluate_every=evaluate_every,
        keep_results=keep_results,
        segments=segments,
        progress=progress,
        checkpoints=checkpoints,
        keep=None if keep is None else Path(keep),
    )
    fitting.prepare()
    if all_exist and untrained is not False:
        fitting.score_untrained()
    for task in fitting.tasks_left():
        fitting.train(task)
    return fitting.result()


@dataclass
class _Fitting:
    """A run in progress; the arguments of `fit` say what its fields mean."""

    learner: Trains
    stream: Stream
    evaluate_every: int | Sequence[int] | None
    keep_results: bool
    segments: bool
    progress: Callable[[Task, int, int], None] | None
    checkpoints: Checkpoints | None
    keep: Path | None

    def __post_init__(self) -> None:
        self.view = self.learner.view
        self.recorder = Recorder()
        self.tasks = [task.to(self.view.device) for task in self.stream]
        self._steps_before = 0  # steps of the tasks before the current one

    def prepare(self) -> None:
        """Get the folders ready, and go on from a checkpoint if there is one."""
        if self.checkpoints is not None:
            make_ready(self.checkpoints.folder)
        if self.keep is not None:
            make_ready(self.keep)
        setup = self.view.setup
        if setup.augment is None:
            setup.augment = self.stream.augment
        found = None
        if self.checkpoints is not None:
            found = self.checkpoints.resume(self.view.state, list(self.stream.tasks))
        if found is None:
            check_left(self.view, self.stream)
        else:
            check_begun(self.view, self.stream)
            self.recorder = found
        reset_peak(self.view.device)

    def score_untrained(self) -> None:
        """Score every task before anything is learnt."""
        if not self.view.state.progress.names:
            self.view.head.opened = self.view.head.width
            self._score(None, self.tasks)

    def tasks_left(self) -> Iterator[Task]:
        """The tasks that have not ended; the steps of the others are counted."""
        state = self.view.state
        ended = len(state.progress.names) - state.active
        ends = self.recorder.ends
        for task in self.tasks[len(ends) : ended]:  # trained before this call
            before = ends[-1] if ends else 0
            ends.append(before + self.view.order(task).steps)
        self._steps_before = ends[-1] if ends else 0
        self._first = ended
        yield from self.tasks[ended:]

    def train(self, task: Task) -> None:
        """Train on a task, then score the tasks whose outputs exist."""
        self.learner.begin(task)
        if task.index == self._first:
            rehearse(self.view, task)
        steps = self.view.order(self.view.need_task()).steps
        every = self.evaluate_every
        if isinstance(every, Sequence):
            every = every[task.index]
        if every and not self.view.task_steps:
            self.recorder.zero_shot.append(self._scores_so_far(task)[-1])
        with self.view.state.random.active():  # once per task rather than once per step
            for batch in self.view.batches():
                self.learner.step(batch)
                self._after_step(task, steps, every)
        self._steps_before += steps
        self.recorder.ends.append(self._steps_before)
        self.learner.end()
        if self.keep is not None:
            save(self.view.state, learner_file(self.keep, task.index + 1))
        exist = self.tasks
        if self.stream.scenario != "domain":
            exist = self.tasks[: task.index + 1]
        self._score(task.name, exist)
        self.recorder.by_task.append(cost_after_task(self.view.state, steps))
        self._write_if_due()

    def _after_step(self, task: Task, steps: int, every: int | None) -> None:
        done = self.view.task_steps
        if self.progress is not None:
            self.progress(task, done, steps)
        if every and (done % every == 0 or done == steps):
            later: list[float | None] = [None] * (len(self.tasks) - task.index - 1)
            self.recorder.steps.append(self._steps_before + done)
            self.recorder.scores.append([*self._scores_so_far(task), *later])
        self._write_if_due()

    def _scores_so_far(self, task: Task) -> list[float]:
        """The mean score of each task up to this one, which the logger is told."""
        means = {
            seen.name: float(scores(self.view, seen)[0].mean())
            for seen in self.tasks[: task.index + 1]
        }
        self.learner.records.evaluated(self.view.state.progress, {"score": means})
        return list(means.values())

    def _score(self, after: str | None, tasks: Sequence[Task]) -> None:
        """Add a row to the matrix, and tell the logger."""
        means = self.recorder.evaluate(
            self.view, self.stream, after, tasks, self.segments, self.keep_results
        )
        if after is not None:
            self.learner.records.evaluated(self.view.state.progress, means)

    def _write_if_due(self) -> None:
        """Write a checkpoint if it is time for one."""
        if self.checkpoints is not None and self.checkpoints.due():
            self._note_peak()
            self.checkpoints.write(self.view.state, self.recorder)

    def _note_peak(self) -> None:
        self.recorder.peak = max(self.recorder.peak, peak(self.view.device))

    def result(self) -> Run:
        """What the finished run gives."""
        self._note_peak()
        recorder = self.recorder
        empty = empty_matrix(self.view, self.stream)
        return Run(
            matrix=recorder.matrix("test", empty) or empty,
            curves=recorder.curves([task.name for task in self.stream]),
            cost=cost_of_run(self.view.state, recorder.peak, recorder.by_task),
            outputs_exist=self.stream.scenario == "domain",
            validation=recorder.matrix("validation", empty),
            zero_shot=recorder.zero_shot,
        )


def check(view: View, stream: Stream, evaluate_every: int | Sequence[int] | None) -> None:
    """Refuse, before the first step, what would stop the run at a later task.

    Raises:
        HoldfastError: The stream does not fit the learner.
    """
    if view.scenario != stream.scenario:
        raise HoldfastError(
            f"the stream is for the {stream.scenario} scenario, but the learner for "
            f"{view.scenario}; build both for one"
        )
    if isinstance(evaluate_every, Sequence) and len(evaluate_every) != len(stream):
        raise HoldfastError(
            f"evaluate_every lists {len(evaluate_every)} numbers for {len(stream)} tasks; give one "
            "number, or one per task"
        )
    range_of(view.setup.scorer)
    check_begun(view, stream)
    view.head.check_width(view.model, stream.outputs)
    with view.state.random.aside("check"):
        check_run(view, stream)
