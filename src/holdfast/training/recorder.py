"""What a run finds while it trains: the scores of every evaluation, and the cost after each task."""

import copy
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.metrics import AccuracyMatrix, Curves
from holdfast.streams.task import Stream, Task
from holdfast.training.contents import need
from holdfast.training.evaluation import scores
from holdfast.training.scoring import Accuracy, range_of
from holdfast.training.view import View

# Part, task, the last task learnt (None: untrained), segment (None: the whole task), mean score,
# number of examples, the score of each example (None unless they are kept).
Cell: TypeAlias = list[Any]


@dataclass
class Recorder:
    """The findings of a run so far, as plain values that its checkpoints keep.

    Attributes:
        cells: The scores of every evaluation after a task (`Cell`).
        steps: The steps, over all tasks, at which scores were taken during training.
        scores: The score of each task at each of them; None for tasks that had not begun.
        ends: The number of steps, over all tasks, at the end of each task.
        zero_shot: The score of each task once its outputs exist, before its first step.
        by_task: The cost after each task.
        peak: The peak memory of the run in bytes.
    """

    cells: list[Cell] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    scores: list[list[float | None]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    zero_shot: list[float] = field(default_factory=list)
    by_task: list[dict[str, float]] = field(default_factory=list)
    peak: int = 0

    def to_plain(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Any) -> "Recorder":
        """The inverse of `to_plain`, for values from a file.

        Raises:
            HoldfastError: They are something else.
        """
        try:
            recorder: Recorder = TypeAdapter(cls).validate_python(plain)
        except ValidationError:
            raise HoldfastError("it was not written by a run of holdfast") from None
        for cell in recorder.cells:
            need(len(cell) == 7, "a cell of its matrix has not seven entries")
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
            after: The last task learnt; None if none was.
            tasks: The tasks to score.
            segments: Score each class of each task as well.
            keep_results: Keep the score of each example.

        Returns:
            The mean scores by task, under "score" for test parts and "validation" for those.
        """
        means: dict[str, dict[str, float]] = {}
        for task in tasks:
            parts = ["test"] if task.validation is None else ["test", "validation"]
            for part in parts:
                of_rows, labels = scores(view, task, part)
                self._add(part, task.name, after, None, of_rows, keep_results)
                key = "score" if part == "test" else part
                means.setdefault(key, {})[task.name] = self.cells[-1][4]
                if not segments or part != "test":
                    continue
                for label in labels.unique().tolist():
                    segment = str(stream.label_of(task, label))
                    chosen = of_rows[labels == label]
                    self._add(part, task.name, after, segment, chosen, keep_results)
        return means

    def _add(
        self,
        part: str,
        task: str,
        after: str | None,
        segment: str | None,
        of_rows: Tensor,
        keep_results: bool,
    ) -> None:
        """Add one cell."""
        mean = float(of_rows.double().mean())
        results = of_rows.tolist() if keep_results else None
        self.cells.append([part, task, after, segment, mean, len(of_rows), results])

    def matrix(self, part: str, empty: AccuracyMatrix) -> AccuracyMatrix | None:
        """The cells of one part ("test" or "validation") in a copy of an empty matrix.

        Returns:
            The matrix; None if there is no such cell.
        """
        matrix = copy.deepcopy(empty)
        for cell_part, task, after, segment, score, examples, results in self.cells:
            if cell_part != part:
                continue
            if results is None:
                matrix.record(task, after=after, segment=segment, score=score, examples=examples)
            else:
                matrix.record(task, after=after, segment=segment, results=results)
        return matrix if matrix.cells else None

    def curves(self, tasks: Sequence[str]) -> Curves | None:
        """The scores that were taken during training; None if none were."""
        if not self.steps:
            return None
        nan = float("nan")
        rows = [[nan if score is None else score for score in row] for row in self.scores]
        return Curves(tasks, self.steps, rows, self.ends)


def empty_matrix(view: View, stream: Stream) -> AccuracyMatrix:
    """A matrix of the stream's tasks without scores.

    For accuracies it knows what guessing among the outputs in play would score.
    """
    scorer = view.setup.scorer
    chance: Mapping[Hashable, float] | None = None
    if isinstance(view.setup.scorer, Accuracy):
        chance = {task.name: 1 / len(range(*task.outputs)) for task in stream}
    names = [task.name for task in stream]
    return AccuracyMatrix(names, score_range=range_of(scorer), chance=chance)
