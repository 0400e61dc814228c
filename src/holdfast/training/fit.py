"""Training on a whole stream with an evaluation after every task.

A run may be killed at any time. The same call then resumes it from its newest checkpoint, and gives
the results that an uninterrupted run would have given.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from holdfast.engine.batch import Batch
from holdfast.errors import HoldfastError, UnlearntWarning
from holdfast.results.file_names import learner_file
from holdfast.streams.task import Stream, Task
from holdfast.training.causes import Losses
from holdfast.training.checkpoint import Checkpoints, as_checkpoints, make_ready, save
from holdfast.training.cost import cost_after_task, cost_of_run, peak, reset_peak
from holdfast.training.display import ShowProgress, Silent, Watch, consolidation_of
from holdfast.training.evaluation import rehearse, scores
from holdfast.training.later.history import History
from holdfast.training.preflight import check_run
from holdfast.training.recorder import Recorder, empty_matrix
from holdfast.training.records import Records
from holdfast.training.run import Run
from holdfast.training.scoring import range_of
from holdfast.training.showing import watch_for
from holdfast.training.succession import check_begun, check_left
from holdfast.training.target_checks import warn_of_scale
from holdfast.training.tracks import Track, check_resumed, check_tracks, measure, tracked
from holdfast.training.view import View


class Trains(Protocol):
    """What a run needs of a learner."""

    @property
    def view(self) -> View:
        """The learner as its method sees it."""

    @property
    def records(self) -> Records:
        """What is sent to the user's logger."""

    @property
    def history(self) -> History:
        """What it has learnt so far."""

    def begin(self, task: Task) -> None:
        """Begin a task."""

    def step(self, batch: Batch) -> Tensor:
        """Take one training step, and return its loss."""

    def end(self) -> None:
        """End the task."""


def fit(
    learner: Trains,
    stream: Stream,
    *,
    evaluate_every: int | Sequence[int] | None = None,
    untrained: bool | None = None,
    keep_results: bool = False,
    segments: bool = False,
    progress: bool | ShowProgress | Watch | None = None,
    checkpoints: str | Path | Checkpoints | None = None,
    keep: str | Path | None = None,
    track: Track | None = None,
) -> Run:
    """Train a learner on each task of a stream in order, and evaluate after each.

    A learner that was loaded, or has begun the stream, continues with the rest. The tasks whose
    outputs exist are scored: every task in the domain scenario, otherwise those so far.

    Args:
        learner: The learner.
        stream: The tasks.
        evaluate_every: Steps between evaluations (or one number per task). None: after tasks only.
        untrained: Whether the untrained network is scored first. None: in the domain scenario only.
        keep_results: Keep the score of each example.
        segments: Score each class of a task as well.
        progress: Whether the time left is shown on stderr. None: in an interactive session only. A
            function is called as `progress(task, step, steps)` after every step instead.
        checkpoints: A folder from which a killed run resumes bit for bit if you call `fit` again on
            a fresh learner. They stay until `Checkpoints(folder).clear()`.
        keep: A folder that gets a file of the learner after every task, for diagnostics.
        track: Texts by name, whose token losses are measured before training and after each task,
            such as `{"general": part}`. They show what general ability a language model loses.

    Raises:
        HoldfastError: Something does not fit. What can be known is refused before the first step.

    Warns:
        UnlearntWarning: Tasks were not learnt. The message says which, and why probably.
    """
    fitting = _Fitting(
        learner=learner,
        stream=stream,
        evaluate_every=evaluate_every,
        keep_results=keep_results,
        segments=segments,
        progress=progress,
        checkpoints=as_checkpoints(checkpoints),
        keep=None if keep is None else Path(keep),
        track=track or {},
    )
    run = fitting.run(untrained)
    if run.warning:
        warnings.warn(run.warning, UnlearntWarning, stacklevel=2)
    return run


