"""`learner.learn`: append next month's data to what a learner knows, and measure what it forgot.

The old training data are not needed: the past is in the weights, in the method (stored examples,
importances, teachers) and in the test examples that are kept. Everything that can be refused is
refused before the first step.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Protocol, Unpack

import torch

from holdfast.engine.batch import Batch
from holdfast.engine.objective import Objective
from holdfast.engine.objectives import Regression
from holdfast.errors import HoldfastError, UnlearntWarning, one_of
from holdfast.metrics import AccuracyMatrix, Unlearnt
from holdfast.streams.parts import AbsentPart
from holdfast.streams.task import Stream, Task
from holdfast.streams.types import Label
from holdfast.training.causes import Learning, Losses
from holdfast.training.cost import cost_of_run, peak
from holdfast.training.display import ShowProgress, Watch, consolidation_of
from holdfast.training.evaluation import rehearse
from holdfast.training.later.history import NO_NAMES, form_of
from holdfast.training.later.incoming import Incoming, Later, LearnOptions, incoming, named
from holdfast.training.later.kept_tests import check_size, referred
from holdfast.training.later.learnt import Learnt
from holdfast.training.later.numbering import Numbering, renumbered
from holdfast.training.later.records import KEEPS, Keep
from holdfast.training.later.whole_file import Saves, obstacles
from holdfast.training.preflight import check_run
from holdfast.training.recorder import Recorder
from holdfast.training.run import Run
from holdfast.training.scoring import name_of, range_of
from holdfast.training.showing import watch_for
from holdfast.training.state import InTask, Resuming
from holdfast.training.view import View


class Learns(Saves, Protocol):
    """What learning needs of a learner."""

    @property
    def view(self) -> View:
        """The learner as its method sees it."""

    def begin(self, task: Task) -> None:
        """Begin a task."""

    def step(self, batch: Batch) -> torch.Tensor:
        """Take one training step, and return its loss."""

    def end(self) -> None:
        """End the task."""


def learn(
    learner: Learns,
    data: Later,
    *,
    name: str | None = None,
    label: str | None = None,
    test: float | str = 0.2,
    keep_test: Keep = "copy",
    skip_lost_tests: bool = False,
    progress: bool | ShowProgress | Watch | None = None,
    **options: Unpack[LearnOptions],
) -> Learnt:
    """Learn new data as a further task, and score all tasks whose test examples are at hand.

    New labels get new outputs by name, and labels that come back keep theirs. Only what the method
    stores of the past is needed. In the domain scenario all labels must be known, and in the task
    scenario each task has its own.

    Args:
        learner: The learner, new or loaded.
        data: A folder of images with a folder per class, a table file, a data frame, a task, a
            stream (each of its tasks is learnt), or a pair (inputs, labels) of arrays.
        name: The name of the task. None: that of the file or the folder.
        label: The column of the label, for tables. None: a column with a usual name.
        test: The share of rows to test on, or the column that marks them.
        keep_test: How the test examples are kept for later processes: "copy" puts them into the
            learner's file, "reference" remembers where your files are and what they held, and "no"
            leaves the scores of this task unknown later.
        skip_lost_tests: Whether to continue with unknown scores if referred test files changed.
        progress: As in `fit`.
        **options: How the first data are read: text, inputs, roles, missing, scale, features,
            encoder, embeddings, tokenizer, max_length, groups, image_size, color, targets and
            separate_inputs (`own_data.options.Options`). What is fitted then holds from then on.

    Returns:
        The new row of the matrix, what is new, and what was not learnt.

    Raises:
        HoldfastError: The data hold a mistake or do not fit the learner. Nothing was trained.

    Warns:
        UnlearntWarning: A task was not learnt. The message says why, probably.

    Example:
        >>> import numpy as np
        >>> from holdfast.models import mlp
        >>> from holdfast.training import Learner
        >>> learner = Learner(mlp(4, "growing", seed=0), "ER(20)", scenario="class", epochs=5)
        >>> x = np.eye(4, dtype=np.float32).repeat(20, axis=0)
        >>> y = np.array(["cat", "dog", "owl", "elk"]).repeat(20)
        >>> learner.learn((x[:40], y[:40]), name="2026-11").new_labels
        ['cat', 'dog']
        >>> month = learner.learn((x[20:60], y[20:60]), name="2026-12")
        >>> month.new_labels, month.returned, learner.history.labels
        (['owl'], ['dog'], ['cat', 'dog', 'owl'])
    """
    one_of("keep_test", keep_test, KEEPS)
    _refuse_in_task(learner)
    objective = learner.view.objective
    _refuse_unit(objective, learner.view.scenario)
    goal = "classification" if objective.takes_labels else objective.name
    new = incoming(data, name, learner.history.reader, label, test, options, goal)
    month = _Month(learner, new, keep_test, skip_lost_tests)
    month.check()
    month.train(progress)
    learnt = month.result()
    if learnt.warning:
        warnings.warn(learnt.warning, UnlearntWarning, stacklevel=2)
    return learnt


def _refuse_in_task(learner: Learns) -> None:
    """Refuse to learn in the middle of a task."""
    if not isinstance(learner.state.phase, InTask | Resuming):
        return
    current = learner.state.progress.names[-1]
    raise HoldfastError(
        f"task {current!r} has not ended; train it to its end, and call end() before learn"
    )


def _refuse_unit(objective: Objective, scenario: str) -> None:
    """Refuse new outputs for numbers, whose unit nobody says."""
    if isinstance(objective, Regression) and scenario == "task":
        raise HoldfastError(
            "learn cannot tell the unit of a new task's own outputs; for regression month after "
            "month, take scenario='domain', where all tasks share the outputs"
        )


class _Month:
    """New data on their way into a learner. The arguments of `learn` say what its fields mean."""

    def __init__(self, learner: Learns, new: Incoming, keep: Keep, skip_lost: bool) -> None:
        self.learner = learner
        self.view = learner.view
        self.history = learner.history
        self.new = new
        self.keep = keep
        self.new_labels: list[Label] = []
        self.returned: list[Label] = []
        self.notes = list(new.notes)
        self.unlearnt: list[Unlearnt] = []
        self.learning: Learning | None = None
        # Before the old tests are read, because they are put into the tasks that stand in.
        self.history.fill_tasks()
        self._take_old_tests(skip_lost)
        self.tasks = self._numbered()

    # ---- before the first step

    def _take_old_tests(self, skip_lost: bool) -> None:
        """Read the test examples that are kept in the user's files again."""
        for number, record in enumerate(self.history.tasks):
            # What is at hand in this process need not be read once more.
            if record.keep != "reference" or self.history.test_of(number) is not None:
                continue
            test = referred(self.history, number, record, skip_lost)
            if test is not None:
                self.history.put_test(number, test.to(self.view.device))
        for number, record in enumerate(self.history.tasks):
            if self.history.test_of(number) is None:
                self.notes.append(
                    f"the test examples of task {record.name!r} are not at hand, so its score is "
                    "unknown"
                )

    def _numbered(self) -> list[Task]:
        """Give each new task its place and its outputs."""
        records = self.history.tasks
        known: dict[Label, set[int]] = {}
        for record in records:
            if not record.labels and self.view.scenario != "task":
                raise HoldfastError(f"task {record.name!r} has no names of labels: {NO_NAMES}")
            for output, label in zip(record.own, record.labels, strict=False):
                known.setdefault(label, set()).add(output)
        numbering = Numbering(self.view.scenario, self.view.seen_outputs, known)
        taken = [record.name for record in records]
        tasks = []
        for task in self.new.tasks:
            task = named(task, taken, len(taken))
            for label in task.labels:
                # In the task scenario every task has outputs of its own.
                is_new = numbering.brings_new(label) or self.view.scenario == "task"
                (self.new_labels if is_new else self.returned).append(label)
            if self.new.by_position:
                outputs = numbering.by_position(task.labels)
            else:
                outputs = numbering.of(task.name, task.labels)
            index = len(taken)
            span = numbering.span(outputs)
            # In the domain scenario all labels are known: one that no example lists is not there.
            absent = 0.0 if self.new.listed and self.view.scenario == "domain" else math.nan
            tasks.append(renumbered(task, index, task.name, outputs, span, absent))
            taken.append(task.name)
        self.outputs = numbering.outputs
        return [task.to(self.view.device) for task in tasks]

    def check(self) -> None:
        """Refuse, before the first step, what would stop it, or spoil what was learnt."""
        stream = self.new.stream
        if stream is not None and stream.scenario != self.view.scenario:
            raise HoldfastError(
                f"the stream is for the {stream.scenario} scenario, but the learner for "
                f"{self.view.scenario}; build both for one"
            )
        if self.keep == "reference" and self.new.reference is None:
            raise HoldfastError(
                "keep_test='reference' needs data in files, and these are in memory; pass the path "
                "of a folder or a table, or keep a copy with keep_test='copy'"
            )
        # A file that is too large would otherwise be noticed after the training only.
        if self.keep == "copy":
            check_size(self.history, {task.name: task.test for task in self.tasks})
        range_of(self.view.setup.scorer)  # raises an error if the declared range is wrong
        self.view.head.check_width(self.view.model, self.outputs)
        # Checks read rows, and must not move the random numbers of the training.
        with self.view.state.random.aside("check"):
            self._check_inputs()
            check_run(self.view, self._stream(self.tasks))
            # Methods look at the whole sequence, for example whether a memory has enough room.
            whole = self._stream([*self.view.state.tasks, *self.tasks])
            for part in self.view.state.method.parts:
                part.check(self.view, whole)

    def _stream(self, tasks: Sequence[Task]) -> Stream:
        """Some tasks as a stream, for checks of the learner."""
        return Stream(
            tuple(tasks), self.view.scenario, self.outputs, (), objective=self.new.objective
        )

    def _check_inputs(self) -> None:
        """Refuse inputs of another kind or shape than those that were learnt."""
        self.history.note_inputs()
        before = self.history.inputs
        for task in self.tasks:
            inputs = form_of(task.train)
            before = before or inputs
            if inputs != before:
                raise HoldfastError(
                    f"the inputs of task {task.name!r} are {inputs}, but those that the learner "
                    f"has learnt are {before}; prepare them in the same way"
                )

    # ---- training

    def train(self, progress: bool | ShowProgress | Watch | None) -> None:
        """Train on each new task, and score all tasks after it."""
        self.history.reader = self.new.reader or self.history.reader
        setup = self.view.setup
        # Augmentation belongs to the data, unless the user gave the learner another one.
        if self.new.stream is not None and setup.augment is None:
            setup.augment = self.new.stream.augment
        # The tasks so far are counted, but none of their steps is left.
        planned = {task.index: 0 for task in self.view.state.tasks}
        planned |= {task.index: self.view.order(task).steps for task in self.tasks}
        watch = watch_for(progress, planned)
        try:
            for task in self.tasks:
                self._train(task, watch)
        finally:
            watch.close()
        if not self.history.origin.network.obstacle:
            return
        self.notes += obstacles(self.history)

    def _train(self, task: Task, watch: Watch) -> None:
        """Train on one task, and add its row to the matrix."""
        recorder = Recorder()
        losses = Losses()
        self.learner.begin(task)
        rehearse(self.view, task)
        steps = self.view.order(self.view.need_task()).steps
        with self.view.state.random.active():
            for batch in self.view.batches():
                losses.see(self.learner.step(batch))
                watch.step(task, self.view.task_steps, steps)
        recorder.losses.append(losses.ends())
        watch.phase(task, consolidation_of(self.view.state.method))
        self.learner.end()
        watch.phase(task, "evaluation")
        self.history.keep_tests([task.name], self.keep, reference=self._reference())
        # A task without its test examples gets no score, and its cell stays empty.
        tested = [one for one in self.view.state.tasks if not isinstance(one.test, AbsentPart)]
        recorder.evaluate(self.view, self._stream([task]), task.name, tested)
        empty = self.matrix
        row = recorder.matrix("test", AccuracyMatrix(empty.tasks, score_range=empty.score_range))
        if row is not None:
            self.history.measured(row)
        found = recorder.of_learning(self.view, [task])
        self.unlearnt += found["unlearnt"]
        self.learning = self.learning or found["learning"]

    def _reference(self) -> object:
        """Where the test examples stay, if they are not copied."""
        if self.keep == "reference":
            return self.new.reference
        return None

    @property
    def matrix(self) -> AccuracyMatrix:
        """The matrix of all tasks so far."""
        matrix = self.history.matrix
        if matrix is None:
            raise HoldfastError("no task was learnt, so there is no matrix")
        return matrix

    def result(self) -> Learnt:
        """Put together what `learn` gives back."""
        state = self.view.state
        run = Run(
            matrix=self.matrix,
            cost=cost_of_run(state, peak(self.view.device), []),
            outputs_exist=self.view.scenario == "domain",
            unlearnt=tuple(self.unlearnt),
            learning=self.learning,
        )
        return Learnt(
            tasks=tuple(task.name for task in self.tasks),
            # Several tasks of a stream may bring the same label, which is named once.
            new_labels=list(dict.fromkeys(self.new_labels)),
            returned=[
                # What one of these tasks brings and the next one repeats is new to the learner.
                label
                for label in dict.fromkeys(self.returned)
                if label not in self.new_labels
            ],
            run=run,
            notes=self.notes,
            score=name_of(self.view.setup.scorer),
        )
