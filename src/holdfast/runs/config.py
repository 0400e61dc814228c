"""What defines a run: validated, hashable, the same in TOML, JSON and on the command line."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from holdfast.errors import HoldfastError
from holdfast.settings import MOST, Positive, Settings
from holdfast.validation import Strict

STREAMS = 2  # version of how validation examples are drawn and how texts become features
ADDED = ("features", "group_column")  # settings of the data that earlier versions did not have
IMAGES = (  # data sets without texts, whose streams are the same in all versions
    "digits",
    "ylecun/mnist",
    "zalando-datasets/fashion_mnist",
    "uoft-cs/cifar10",
    "uoft-cs/cifar100",
)
LARGEST_SEED = 2**32 - 1
Scenario = Literal["task", "domain", "class"]
Whole = Annotated[int, Field(ge=0, le=MOST)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class DataConfig(Strict):
    """Which examples, and how they become tasks."""

    name: str = Field(
        "digits", description="data set: digits, or a hub name found under --data-dir"
    )
    stream: Literal["split", "permuted", "rotated", "sequence", "mixture", "grouped"] = Field(
        "split", description="how tasks are made"
    )
    pieces: list[str] = Field(
        [], description="tasks of a mixture: NAME, NAME:rotate=DEGREES or NAME:permute=SEED"
    )
    task_order: list[Whole] = Field(
        [],
        description="numbers of the tasks that are learnt, in this order (default: all, in their own)",
    )
    then: list[str] = Field(
        [], description="data sets after the first, one task each (stream sequence)"
    )
    tasks: int = Field(5, ge=1, le=100_000, description="number of tasks")
    sizes: list[Positive] = Field(
        [], description="classes of each task of a split stream, where they differ"
    )
    blurry: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of each task's training examples that moves to the other tasks",
    )
    order: Literal["sorted", "seed"] | list[str | int] = Field(
        "sorted", description="classes sorted, shuffled by the run's seed, or listed"
    )
    examples: Positive | None = Field(
        None, description="number of training examples used, as many of each class (default: all)"
    )
    fraction: float = Field(
        1.0, gt=0, le=1, description="share of the training examples used, of each class"
    )
    validation: float = Field(
        0.0, ge=0, lt=1, description="share of the training examples set aside for validation"
    )
    features: Literal["hashed", "tfidf-all-tasks"] = Field(
        "hashed",
        description="what texts become: hashed pieces of words, or TF-IDF that was fitted on all tasks",
    )
    group_column: str | None = Field(
        None,
        description="column that relates examples (a user, say), which validation then keeps together",
    )

    @property
    def sets(self) -> set[str]:
        """Names of the data sets that are read."""
        if self.stream == "mixture":
            return {piece.partition(":")[0] for piece in self.pieces}
        return {self.name, *self.then}

    @property
    def versioned(self) -> bool:
        """Whether its stream depends on `STREAMS`: it has validation examples, or may have texts."""
        return self.validation > 0 or not self.sets <= set(IMAGES)

    @model_validator(mode="before")
    @classmethod
    def _one_task_a_set(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        lists = {k: values.get(k) or [] for k in ("sizes", "pieces", "then")}
        if not all(isinstance(v, list | tuple) for v in lists.values()):
            return values  # the fields' own checks say what is wrong
        for key, stream, things in (
            ("pieces", "mixture", "tasks of a mixture"),
            ("then", "sequence", "data sets after the first of a sequence"),
        ):
            if (values.get("stream") == stream) != bool(lists[key]):
                raise HoldfastError(
                    f"data.{key} lists the {things}; give stream={stream!r} and {key} together"
                )
        listed = {
            "sizes": len(lists["sizes"]),
            "pieces": len(lists["pieces"]),
            "then": len(lists["then"]) + 1 if lists["then"] else 0,
        }
        for key, tasks in listed.items():
            if tasks and values.get("tasks", tasks) != tasks:
                raise HoldfastError(
                    f"data.{key} makes {tasks} tasks, but data.tasks is {values['tasks']}; leave data.tasks out"
                )
            if tasks:
                values = values | {"tasks": tasks}
        return values


class ModelConfig(Strict):
    """Which network."""

    name: Literal["mlp", "convnet", "resnet18", "slim_resnet18"] = Field(
        "mlp", description="network"
    )
    hidden: list[Positive] = Field([256, 256], description="hidden layers of the MLP")
    init: Literal["default", "xavier"] = Field("default", description="initial weights of the MLP")
    head: Literal["auto", "separate", "masked", "fixed", "growing"] = Field(
        "auto", description="output layer; auto follows the scenario"
    )
    frozen: bool = Field(
        False, description="the backbone keeps its weights (for NCM, SLDA, RanPAC)"
    )


class TrainingConfig(Settings):
    """How it is trained: the settings of the learner, and what a run needs besides them."""

    optimizer: Literal["sgd", "adam", "adamw"] = Field("sgd", description="optimizer")
    lr: float = Field(0.01, gt=0, description="learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of SGD")
    weight_decay: float = Field(0.0, ge=0, description="weight decay")
    boundaries: Literal["known", "never", "adwin", "page-hinkley"] = Field(
        "known",
        description="announced to the learner, never, or declared by a detector (domain scenario)",
    )
    evaluate_every: Positive | list[Positive] | None = Field(
        None,
        description="steps between evaluations during training, for anytime metrics "
        "(or a list with one number for each task)",
    )

    @field_validator("epochs", "steps")
    @classmethod
    def _at_least_one(cls, value: int | list[int] | None) -> int | list[int] | None:
        """A learner may take no step, but a run of none would say nothing."""
        if 0 in (value if isinstance(value, list) else [value]):
            raise ValueError("must be at least 1")
        return value


class RunConfig(Strict):
    """One run: everything that its result depends on."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    scenario: Scenario = "class"
    method: str = "FineTune()"
    seed: Seed = 0

    @model_validator(mode="after")
    def _boundaries_of_a_domain_stream(self) -> "RunConfig":
        if self.training.boundaries != "known":
            if self.scenario != "domain":
                raise HoldfastError(
                    f"training.boundaries={self.training.boundaries!r} is for the domain scenario, got {self.scenario}: where outputs are "
                    "added, that is a boundary"
                )
            if self.training.evaluate_every is not None:
                raise HoldfastError(
                    "training.evaluate_every counts steps of announced tasks; leave it out where boundaries are not known"
                )
        return self

    @field_validator("method")
    @classmethod
    def _canonical(cls, spec: str) -> str:
        from holdfast.methods import parse_method

        return repr(parse_method(spec))

    def plain(self) -> dict[str, Any]:
        """Every setting as plain values.

        Settings that earlier versions did not have are left out where they say what happened then, so
        that earlier results and later ones of the same settings are one group.
        """
        values = self.model_dump(mode="json")
        for setting in ADDED:
            if values["data"][setting] == DataConfig.model_fields[setting].default:
                del values["data"][setting]
        return values

    @property
    def hash(self) -> str:
        """Name of the run's folder: the same settings give the same hash, however they were written.

        Where streams are built in another way than in earlier versions, their version is part of it, so
        that results on other examples are not taken for results of this run.
        """
        values = self.plain()
        if self.data.versioned:
            values["streams"] = STREAMS
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
