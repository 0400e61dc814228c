"""The stages of a Trainer: which task comes next, and what is measured after each."""

from collections.abc import Mapping
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.streams.task import Part, Stream, Task
from holdfast.training import Learner, Run, checkpoint_file, contents
from holdfast.training import checkpoint as checkpoints
from holdfast.training.causes import Losses
from holdfast.training.cost import cost_after_task, cost_of_run, peak, reset_peak
from holdfast.training.recorder import Recorder, empty_matrix
from holdfast.training.saved import SavedState
from holdfast.training.state import InTask, Resuming
from holdfast.training.tracks import Track, check_resumed, check_tracks, measure, tracked

STATE = "holdfast.safetensors"  # in each checkpoint folder of the Trainer
RUN = "run"  # what the file keeps beside the learner: the measurements of the run


class Stages:
    """Counts the tasks of a learner that a Trainer trains, and scores them.

    Args:
        learner: The learner.
        stream: The tasks.
        keep_results: Whether the score of each example is kept.
        track: Texts whose token losses are followed.

    Attributes:
        tasks: The tasks on the device of the learner.
        recorder: The measurements so far.
        losses: The losses of the current task.
    """

    def __init__(self, learner: Learner, stream: Stream, keep_results: bool, track: Track) -> None:
        check_tracks(learner.view, track)
        self._learner = learner
        self._stream = stream
        self._keep_results = keep_results
        self._track = track
        self.tasks = [task.to(learner.view.device) for task in stream]
        self.recorder = Recorder()
        self.losses = Losses()
        self._shares_outputs = stream.scenario == "domain"
        reset_peak(learner.view.device)

    @property
    def left(self) -> int:
        """How many tasks have not ended."""
        state = self._learner.view.state
        return len(self.tasks) - len(state.progress.names) + state.active

    def refuse_used(self, resumes: bool) -> None:
        """Refuse a learner that was interrupted, or one with tasks that is to be resumed.

        Args:
            resumes: Whether a checkpoint is going to be loaded.

        Raises:
            HoldfastError: What the method has begun in this process would be begun twice.
        """
        state = self._learner.view.state
        if isinstance(state.phase, InTask):
            raise HoldfastError(
                f"task {state.progress.names[-1]!r} was interrupted, so this trainer cannot train "
                "any more; make a new one, and resume with resume_from_checkpoint=True"
            )
        if resumes and state.progress.names:
            raise HoldfastError(
                f"this trainer has already trained task {state.progress.names[0]!r}; make a new "
                "one to resume from a checkpoint, or leave out resume_from_checkpoint"
            )

    def next_task(self) -> Task:
        """Return the task that comes next, or that a checkpoint was made in.

        Raises:
            HoldfastError: Every task was learnt.
        """
        if not self.left:
            raise HoldfastError(
                f"all {len(self.tasks)} tasks of the stream were learnt, so nothing is left to "
                "train; build a stream with more tasks"
            )
        return self.tasks[len(self.tasks) - self.left]

    # ---- the matrix

    def measure_untrained(self) -> None:
        """Score every task before the first one, if all share their outputs, and measure tracks."""
        view = self._learner.view
        if view.state.progress.names:
            return
        self.recorder.tracked += measure(view, self._track, None)
        if not self._shares_outputs:
            return
        # The first task opens all outputs of the domain scenario, so they can be open already.
        view.head.opened = view.head.width
        self.recorder.evaluate(
            view, self._stream, None, self.tasks, keep_results=self._keep_results
        )

    def end(self, task: Task, steps: int) -> None:
        """Record what is known of a task that has ended, and score the tasks so far.

        Args:
            task: The task.
            steps: The steps that the Trainer took on it.
        """
        view = self._learner.view
        recorder = self.recorder
        recorder.losses.append(self.losses.ends())
        self.losses = Losses()
        recorder.ends.append(steps + sum(recorder.ends[-1:]))
        tasks = self.tasks
        if not self._shares_outputs:
            tasks = self.tasks[: task.index + 1]
        means = recorder.evaluate(
            view, self._stream, task.name, tasks, keep_results=self._keep_results
        )
        self._learner.records.evaluated(view.state.progress, means)
        recorder.tracked += measure(view, self._track, task)
        recorder.by_task.append(cost_after_task(view.state, steps))

    def run(self) -> Run:
        """Collect the results so far, as `Learner.fit` returns them."""
        view = self._learner.view
        self._note_peak()
        empty = empty_matrix(view, self._stream)
        matrix = self.recorder.matrix("test", empty) or empty
        return Run(
            matrix=matrix,
            cost=cost_of_run(view.state, self.recorder.peak, self.recorder.by_task),
            outputs_exist=self._shares_outputs,
            validation=self.recorder.matrix("validation", empty),
            tracks=tracked(self.recorder.tracked),
            **self.recorder.of_learning(view, self.tasks),
        )

    def _note_peak(self) -> None:
        """Keep the larger of this process's peak memory and that of the processes before it."""
        self.recorder.peak = max(self.recorder.peak, peak(self._learner.view.device))

    # ---- checkpoints

    def save(self, folder: Path) -> None:
        """Write the learner and the measurements into a checkpoint folder of the Trainer.

        Args:
            folder: The folder, which is made if it is missing.
        """
        self._note_peak()
        self.recorder.in_task = self.losses.kept()
        beside = {RUN: self.recorder.to_plain()}
        checkpoints.save(self._learner.view.state, folder / STATE, beside)

    def load(self, folder: Path) -> None:
        """Restore learner and measurements. The next task is then resumed where it was.

        Args:
            folder: A checkpoint folder.

        Raises:
            HoldfastError: The file is missing or does not fit the learner, which then stays as it
                was.
        """
        beside = checkpoints.load(self._learner.view.state, folder / STATE, self.tasks)
        if not isinstance(beside, Mapping) or beside.keys() != {RUN}:
            raise HoldfastError(f"{folder / STATE} was not written by a ContinualTrainer")
        self.recorder = Recorder.from_plain(beside[RUN])
        check_resumed(self._track, self.recorder.tracked)
        self.losses = Losses(self.recorder.in_task)

    def go_back(self, folder: Path) -> None:
        """Put the learner back to an earlier step of the current task, as if it had ended there.

        Args:
            folder: A checkpoint folder of the same task.
        """
        path = folder / STATE
        tensors, plain = checkpoint_file.read(path)
        saved = SavedState.from_file(tensors, contents.check_about(plain, tensors))
        # The method has begun the task, and begins it only once.
        checkpoints.restore_again(self._learner.view.state, Resuming(saved, f"checkpoint {path}"))


def validation_of(stream: Stream) -> list[Part]:
    """Return the validation part of each task.

    Args:
        stream: The tasks.

    Raises:
        HoldfastError: A task has none.
    """
    parts = []
    for task in stream:
        if task.validation is None:
            raise HoldfastError(
                f"eval_strategy asks for evaluations during tasks, but task {task.name!r} has no "
                "validation part, and test examples must not choose a model; build the stream "
                "with validation=0.1, or pass eval_dataset"
            )
        parts.append(task.validation)
    return parts
