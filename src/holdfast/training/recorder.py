"""What a run measures while it trains: the scores of each evaluation, and the cost of each task."""

import copy
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, TypedDict

from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix, Curves, Unlearnt, unlearnt
from holdfast.streams.task import Stream, Task
from holdfast.training.causes import Learning, learning_of
from holdfast.training.contents import need
from holdfast.training.evaluation import scores
from holdfast.training.guessing import guess_level
from holdfast.training.scoring import Accuracy, range_of, scores_whole_set
from holdfast.training.tracks import TrackPoint
from holdfast.training.view import View


class Cell(NamedTuple):
    """The score of one task, or of one class of it, at one time. Checkpoints hold it as a list.

    Attributes:
        part: "test" or "validation".
        task: The name of the task that was scored.
        after: The name of the last task learnt, or None if none was.
        segment: The class, or None for the whole task.
        score: The mean score.
        examples: The number of examples, or 0 if the score is no mean over examples.
        results: The score of each example, or None unless they are kept.
    """

    part: str
    task: str
    after: str | None
    segment: str | None
    score: float
    examples: int
    results: list[float] | None


class NearGuessing(NamedTuple):
    """A task whose score just after its training is that of guessing.

    Attributes:
        task: The name of the task.
        score: Its score.
        level: The score of guessing.
    """

    task: str
    score: float
    level: float


class OfLearning(TypedDict):
    """What a run says of tasks that were not learnt (see `Run`)."""

    unlearnt: tuple[Unlearnt, ...]
    learning: Learning | None


