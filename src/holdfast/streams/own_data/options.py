"""What users may say about their own data, for Python and for the settings of runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from holdfast.errors import HoldfastError, one_of, unknown
from holdfast.streams.tokens import check_length

ROLES = ("number", "boolean", "category", "date", "text", "image", "unused")
PERIODS = ("day", "week", "month", "quarter", "year")
MISSING = ("refuse", "drop", "flag")
SCALES = ("first-task", "none")
TEXT_FEATURES = ("hashed", "tfidf-first-task", "tfidf-all-tasks")
CLASSIFICATION = "classification"
OBJECTIVES = (CLASSIFICATION, "multilabel", "regression", "custom")
COLORS = ("auto", "rgb", "grayscale")


class TableOptions(TypedDict, total=False):
    """What `from_table` takes about the columns of the table, by the names of `Options`."""

    label: str | None
    task: str | None
    time: str | None
    every: str | int
    time_format: str | None
    text: str | Sequence[str]
    inputs: Sequence[str]
    roles: Mapping[str, str]
    missing: str
    scale: str
    features: str
    encoder: str | Path | None
    embeddings: str | Path | None
    tokenizer: str | Path | None
    max_length: int | None
    groups: str | None
    separate_inputs: bool
    objective: str
    targets: str | Sequence[str]


class FolderOptions(TableOptions, total=False):
    """What `from_folder` takes about the images and their table, by the names of `Options`."""

    image_size: int
    color: str


@dataclass(frozen=True)
class Options:
    """What the columns of a table mean, and what becomes of them.

    Args:
        label: The column of the label. None: a column with a usual name, such as "label".
        task: The column of the task. None: tasks are made in another way.
        time: The column of the time by which rows are cut into tasks. None: as above.
        every: How long a window of time is: a period, or a number of rows.
        time_format: How dates are written, as `strptime` has it. None: ISO 8601.
        text: Columns of text, whatever they look like.
        inputs: The input columns. Empty: all columns without another use.
        roles: Column → its role, one of `ROLES`, in place of what the rules say.
        missing: "refuse" missing values, "drop" rows that have some, or "flag" them as inputs.
        scale: "first-task" gives numbers mean 0 and deviation 1 over the training rows of the first
            task, and "none" leaves them as they are.
        features: What texts become, one of `TEXT_FEATURES`.
        encoder: The folder of a sentence encoder, which takes the place of `features`.
        embeddings: Static embeddings whose means texts become in the place of `features`, as
            `streams.named` takes them.
        tokenizer: The folder of a language model whose tokens texts become, or its name on the
            hub. None: they become features.
        max_length: The most tokens of a text; longer ones are cut. None: what the model reads, at
            most 512.
        test: The share of rows to test on, in (0, 1).
        test_column: The column that says which rows are test rows. None: the share is drawn.
        groups: The column that relates rows. None: rows are unrelated.
        image_size: The width and height to which images are resized, in pixels.
        color: "rgb", "grayscale", or "auto" for RGB if any image has colours.
        separate_inputs: Whether images, texts and other columns are inputs of their own ("image",
            "text" and "columns"), for a network with a branch for each, instead of one tensor.
        objective: What is learnt: one of `OBJECTIVES`.
        targets: The columns of several targets, in the place of a label. Of several labels at once
            they hold 1 or 0. A label column holds the names, with `;`, `|` or `,` between them.

    Raises:
        HoldfastError: A value is not allowed, or two of them contradict each other.

    Example:
        >>> Options(time="sold", every="week").every
        'week'
    """

    label: str | None = None
    task: str | None = None
    time: str | None = None
    every: str | int = "month"
    time_format: str | None = None
    text: Sequence[str] = ()
    inputs: Sequence[str] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    missing: str = "refuse"
    scale: str = "first-task"
    features: str = "hashed"
    encoder: str | None = None
    embeddings: str | None = None
    tokenizer: str | None = None
    max_length: int | None = None
    test: float = 0.2
    test_column: str | None = None
    groups: str | None = None
    image_size: int = 32
    color: str = "auto"
    separate_inputs: bool = False
    objective: str = "classification"
    targets: Sequence[str] = ()

    def __post_init__(self) -> None:
        for column, role in self.roles.items():
            one_of(f"role of column {column!r}", role, ROLES)
        one_of("missing", self.missing, MISSING)
        one_of("scale", self.scale, SCALES)
        one_of("features", self.features, TEXT_FEATURES)
        one_of("color", self.color, COLORS)
        one_of("objective", self.objective, OBJECTIVES)
        if self.targets and self.objective == CLASSIFICATION:
            raise HoldfastError(
                "targets has no effect in classification, where one column is the label; set "
                "objective to multilabel or regression, or name the column with label"
            )
        self._check_every()
        if self.task is not None and self.time is not None:
            raise HoldfastError(
                f"tasks come from the column {self.task!r} or from the time in {self.time!r}, not "
                "from both; give task or time"
            )
        # With 0 there would be nothing to score, and with 1 nothing to learn.
        if not 0 < self.test < 1:
            raise HoldfastError(
                f"test must be a share in (0, 1), got {self.test}; if a column marks the test "
                "rows, name it with test_column"
            )
        check_length(self.max_length, self.tokenizer)
        if self.image_size < 1:
            raise HoldfastError(f"image_size must be at least 1 pixel, got {self.image_size}")

    def _check_every(self) -> None:
        """Refuse a length of windows that is neither a period nor a number of rows."""
        if isinstance(self.every, str):
            one_of("every", self.every, PERIODS)
        # True is a number to Python, but no number of rows.
        elif isinstance(self.every, bool) or self.every < 1:
            raise HoldfastError(
                f"every must be one of {', '.join(PERIODS)} or a number of rows, got {self.every}"
            )

    def uses(self) -> dict[str, str]:
        """Column → its use beside the inputs, for the columns that are named."""
        named = {
            "task": self.task,
            "time": self.time,
            "test": self.test_column,
            "groups": self.groups,
            "label": self.label,
        }
        columns: dict[str, str] = {}
        for use, column in named.items():
            if column is None:
                continue
            # A column of labels that also makes the tasks would give away every answer.
            if column in columns:
                raise HoldfastError(
                    f"column {column!r} can't be {columns[column]} and {use} at once; name another "
                    "column for one of them"
                )
            columns[column] = use
        return columns


def options_from(given: Mapping[str, object], known: Collection[str], test: float | str) -> Options:
    """Make options of the arguments of a function.

    Args:
        given: The arguments by name.
        known: The arguments that the function has.
        test: The share of test rows, or the column that marks them.

    Raises:
        HoldfastError: The function has no such argument, or a value is wrong.

    Example:
        >>> options_from({"text": "title"}, ["text"], "split").text
        ('title',)
    """
    values: dict[str, Any] = dict(given)
    for name in values:
        if name not in known:
            raise unknown("argument", name, known)
    for name in ("text", "inputs", "targets"):
        # A single column need not be written as a list.
        if isinstance(values.get(name), str):
            values[name] = (values[name],)
    # Options are written into files of learners, which hold texts and no paths.
    for name in ("encoder", "embeddings", "tokenizer"):
        value = values.get(name)
        if value is None:
            continue
        if not isinstance(value, str | Path):
            raise HoldfastError(
                f"{name} must be a path or a name, which the file of a learner can hold, got "
                f"{type(value).__name__}; give the folder from which it was loaded"
            )
        values[name] = str(value)
    # A text names a column, and a number is a share, so one argument is enough for both.
    if isinstance(test, str):
        return Options(test_column=test, **values)
    return Options(test=test, **values)
