"""The settings of a run that are about its data: which examples, and how they become tasks."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from holdfast.errors import HoldfastError
from holdfast.runs.own_settings import BY_ROWS, OwnData, completed
from holdfast.settings import ADDED, MOST, Positive

# Version of how validation examples are drawn and how texts become features.
STREAMS = 2
# Data sets without texts. Their streams are the same in all versions.
TEXTS = ("PolyAI/banking77", "clinc/clinc_oos")  # data sets of texts that are known by name
IMAGES = (
    "digits",
    "ylecun/mnist",
    "zalando-datasets/fashion_mnist",
    "uoft-cs/cifar10",
    "uoft-cs/cifar100",
)
Whole = Annotated[int, Field(ge=0, le=MOST)]


class DataConfig(OwnData):
    """Which examples a run trains on, and how they become tasks.

    Example:
        >>> DataConfig(stream="sequence", then=["ylecun/mnist"]).tasks
        2
    """

    name: str = Field(
        "digits",
        description="Data set: digits, which comes with the package, a name of the Hugging Face "
        "hub, such as ylecun/mnist, whose files are in --data-dir, or your own folder of images or "
        "table file.",
    )
    stream: Literal[
        "split",
        "permuted",
        "rotated",
        "sequence",
        "mixture",
        "grouped",
        "column",
        "windows",
    ] = Field(
        "split",
        description="How the data set becomes tasks. The last two follow from --task and --time.",
    )
    pieces: list[str] = Field(
        [],
        description="Tasks of a mixture. Each is a data set as it is, turned by an angle in "
        "degrees, or with its pixels permuted by a seed.",
    )
    task_order: list[Whole] = Field(
        [],
        description="Numbers of the tasks to learn, in this order. "
        "By default all tasks are learned in their own order.",
    )
    then: list[str] = Field(
        [],
        description="Data sets after the first one, for --stream sequence. Each becomes one task.",
    )
    # The bound keeps a mistyped number from filling the memory with tasks.
    tasks: int = Field(5, ge=1, le=100_000, description="Number of tasks.")
    sizes: list[Positive] = Field(
        [],
        description="Number of classes of each task of a split stream, if the tasks differ. "
        "By default all tasks have as many.",
    )
    blurry: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of each task's training examples that moves to the other tasks, from 0 "
        "up to 1.",
    )
    order: Literal["sorted", "seed"] | list[str | int] = Field(
        "sorted",
        description="Order of the classes of a split stream. With seed, each seed shuffles them.",
    )
    examples: Positive | None = Field(
        None,
        description="Number of training examples to use, as many of each class. "
        "By default all are used.",
    )
    fraction: float = Field(
        1.0, gt=0, le=1, description="Share of the training examples of each class to use."
    )
    validation: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the training examples to set aside for validation, which a --sweep "
        "needs to select a value.",
    )
    features: Literal["hashed", "tfidf-first-task", "tfidf-all-tasks"] = Field(
        "hashed",
        json_schema_extra=ADDED,
        description="What texts become: hashed pieces of words, or TF-IDF weights that were fitted "
        "on the texts of the first task (own data only) or of all tasks.",
    )
    group_column: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Column that says which examples belong together, such as those of one user. "
        "They are set aside for validation, or drawn as test examples, together or not at all.",
    )

    @property
    def sets(self) -> set[str]:
        """The names of the data sets that are read."""
        # A piece is a data set, and after a colon what is done to it.
        if self.stream == "mixture":
            return {piece.partition(":")[0] for piece in self.pieces}
        return {self.name, *self.then}

    @property
    def own(self) -> bool:
        """Whether some data set is a folder or a table of the user."""
        return not self.sets.isdisjoint(self.content)

    @property
    def by_rows(self) -> bool:
        """Whether a column of the rows makes the tasks, so that only the data know how many."""
        return self.stream in BY_ROWS

    @property
    def versioned(self) -> bool:
        """Whether the stream depends on `STREAMS`, through validation examples or texts."""
        return self.validation > 0 or not self.sets <= set(IMAGES)

    @model_validator(mode="before")
    @classmethod
    def _one_task_per_entry(cls, values: Any) -> Any:
        """Take the number of tasks from the list that makes them, and refuse another number."""
        # Something else than a table of settings is refused by pydantic itself.
        if not isinstance(values, dict):
            return values
        values = completed(values)
        lists = {}
        for key in ("sizes", "pieces", "then", "classes"):
            lists[key] = values.get(key) or []
            if not isinstance(lists[key], list | tuple):
                # The check of the field itself says what is wrong.
                return values
        _refuse_list_of_other_stream(values.get("stream"), lists)
        for key, entries in lists.items():
            if not entries:
                continue
            # The first data set of a sequence is a task as well.
            tasks = len(entries) + (key == "then")
            if values.get("tasks", tasks) != tasks:
                raise HoldfastError(
                    f"data.{key} makes {tasks} tasks, but data.tasks is {values['tasks']}; "
                    "leave data.tasks out"
                )
            values = values | {"tasks": tasks}
        return values


def _refuse_list_of_other_stream(stream: object, lists: Mapping[str, object]) -> None:
    """Raise an error if a list and the kind of stream that it is for are not given together."""
    for key, its_stream, entries in (
        ("pieces", "mixture", "tasks of a mixture"),
        ("then", "sequence", "data sets after the first of a sequence"),
    ):
        if (stream == its_stream) != bool(lists[key]):
            raise HoldfastError(
                f"data.{key} lists the {entries}; give stream={its_stream!r} and {key} together"
            )