@dataclass
class _Fitting:
    """A run in progress. The arguments of `fit` say what its fields mean."""

    learner: Trains
    stream: Stream
    evaluate_every: int | Sequence[int] | None
    keep_results: bool
    segments: bool
    progress: bool | ShowProgress | Watch | None
    checkpoints: Checkpoints | None
    keep: Path | None
    track: Track

    def __post_init__(self) -> None:
        self.view = self.learner.view
        self.recorder = Recorder()
        self.losses = Losses()
        self.watch: Watch = Silent()
        self.tasks: list[Task] = []
        self.shares_outputs = self.stream.scenario == "domain"
        self._steps_before = 0  # steps of the tasks before the current one

    def run(self, untrained: bool | None) -> Run:
        """Carry out the whole run."""
        check(self.view, self.stream, self.evaluate_every)
        check_tracks(self.view, self.track)
        warn_of_scale(self.view.objective, self.stream[0].train)
        if untrained and not self.shares_outputs:
            raise HoldfastError(
                f"untrained=True has no effect in the {self.stream.scenario} scenario, in which an "
                "untrained model has no outputs for any task yet; leave it out"
            )
        self._prepare()
        # In the other scenarios the untrained network has no outputs yet that could be scored.
        if self.shares_outputs and untrained is not False:
            self._score_untrained()
        if not self.recorder.tracked:
            self._follow_tracks(None)
        first = True
        self.watch = watch_for(self.progress, self._planned())
        try:
            for task in self._tasks_left():
                self._train(task, first)
                first = False
        finally:
            self.watch.close()
        return self._results()

    def _planned(self) -> dict[int, int]:
        """Return the steps of each task, which its method may still change."""
        return {task.index: self.view.order(task).steps for task in self.tasks}

    # ---- before the first step

    def _prepare(self) -> None:
        """Make the folders ready, and resume from a checkpoint if there is one."""
        self.tasks = [task.to(self.view.device) for task in self.stream]
        # A folder that cannot be written would end the run at its first checkpoint.
        if self.checkpoints is not None:
            make_ready(self.checkpoints.folder)
        if self.keep is not None:
            make_ready(self.keep)
        # Augmentation belongs to the data, unless the user gave the learner another one.
        setup = self.view.setup
        if setup.augment is None:
            setup.augment = self.stream.augment
        resumed = None
        if self.checkpoints is not None:
            resumed = self.checkpoints.resume(self.view.state, list(self.stream.tasks))
        # A resumed run may have been finished, and then only its results are made again. Without a
        # checkpoint, a stream on which nothing is left to train is a mistake.
        if resumed is None:
            check_left(self.view, self.stream)
        else:
            check_begun(self.view, self.stream)
            check_resumed(self.track, resumed.tracked)
            self.recorder = resumed
        reset_peak(self.view.device)

    def _score_untrained(self) -> None:
        """Score every task before anything is learnt, unless the run was resumed."""
        if self.view.state.progress.names:
            return
        # In the domain scenario the first task opens all outputs, so they can be open already.
        self.view.head.opened = self.view.head.width
        self._score(None, self.tasks)

    def _tasks_left(self) -> Iterator[Task]:
        """Yield the tasks that have not ended, once the steps of the others are counted."""
        state = self.view.state
        ended = len(state.progress.names) - state.active
        ends = self.recorder.ends
        # A learner that was trained before this call has ended tasks that the recorder lacks.
        for task in self.tasks[len(ends) : ended]:
            before = ends[-1] if ends else 0
            ends.append(before + self.view.order(task).steps)
        if ends:
            self._steps_before = ends[-1]
        yield from self.tasks[ended:]

    # ---- a task

    def _train(self, task: Task, is_first: bool) -> None:
        """Train on a task, then score the tasks whose outputs exist."""
        self.learner.begin(task)
        if is_first:
            rehearse(self.view, task)
        # The method may have chosen other examples than those of the task.
        steps = self.view.order(self.view.need_task()).steps
        every = self.evaluate_every
        if isinstance(every, Sequence):
            every = every[task.index]
        # A task that is resumed in the middle was scored before.
        if every and not self.view.task_steps:
            self.recorder.zero_shot.append(self._scores_so_far(task)[-1])
        # A resumed task continues with its losses from before, so that its causes are the same.
        self.losses = Losses(self.recorder.in_task if self.view.task_steps else ())
        with self.view.state.random.active():  # once per task rather than once per step
            for batch in self.view.batches():
                self.losses.see(self.learner.step(batch))
                self._after_step(task, steps, every)
        self.recorder.losses.append(self.losses.ends())
        self.losses = Losses()
        # The method may train on when it closes the task, which curves do not count.
        self._steps_before += steps
        self.recorder.ends.append(self._steps_before)
        self.watch.phase(task, consolidation_of(self.view.state.method))
        self.learner.end()
        if self.keep is not None:
            save(self.view.state, learner_file(self.keep, task.index + 1))
        tasks = self.tasks
        if not self.shares_outputs:
            tasks = self.tasks[: task.index + 1]
        self.watch.phase(task, "evaluation")
        self._score(task.name, tasks)
        self._follow_tracks(task)
        self.recorder.by_task.append(cost_after_task(self.view.state, steps))
        self._write_if_due()

    def _after_step(self, task: Task, steps: int, every: int | None) -> None:
        """Show the progress, and evaluate or write a checkpoint if it is time for it."""
        done = self.view.task_steps
        self.watch.step(task, done, steps)
        if every and (done % every == 0 or done == steps):
            # Each row of curves has an entry for every task, also for those to come.
            later: list[float | None] = [None] * (len(self.tasks) - task.index - 1)
            self.recorder.steps.append(self._steps_before + done)
            self.recorder.scores.append([*self._scores_so_far(task), *later])
        self._write_if_due()

    def _scores_so_far(self, task: Task) -> list[float]:
        """Return the mean score of each task up to this one, and send them to the logger."""
        means: dict[str, float] = {}
        for seen in self.tasks[: task.index + 1]:
            means[seen.name] = float(scores(self.view, seen)[0].mean())
        self.learner.records.evaluated(self.view.state.progress, {"score": means})
        return list(means.values())

    def _score(self, after: str | None, tasks: Sequence[Task]) -> None:
        """Add a row to the matrix, and send its means to the logger once a task was learnt."""
        means = self.recorder.evaluate(
            self.view, self.stream, after, tasks, self.segments, self.keep_results
        )
        if after is not None:
            self.learner.records.evaluated(self.view.state.progress, means)

    def _follow_tracks(self, after: Task | None) -> None:
        """Measure the texts that are followed."""
        self.recorder.tracked += measure(self.view, self.track, after)

    def _write_if_due(self) -> None:
        """Write a checkpoint if it is time for one."""
        if self.checkpoints is not None and self.checkpoints.due():
            self._note_peak()
            self.recorder.in_task = self.losses.kept()
            self.checkpoints.write(self.view.state, self.recorder)

    def _note_peak(self) -> None:
        """Keep the larger of this process's peak memory and that of the processes before it."""
        self.recorder.peak = max(self.recorder.peak, peak(self.view.device))

    # ---- the results

    def _results(self) -> Run:
        """Collect the results of the finished run."""
        self._note_peak()
        recorder = self.recorder
        empty = empty_matrix(self.view, self.stream)
        matrix = recorder.matrix("test", empty) or empty
        self.learner.history.measured(matrix)
        return Run(
            matrix=matrix,
            curves=recorder.curves([task.name for task in self.stream]),
            cost=cost_of_run(self.view.state, recorder.peak, recorder.by_task),
            outputs_exist=self.shares_outputs,
            validation=recorder.matrix("validation", empty),
            zero_shot=recorder.zero_shot,
            tracks=tracked(recorder.tracked),
            **recorder.of_learning(self.view, self.tasks),
        )


def check(view: View, stream: Stream, evaluate_every: int | Sequence[int] | None) -> None:
    """Refuse, before the first step, what would stop a run at a later task.

    Args:
        view: The learner.
        stream: The tasks.
        evaluate_every: Steps between evaluations during training, as `fit` takes them.

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
    range_of(view.setup.scorer)  # raises an error if the declared range is wrong
    check_begun(view, stream)
    view.head.check_width(view.model, stream.outputs)
    # Data sets may draw random numbers while their first rows are read.
    with view.state.random.aside("check"):
        check_run(view, stream)
