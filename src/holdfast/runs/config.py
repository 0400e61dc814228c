"""What defines a run: validated, hashable, the same in TOML, JSON and on the command line.

`RunConfig` is the one declaration of every setting: its name, type, bounds, default and meaning.
The options of `holdfast run` are generated from it, so a new setting needs no other list than this
one.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_serializer, model_validator

from holdfast.errors import HoldfastError
from holdfast.runs.data_config import STREAMS, DataConfig
from holdfast.runs.model_config import ModelConfig, without_place
from holdfast.runs.own_method import checked_code
from holdfast.runs.own_settings import without_places
from holdfast.settings import ADDED, Positive, Settings
from holdfast.validation import Strict

# What others import from here, with the settings of the data from a file of their own.
__all__ = ["PARTS", "DataConfig", "ModelConfig", "RunConfig", "TrainingConfig"]

# Version of what is fitted on your own data, such as the mean of a column, beside validation rows.
FITTING = 2
# Libraries that take a seed accept 32 bits.
LARGEST_SEED = 2**32 - 1
Scenario = Literal["task", "domain", "class"]
Rate = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


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
    loss: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Loss of your own, such as mine:huber for the function huber in mine.py.",
    )
    scorer: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Score of the answers: accuracy, mean-ap, f1, label-accuracy, r2, rmse, or a "
        "function of your own such as mine:score. By default it follows from the objective.",
    )
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

    @model_serializer(mode="wrap")
    def _without_functions(self, plain: Callable[[object], dict[str, Any]]) -> dict[str, Any]:
        """Leave out functions that are not given, as the files of earlier versions do."""
        values = plain(self)
        for name in ("loss", "scorer"):
            if name in values and values[name] is None:
                del values[name]
        return values

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
        code: Digests of the modules of an own method. They follow from it, and are only given in
            the file of a run, whose source must still be the same.

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
        description='Continual-learning method, such as "ER(500) + LwF()", or mine:Pull(0.1) for '
        "the class Pull in mine.py. `holdfast methods` lists them.",
    )
    seed: Seed = Field(0, description="Seed of everything that is random.")
    code: dict[str, str] = Field({}, description="What the source of an own method is known by.")

    @model_validator(mode="after")
    def _know_the_code(self) -> "RunConfig":
        """Note the source of own methods, which is no setting that was given."""
        functions = [self.training.loss, self.training.scorer]
        object.__setattr__(self, "code", checked_code(self.method, self.code, functions))
        # Settings that are made of these may have another method.
        self.model_fields_set.discard("code")
        return self

    @model_serializer(mode="wrap")
    def _without_empty_code(self, plain: Callable[[object], dict[str, Any]]) -> dict[str, Any]:
        """Leave out what built-in methods do not have, as the files of earlier versions do."""
        return {name: value for name, value in plain(self).items() if name != "code" or value}

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
                is_new = field.json_schema_extra == ADDED
                if is_new and values[part].get(name) == field.default:
                    values[part].pop(name, None)
        return values

    @property
    def hash(self) -> str:
        """The name of the run's folder: the same settings give the same hash, however written.

        If streams are built in another way than in earlier versions, their version is part of the
        hash, so that results on other examples are not taken for results of this run.
        """
        values = self.plain()
        values["data"] = without_places(values["data"])
        values["model"] = without_place(values["model"])
        if self.data.versioned:
            values["streams"] = STREAMS
        if self.data.own and self.data.validation > 0:
            values["fitting"] = FITTING
        # Sorted keys, so that a field may move within its class. 64 bits are enough to tell runs
        # apart, and keep paths short.
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
