"""What the file of a learner says of its past, beside its weights: checked plain values.

Every class here is a part of the format of the file. A file may come from elsewhere, so nothing in
it is used before it was checked.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from holdfast.metrics import AccuracyMatrix
from holdfast.settings import Settings
from holdfast.streams.types import Label
from holdfast.training.later.trained_for import ObjectiveRecord
from holdfast.validation import Strict

Keep = Literal["copy", "reference", "no"]
KEEPS = ("copy", "reference", "no")
# From 2^53 on, numbers are not exact in every program that reads JSON.
Count = Annotated[int, Field(ge=0, lt=2**53)]


class Part(Strict):
    """A part of the format: no value is converted to another type."""

    # A text in the place of a number, or an unknown field, shows that the file was altered.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class NetworkRecord(Part):
    """How the network was made.

    Attributes:
        factory: The function that made it, or None if no such function is known.
        positional: Its positional arguments.
        named: Its other arguments.
        obstacle: Why the network cannot be made again. Empty: it can.
        frozen: The names of parameters that were not trained.
        still: The names of modules that were in evaluation mode.
        dtype: The floating type of the network, such as "float32".
    """

    factory: str | None = None
    positional: list[Any] = []
    named: dict[str, Any] = {}
    obstacle: str = ""
    frozen: list[str] = []
    still: list[str] = []
    dtype: str = "float32"


class OptimizerRecord(Part):
    """How the optimizer was made: by name, by the user's own code, or not at all."""

    kind: Literal["named", "own", "none"]
    options: dict[str, Any] = {}


class Reference(Part):
    """Test examples that stay in the user's own files.

    Attributes:
        path: Where the files were.
        digests: Name of each file below the path → digest of its content.
        label: The column of the label, or None for one with a usual name.
        test: The share of test rows.
        test_column: The column that marks test rows, or None.
    """

    path: str
    digests: dict[str, str]
    label: str | None
    test: float
    test_column: str | None


class KeptInputs(Part):
    """How the stored tensors of inputs belong together, if they are several."""

    names: list[str]
    padding: dict[str, float]
    positional: bool
    hidden: list[str]


class TaskRecord(Part):
    """A task that was learnt.

    Attributes:
        name: Its name.
        first: Its first output.
        last: The output after its last one.
        own: The outputs of its classes, ascending. Empty: they are not known.
        labels: The label of each of `own`. Empty: the task had no names of labels.
        train_rows: How many training examples it had.
        test_rows: How many test examples it had.
        keep: How its test examples are kept.
        reference: Where they are, if they are kept by reference.
        several: How its kept inputs belong together, if they are several.
    """

    name: str
    first: Count
    last: Count
    own: list[Count]
    labels: list[Label]
    train_rows: Count
    test_rows: Count
    keep: Keep = "no"
    reference: Reference | None = None
    several: KeptInputs | None = None


class Score(Part):
    """The mean score of a task after another one was learnt."""

    task: str
    after: str | None
    score: float
    examples: Count | None = None


class WholeLearner(Part):
    """What makes a checkpoint a learner that another process can load by itself.

    Attributes:
        network: How its network was made.
        optimizer: How its optimizer was made.
        settings: How it trains.
        scorer: Whether it is scored by accuracy, by another usual scorer of its objective, or by a
            function of the user's own.
        augments: Whether it changes batches in training by a function.
        tasks: The tasks that it has learnt, in order.
        scores: The accuracy matrix so far.
        inputs: The kind and the shape of one input, or None before the first task.
        reader: How it reads the user's own data, or None.
        objective: What it trains for.
    """

    network: NetworkRecord
    optimizer: OptimizerRecord
    settings: dict[str, Any]
    scorer: Literal["accuracy", "usual", "own"]
    augments: bool
    tasks: list[TaskRecord]
    scores: list[Score]
    inputs: str | None = None
    reader: dict[str, Any] | None = None
    objective: ObjectiveRecord = ObjectiveRecord()

    def checked_settings(self) -> dict[str, Any]:
        """The settings as keywords of `Learner`, which checks their values."""
        return {
            # Another version may have written settings that this one does not know.
            name: self.settings[name]
            for name in self.settings
            if name in Settings.model_fields
        }


def scores_of(matrix: AccuracyMatrix) -> list[Score]:
    """Take the scores of whole tasks out of a matrix."""
    scores = []
    for (task, after, segment), cell in matrix.cells.items():
        # The scores of single classes belong to one run, and the matrix of months has whole tasks.
        if segment is None:
            # None stands for the time before any task was learnt.
            name = None if after is None else str(after)
            scores.append(
                Score(task=str(task), after=name, score=cell.score, examples=cell.examples)
            )
    return scores