@dataclass
class Recorder:
    """The measurements of a run so far, as plain values that its checkpoints keep.

    Attributes:
        cells: The scores of every evaluation after a task.
        steps: The steps, over all tasks, at which scores were taken during training.
        scores: The score of each task at each of them, None for tasks that had not begun.
        ends: The number of steps, over all tasks, at the end of each task.
        zero_shot: The score of each task once its outputs exist, before its first step.
        by_task: The cost after each task.
        peak: The peak memory of the run in bytes.
        losses: For each task, the loss of its first step and the mean loss of its last steps.
        in_task: The losses of the current task so far (see `Losses.kept`).
        unlearnt: The tasks that were not learnt.
        tracked: The losses of texts that are followed.
    """

    cells: list[Cell] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    scores: list[list[float | None]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    zero_shot: list[float] = field(default_factory=list)
    by_task: list[dict[str, float]] = field(default_factory=list)
    peak: int = 0
    losses: list[tuple[float | None, float]] = field(default_factory=list)
    in_task: list[float] = field(default_factory=list)
    unlearnt: list[NearGuessing] = field(default_factory=list)
    tracked: list[TrackPoint] = field(default_factory=list)

    def to_plain(self) -> dict[str, object]:
        """Return plain values for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: object) -> "Recorder":
        """Make a recorder from what `to_plain` returned.

        Args:
            plain: Values from a file, which may hold anything.

        Raises:
            HoldfastError: They are something else.
        """
        try:
            recorder: Recorder = TypeAdapter(cls).validate_python(plain)
        except ValidationError:
            raise HoldfastError("it was not written by a run of holdfast") from None
        need(recorder.peak >= 0, "its peak of memory is negative")
        return recorder

    def evaluate(
        self,
        view: View,
        stream: Stream,
        after: str | None,
        tasks: Sequence[Task],
        segments: bool = False,
        keep_results: bool = False,
    ) -> dict[str, dict[str, float]]:
        """Score tasks, which makes a row of the matrix.

        Args:
            view: The learner.
            stream: The stream, which knows the names of labels.
            after: The last task learnt, or None if none was.
            tasks: The tasks to score.
            segments: Score each class of each task as well, if examples have one label each.
            keep_results: Keep the score of each example, if it has one of its own.

        Returns:
            The mean scores by task, under "score" for test parts and "validation" for those.
        """
        # Of a score of a whole set, the numbers per example are no scores, and no interval of their
        # mean would hold.
        whole_set = scores_whole_set(view.setup.scorer)
        keep = keep_results and not whole_set
        means: dict[str, dict[str, float]] = {}
        for task in tasks:
            of_rows, labels = scores(view, task, "test")
            cell = _cell("test", task.name, after, None, of_rows, keep, whole_set)
            self.cells.append(cell)
            means.setdefault("score", {})[task.name] = cell.score
            if after == task.name:
                self._judge(view, task, of_rows, labels)
            if segments and view.objective.takes_labels:
                # Labels are output indices, and the stream knows what its user calls them.
                for label in labels.unique().tolist():
                    segment = str(stream.label_of(task, label))
                    of_class = of_rows[labels == label]
                    cell = _cell("test", task.name, after, segment, of_class, keep, whole_set)
                    self.cells.append(cell)
            if task.validation is not None:
                of_rows, _ = scores(view, task, "validation")
                cell = _cell("validation", task.name, after, None, of_rows, keep, whole_set)
                self.cells.append(cell)
                means.setdefault("validation", {})[task.name] = cell.score
        return means

    def _judge(self, view: View, task: Task, of_rows: Tensor, labels: Tensor) -> None:
        """Note a task that has just been trained and was not learnt."""
        try:
            level = guess_level(view, task, of_rows, labels)
        except HoldfastError:
            # A scorer of the user may refuse logits that no network gives.
            return
        matrix = AccuracyMatrix([task.name], score_range=range_of(view.setup.scorer))
        if scores_whole_set(view.setup.scorer):
            matrix.record(task.name, after=task.name, score=float(of_rows.double().mean()))
        else:
            matrix.record(task.name, after=task.name, results=of_rows.double().numpy())
        for found in unlearnt(matrix, level):
            self.unlearnt.append(NearGuessing(task.name, found.score, found.chance))

    def matrix(self, part: str, empty: AccuracyMatrix) -> AccuracyMatrix | None:
        """Put the cells of one part into a copy of an empty matrix.

        Args:
            part: "test" or "validation".
            empty: The matrix without scores.

        Returns:
            The matrix, or None if there is no cell of this part.
        """
        # A copy, because the test and the validation matrix start from the same empty one.
        matrix = copy.deepcopy(empty)
        for cell in self.cells:
            if cell.part != part:
                continue
            if cell.results is None:
                matrix.record(
                    cell.task,
                    after=cell.after,
                    segment=cell.segment,
                    score=cell.score,
                    examples=cell.examples or None,
                )
            else:
                matrix.record(
                    cell.task, after=cell.after, segment=cell.segment, results=cell.results
                )
        if not matrix.cells:
            return None
        return matrix

    def of_learning(self, view: View, tasks: Sequence[Task]) -> "OfLearning":
        """Return what a run says of tasks that were not learnt, as arguments of `Run`.

        Args:
            view: The learner, after the run.
            tasks: All tasks.
        """
        found = tuple(Unlearnt(near.task, near.score, near.level) for near in self.unlearnt)
        if not found:
            return {"unlearnt": (), "learning": None}
        names = [task.name for task in tasks]
        place = names.index(self.unlearnt[0].task)
        # A learner that was trained before this run has tasks without recorded losses.
        losses = self.losses[place] if len(self.losses) == len(tasks) else ()
        return {"unlearnt": found, "learning": learning_of(view, tasks[place], losses)}

    def curves(self, tasks: Sequence[str]) -> Curves | None:
        """Return the scores that were taken during training, or None if none were.

        Args:
            tasks: The names of all tasks, in order.
        """
        if not self.steps:
            return None
        nan = float("nan")
        rows = [[nan if score is None else score for score in row] for row in self.scores]
        return Curves(tasks, self.steps, rows, self.ends)


def _cell(
    part: str,
    task: str,
    after: str | None,
    segment: str | None,
    of_rows: Tensor,
    keep_results: bool,
    whole_set: bool,
) -> Cell:
    """Summarise the scores of some examples."""
    results = None
    if keep_results:
        results = of_rows.tolist()
    return Cell(
        part=part,
        task=task,
        after=after,
        segment=segment,
        # In double precision, since the last digits of a mean in single precision depend on the
        # order in which the device adds.
        score=float(of_rows.double().mean()),
        # With a number of examples, tests and the gate would take the score for their mean.
        examples=0 if whole_set else len(of_rows),
        results=results,
    )


def empty_matrix(view: View, stream: Stream) -> AccuracyMatrix:
    """Make a matrix of the stream's tasks without scores.

    For accuracies it knows what guessing among the outputs in play would score. Nothing is known of
    guessing with another scorer.

    Args:
        view: The learner, whose scorer gives the range of the scores.
        stream: The tasks.

    Returns:
        The matrix.
    """
    scorer = view.setup.scorer
    chance: Mapping[Hashable, float] | None = None
    if isinstance(scorer, Accuracy):
        chance = {task.name: 1 / len(range(*task.outputs)) for task in stream}
    names = [task.name for task in stream]
    return AccuracyMatrix(names, score_range=range_of(scorer), chance=chance)
