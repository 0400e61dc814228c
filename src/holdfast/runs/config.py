"""What defines a run: validated, hashable, the same in TOML, JSON and on the command line.

`RunConfig` is the one declaration of every setting: its name, type, bounds, default and meaning.
The options of `holdfast run` are generated from it, so a new setting needs no other list than this
one.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from holdfast.errors import HoldfastError
from holdfast.settings import ADDED, MOST, Positive, Settings
from holdfast.validation import Strict

# Version of how validation examples are drawn and how texts become features.
STREAMS = 2
# Data sets without texts. Their streams are the same in all versions.
IMAGES = (
    "digits",
    "ylecun/mnist",
    "zalando-datasets/fashion_mnist",
    "uoft-cs/cifar10",
    "uoft-cs/cifar100",
)
# Libraries that take a seed accept 32 bits.
LARGEST_SEED = 2**32 - 1
Scenario = Literal["task", "domain", "class"]
Whole = Annotated[int, Field(ge=0, le=MOST)]
Rate = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class DataConfig(Strict):
    """Which examples a run trains on, and how they become tasks.

    Example:
        >>> DataConfig(stream="sequence", then=["ylecun/mnist"]).tasks
        2
    """

    name: str = Field(
        "digits",
        description="Data set: digits, which comes with the package, or a name of the Hugging Face "
        "hub, such as ylecun/mnist, whose files are in --data-dir.",
    )
    stream: Literal["split", "permuted", "rotated", "sequence", "mixture", "grouped"] = Field(
        "split", description="How the data set becomes tasks."
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
    features: Literal["hashed", "tfidf-all-tasks"] = Field(
        "hashed",
        json_schema_extra=ADDED,
        description="What texts become: hashed pieces of words, or TF-IDF weights that were fitted "
        "on the texts of all tasks.",
    )
    group_column: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Column that says which examples belong together, such as those of one user. "
        "They are set aside for validation together or not at all.",
    )

    @property
    def sets(self) -> set[str]:
        """The names of the data sets that are read."""
        # A piece is a data set, and after a colon what is done to it.
        if self.stream == "mixture":
            return {piece.partition(":")[0] for piece in self.pieces}
        return {self.name, *self.then}

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
        lists = {}
        for key in ("sizes", "pieces", "then"):
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


class ModelConfig(Strict):
    """Which network a run trains.

    Example:
        >>> ModelConfig(hidden=[100]).name
        'mlp'
    """

    name: Literal["mlp", "convnet", "resnet18", "slim_resnet18"] = Field(
        "mlp", description="Network to train."
    )
    hidden: list[Positive] = Field(
        [256, 256], description="Number of units of each hidden layer of the MLP."
    )
    init: Literal["default", "xavier"] = Field(
        "default",
        description="How the weights of the MLP are drawn: as PyTorch does, or by Xavier's rule.",
    )
    head: Literal["auto", "separate", "masked", "fixed", "growing"] = Field(
        "auto", description="Output layer. With auto, it follows from the scenario."
    )
    frozen: bool = Field(
        False,
        description="Keep the weights below the output layer as they are, for NCM, SLDA and "
        "RanPAC.",
    )


class TrainingConfig(Settings):
    """How a run trains: the settings of the learner, and what a run needs besides them.

    Example:
        >>> TrainingConfig(epochs=2).lr
        0.01
    """

    optimizer: Literal["sgd", "adam", "adamw"] = Field(
        "sgd", description="Optimizer to train with."
    )
    lr: Rate | Literal["auto"] = Field(
        0.01,
        description="Learning rate of the optimizer. With auto, it is found on training examples "
        "of the first task, and is the same for all methods.",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of SGD.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay of the optimizer.")
    boundaries: Literal["known", "never", "adwin", "page-hinkley"] = Field(
        "known",
        description="Who tells the learner that a new task begins: the stream (known), nobody "
        "(never), or a drift detector, in the domain scenario.",
    )
    evaluate_every: Positive | list[Positive] | None = Field(
        None,
        description="Optimizer steps between evaluations during training. "
        "By default, models are evaluated only after each task.",
    )

    @field_validator("epochs", "steps")
    @classmethod
    def _at_least_one(cls, value: int | list[int] | None) -> int | list[int] | None:
        """Refuse 0: a learner may take no step, but a run of none would say nothing."""
        if 0 in (value if isinstance(value, list) else [value]):
            raise ValueError("must be at least 1")
        return value


# The parts of the settings of a run, as they are called in TOML files.
PARTS: dict[str, type[Strict]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
}


class RunConfig(Strict):
    """One run: everything that its result depends on.

    Args:
        data: Which examples, and how they become tasks.
        model: Which network.
        training: How it is trained.
        scenario: "task", "domain" or "class".
        method: The spec of the method, such as "ER(500) + LwF()".
        seed: The seed of everything that is random.

    Example:
        >>> RunConfig(method="ER(500)", seed=3).method
        'ER(500)'
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    scenario: Scenario = Field(
        "class",
        description="What the model is told about the task of an example, and whether tasks add "
        "classes.",
    )
    method: str = Field(
        "FineTune",
        # The default is written in the canonical way too.
        validate_default=True,
        description='Continual-learning method, such as "ER(500) + LwF()". '
        "`holdfast methods` lists them.",
    )
    seed: Seed = Field(0, description="Seed of everything that is random.")

    @model_validator(mode="after")
    def _boundaries_of_a_domain_stream(self) -> "RunConfig":
        """Refuse unannounced boundaries where they cannot work."""
        if self.training.boundaries == "known":
            return self
        # Only in the domain scenario do all tasks have the same outputs.
        if self.scenario != "domain":
            raise HoldfastError(
                f"training.boundaries={self.training.boundaries!r} is for the domain scenario, got "
                f"{self.scenario}: a task of that scenario adds outputs, and this announces it"
            )
        # Without announced tasks there is no step from which to count.
        if self.training.evaluate_every is not None:
            raise HoldfastError(
                "training.evaluate_every counts the steps of announced tasks; leave it out if "
                "boundaries are not known"
            )
        return self

    @field_validator("method")
    @classmethod
    def _canonical(cls, spec: str) -> str:
        """Write a spec in the one way in which the same method is always written."""
        # Methods need PyTorch, and `holdfast run --help` reads this class without it.
        from holdfast.methods import parse_method

        return repr(parse_method(spec))

    def plain(self) -> dict[str, Any]:
        """Give every setting as plain values.

        A setting that earlier versions did not have is left out if it has the value that says what
        they did. Thus earlier results and later ones of the same settings are one group.

        Returns:
            The settings, as they are written to JSON.
        """
        values = self.model_dump(mode="json")
        for part, kind in PARTS.items():
            for name, field in kind.model_fields.items():
                if field.json_schema_extra == ADDED and values[part][name] == field.default:
                    del values[part][name]
        return values

    @property
    def hash(self) -> str:
        """The name of the run's folder: the same settings give the same hash, however written.

        If streams are built in another way than in earlier versions, their version is part of the
        hash, so that results on other examples are not taken for results of this run.
        """
        values = self.plain()
        if self.data.versioned:
            values["streams"] = STREAMS
        # Sorted keys, so that a field may move within its class. 64 bits are enough to tell runs
        # apart, and keep paths short.
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
