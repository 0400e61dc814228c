"""What a learner has learnt so far: its tasks, their labels and test sets, and the matrix."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch

from holdfast.errors import HoldfastError
from holdfast.methods.outputs import own_outputs
from holdfast.metrics import AccuracyMatrix
from holdfast.named_inputs import NamedInputs, described
from holdfast.streams.own_data.reader import Reader
from holdfast.streams.parts import AbsentPart, Part
from holdfast.streams.task import Task
from holdfast.streams.types import Label
from holdfast.training.later.origin import Origin
from holdfast.training.later.records import Keep, Score, TaskRecord, scores_of
from holdfast.training.preflight import kinds_of
from holdfast.training.scoring import Accuracy, range_of
from holdfast.training.setup import Setup
from holdfast.training.state import TrainingState

NO_NAMES = (
    "the learner knows no names of labels, because its tasks had none; learn from a stream of "
    "holdfast.streams, or with learner.learn(data)"
)


class History:
    """What a learner has learnt so far, and how it was made.

    Args:
        setup: The arguments of the learner.
        state: What it trains.
        origin: How its network and its optimizer were made.

    Attributes:
        origin: How its network and its optimizer were made.
        reader: How it reads the user's own data. None until the first of them were learnt.
        inputs: The kind and the shape of one input, or None before the first `learn`.
        beside: What was kept beside the learner in its file, or None.
        kept: The test examples of past tasks by name, as far as a file held them.

    Example:
        >>> from holdfast.models import mlp
        >>> from holdfast.streams import digits, split
        >>> from holdfast.training import Learner
        >>> stream = split(digits(), 5, "class")
        >>> learner = Learner(mlp(stream.shape, "growing", seed=0), scenario="class")
        >>> learner.train(stream[0]).history.labels
        [0, 1]
    """

    def __init__(self, setup: Setup, state: TrainingState, origin: Origin) -> None:
        self._setup = setup
        self._state = state
        self.origin = origin
        self.reader: Reader | None = None
        self.inputs: str | None = None
        self.beside: object = None
        self.kept: dict[str, Part] = {}
        self._records: list[TaskRecord] = []
        self._scores: dict[tuple[str, str | None], Score] = {}

    def __repr__(self) -> str:
        tasks = len(self.tasks)
        return f"History({tasks} task{'s' * (tasks != 1)}, {len(self.labels)} labels)"

    @property
    def device(self) -> torch.device:
        """Where the learner is."""
        return self._setup.device

    @property
    def tasks(self) -> list[TaskRecord]:
        """What is known of each task that has begun, in order."""
        names = self._state.progress.names
        by_number = {task.index: task for task in self._state.tasks}
        # Written down when they are asked for, since tasks also begin in loops of the user's own.
        for number in range(len(self._records), len(names)):
            task = by_number.get(number)
            if task is None:
                first, last = self._state.head.ranges[number]
                self._records.append(_unknown(names[number], first, last))
            else:
                self._records.append(record_of(task))
        return list(self._records)

    @property
    def labels(self) -> list[Label | None]:
        """The label of each output that a task has, None if it has no name.

        An output that stands for different labels in different tasks has all of them as its name.
        """
        named: dict[int, list[Label]] = {}
        for record in self.tasks:
            # Not strict, because a task without names of labels has outputs all the same.
            for output, label in zip(record.own, record.labels, strict=False):
                of_output = named.setdefault(output, [])
                # As text, because a file of numbers and one of texts may name the same class.
                if str(label) not in map(str, of_output):
                    of_output.append(label)
        width = self._state.progress.seen_outputs
        return [_joined(named.get(output, [])) for output in range(width)]

    @property
    def known_labels(self) -> list[Label]:
        """The label of each output.

        Raises:
            HoldfastError: Some output has no name.
        """
        known = [label for label in self.labels if label is not None]
        if not known or len(known) < len(self.labels):
            raise HoldfastError(NO_NAMES)
        return known

    @property
    def matrix(self) -> AccuracyMatrix | None:
        """The accuracy matrix of all tasks so far, NaN where none was measured. None: no task."""
        records = self.tasks
        if not records:
            return None
        chance: Mapping[Hashable, float] | None = None
        # Of other scores than accuracy it is not known what guessing would reach.
        if isinstance(self._setup.scorer, Accuracy):
            chance = {record.name: 1 / (record.last - record.first) for record in records}
        scorer = self._setup.scorer
        names = [record.name for record in records]
        matrix = AccuracyMatrix(names, score_range=range_of(scorer), chance=chance)
        for one in self._scores.values():
            # A score of a task that is not known here has no place in the matrix.
            if one.task in names and one.after in (None, *names):
                matrix.record(one.task, after=one.after, score=one.score, examples=one.examples)
        return matrix

    @property
    def scores(self) -> list[Score]:
        """The cells of the matrix."""
        return list(self._scores.values())

    def measured(self, matrix: AccuracyMatrix) -> None:
        """Take over the scores of a run. A cell that is known keeps its score.

        Args:
            matrix: The matrix of the run.
        """
        self.add_scores(scores_of(matrix))

    def add_scores(self, scores: Iterable[Score]) -> None:
        """Take over scores. A cell that is known keeps its score."""
        for one in scores:
            self._scores.setdefault((one.task, one.after), one)

    def note_inputs(self) -> None:
        """Note what the inputs of the tasks so far look like, if it is not known and they are here.

        Later data of another kind would spoil what the method stores, long after the first step.
        """
        tasks = [task for task in self._state.tasks if not isinstance(task.train, AbsentPart)]
        if self.inputs is not None or not tasks:
            return
        # Data sets of the user may draw random numbers while they are read.
        with self._state.random.aside("inputs"):
            self.inputs = form_of(tasks[0].train)

    def keep_tests(self, names: Sequence[str], keep: Keep, **how: object) -> None:
        """Say how the test examples of tasks are kept in files from now on.

        Args:
            names: The tasks.
            keep: "copy", "reference" or "no".
            **how: Other fields of their records, such as `reference`.
        """
        # A reference from before holds no longer if the examples are kept in another way.
        changed = {"keep": keep, "reference": None, **how}
        for number, record in enumerate(self.tasks):
            if record.name in names:
                self._records[number] = record.model_copy(update=changed)

    def restore(self, records: Sequence[TaskRecord], scores: Iterable[Score]) -> None:
        """Put back what a file says of the past.

        Args:
            records: The tasks that were learnt.
            scores: The cells of the matrix.
        """
        self._records = list(records)
        self._scores = {}
        self.add_scores(scores)

    def forget(self) -> None:
        """Drop what is known of tasks, before another state is loaded."""
        self.restore([], [])
        self.reader = None
        self.inputs = None
        self.beside = None
        self.kept = {}

    def fill_tasks(self) -> None:
        """Stand in for past tasks that this process has not seen, so that none is missing."""
        ended = len(self._state.progress.names) - self._state.active
        by_number = {task.index: task for task in self._state.tasks}
        for number, record in enumerate(self.tasks[:ended]):
            if number not in by_number:
                by_number[number] = stand_in(number, record, self.kept.get(record.name))
        self._state.tasks = [by_number[number] for number in sorted(by_number)]

    def test_of(self, number: int) -> Part | None:
        """The test examples of a task, or None if they are not at hand.

        Args:
            number: The number of the task.
        """
        # What this process has trained on comes first, and then what a file has held.
        for task in self._state.tasks:
            if task.index == number and not isinstance(task.test, AbsentPart):
                return task.test
        return self.kept.get(self.tasks[number].name)

    def put_test(self, number: int, test: Part) -> None:
        """Give a past task its test examples back.

        Args:
            number: The number of the task.
            test: Its test examples.
        """
        self._state.tasks[number] = replace(self._state.tasks[number], test=test)


def form_of(part: Part) -> str:
    """Say what one input of a part looks like, in words."""
    x = part.fetch(torch.arange(1))[0]
    kinds = " and ".join(kinds_of(x))
    # Sequences are as long as they are, so several tensors have no shape to compare.
    if isinstance(x, NamedInputs):
        return f"{', '.join(x.keys())} ({kinds})"
    return f"{described(x)} ({kinds})"


def record_of(task: Task) -> TaskRecord:
    """Write down a task."""
    first, last = task.outputs
    own = own_outputs(task).tolist()
    # Strict, because NumPy's whole numbers are none to JSON.
    labels = [label if isinstance(label, str) else int(label) for label in task.labels]
    return TaskRecord(
        name=task.name,
        first=first,
        last=last,
        own=own,
        # Streams that users build by themselves may name other labels than outputs.
        labels=labels if len(labels) == len(own) else [],
        train_rows=len(task.train),
        test_rows=len(task.test),
    )


def _unknown(name: str, first: int, last: int) -> TaskRecord:
    """Write down a task of which a checkpoint has only the name."""
    return TaskRecord(
        name=name, first=first, last=last, own=[], labels=[], train_rows=0, test_rows=0
    )


def stand_in(number: int, record: TaskRecord, kept: Part | None = None) -> Task:
    """Make a task without training examples of what a file says of it.

    Args:
        number: The number of the task.
        record: What is known of it.
        kept: Its test examples, if they are at hand.
    """
    competing = None
    if record.own and len(record.own) < record.last - record.first:
        competing = torch.tensor(record.own)
    train = (
        f"the training examples of task {record.name!r} are not at hand, because it was learnt "
        "before the learner was loaded; use a method that does not read old data, such as ER"
    )
    test = (
        f"the test examples of task {record.name!r} were not kept; keep those of later tasks with "
        "keep_test='copy'"
    )
    return Task(
        index=number,
        name=record.name,
        # A part has at least one row, also if a checkpoint does not say how many there were.
        train=AbsentPart(max(record.train_rows, 1), train),
        test=kept or AbsentPart(max(record.test_rows, 1), test),
        outputs=(record.first, record.last),
        competing=competing,
        labels=tuple(record.labels),
    )


def _joined(labels: Sequence[Label]) -> Label | None:
    """The name of an output, or None if it has none."""
    if not labels:
        return None
    if len(labels) == 1:
        return labels[0]
    return " / ".join(map(str, labels))
