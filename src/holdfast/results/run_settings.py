"""The settings of a run, as far as tables, figures and pages read them."""

import hashlib
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationError, field_validator

from holdfast.errors import HoldfastError
from holdfast.results.parts import Count, Name, Part, Text
from holdfast.validation import explain

# What the scores of each objective are, unless a scorer is named.
SCORES = {
    "classification": "accuracy",
    "multilabel": "mean average precision",
    "regression": "R²",
    "custom": "R²",
}
SCORE_OF = {
    "mean-ap": "mean average precision",
    "f1": "F1",
    "label-accuracy": "accuracy of labels",
    "r2": "R²",
    "rmse": "1 − RMSE / range",
}
Scenario = Literal["task", "domain", "class"]
VERSION = 6  # letters of a digest that tables show
SCENARIOS: tuple[Scenario, ...] = ("task", "domain", "class")  # the order of tables and pages


class DataSettings(Part):
    """What a run was trained on.

    Args:
        name: The data set.
        stream: How its tasks are made, such as "split".
        tasks: The number of tasks.
        then: The data sets after the first one of a sequence.
        task: The column that makes tasks, if one does.
        every: How long a window of time is.
    """

    # The stream is no literal, because a later version may have another kind of stream.
    name: Name
    stream: Name
    tasks: Count
    then: list[Name] = []
    task: Name | None = None
    every: Name | Count = "month"

    @property
    def description(self) -> str:
        """The data in words.

        >>> DataSettings(name="digits", stream="split", tasks=5).description
        'digits, split into 5 tasks'
        """
        names = ", then ".join([self.name, *self.then])
        # A sequence has one task per data set, so its number of tasks says nothing new.
        if self.stream == "sequence":
            return names
        # Only the data know how many tasks their rows make.
        if self.stream in ("column", "windows"):
            return f"{names}, one task per {self.task or self.every}"
        return f"{names}, {self.stream} into {self.tasks} tasks"


class RunSettings(Part):
    """All settings of a run, of which a few are known by type.

    `holdfast.runs.config` declares and checks them before a run. This class holds the values that
    were used, also those of other versions, which may have had more or fewer settings.

    Args:
        data: Settings of the data.
        model: Settings of the network.
        training: Settings of training.
        scenario: `task`, `domain` or `class`.
        method: The method, as a specification such as "ER(200)".
        seed: The seed.
    """

    # Settings that this version does not know tell runs apart all the same.
    model_config = ConfigDict(extra="allow")

    data: dict[str, JsonValue]
    model: dict[str, JsonValue]
    training: dict[str, JsonValue]
    scenario: Scenario
    method: Text
    # The record of the run has the seed too, and that one is used.
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    @field_validator("data")
    @classmethod
    def _check_data(cls, values: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Raise an error if what pages say about the data is missing or of the wrong kind."""
        # Checked here rather than in a field of its own type, so that the file keeps its key order.
        try:
            DataSettings.model_validate(values)
        except ValidationError as error:
            raise HoldfastError(f"config.data.{explain(error, DataSettings)}") from None
        return values

    @property
    def data_set(self) -> DataSettings:
        """What the run was trained on."""
        return DataSettings.model_validate(self.data)

    @property
    def score(self) -> str:
        """What the scores of the run are, such as "accuracy"."""
        scorer = self.training.get("scorer")
        if isinstance(scorer, str):
            return SCORE_OF.get(scorer, scorer)
        return SCORES.get(str(self.data.get("objective")), SCORES["classification"])

    def by_part(self) -> dict[str, dict[str, JsonValue]]:
        """The settings that have names of their own, by the part that they belong to."""
        return {"data": self.data, "model": self.model, "training": self.training}

    @property
    def version(self) -> str:
        """A few letters that tell versions of an own method apart; "" for built-in methods."""
        code = (self.model_extra or {}).get("code")
        if not isinstance(code, dict):
            return ""
        # Any of the modules may have been edited.
        return hashlib.sha256(repr(sorted(code.items())).encode()).hexdigest()[:VERSION]

    def shared(self) -> dict[str, JsonValue]:
        """Everything but the seed and the method, which is what compared runs have in common."""
        # Methods are compared with each other, whatever their code, and seeds make up a group.
        return self.model_dump(exclude={"seed", "method", "code"})
