"""What a learner trains for, as plain values in its file."""

from typing import Literal

from holdfast.engine.objectives import (
    Custom,
    NextToken,
    Objective,
    OwnLoss,
    Regression,
    make_objective,
)
from holdfast.errors import HoldfastError
from holdfast.own_code import import_function
from holdfast.results.parts import Part


class ObjectiveRecord(Part):
    """What a learner trains for.

    Attributes:
        name: The name of the objective.
        mean: The mean of each target of regression.
        deviation: The deviation of each target of regression.
        outputs: What the outputs of a custom objective are.
        loss: The name of its loss, such as "mine:huber", or None if it has none to import it by.
        weighting: How a language model weighs tokens.
    """

    name: Literal["classification", "multilabel", "regression", "language", "custom"] = (
        "classification"
    )
    mean: list[float] = [0.0]
    deviation: list[float] = [1.0]
    outputs: Literal["classes", "labels", "values"] = "values"
    loss: str | None = None
    weighting: Literal["tokens", "rows"] = "tokens"


def record_of(objective: Objective) -> ObjectiveRecord:
    """Describe an objective as plain values.

    Example:
        >>> record_of(Regression(mean=3.0)).mean
        [3.0]
    """
    values: dict[str, object] = {"name": objective.name}
    if isinstance(objective, Regression):
        values |= {"mean": list(objective.mean), "deviation": list(objective.deviation)}
    if isinstance(objective, NextToken):
        values["weighting"] = objective.weighting
    if isinstance(objective, Custom):
        values |= {"outputs": objective.outputs, "loss": _name_of(objective.own_loss)}
    return ObjectiveRecord.model_validate(values)


def _name_of(loss: OwnLoss) -> str | None:
    """The name by which another process can import a loss, if there is one."""
    module = getattr(loss, "__module__", "__main__")
    name = getattr(loss, "__qualname__", "<lambda>")
    # A function of a notebook or inside a function can't be imported.
    if module == "__main__" or "<" in name:
        return None
    return f"{module}:{name}"


def objective_of(record: ObjectiveRecord, loss: OwnLoss | None) -> Objective:
    """Make the objective of a file.

    Args:
        record: What the file says.
        loss: The loss that the user hands over, or None.

    Raises:
        HoldfastError: The loss of a custom objective is needed, or cannot be imported.

    Example:
        >>> objective_of(ObjectiveRecord(name="regression", mean=[3.0]), None)
        Regression(mean=3.0, deviation=1.0)
    """
    if record.name == "regression":
        return Regression(tuple(record.mean), tuple(record.deviation))
    if record.name == "language":
        return NextToken(record.weighting)
    if record.name != "custom":
        return make_objective(record.name, loss)
    if loss is None and record.loss is None:
        raise HoldfastError(
            "it was trained with a loss of your own that has no name to import it by. Pass the "
            "same: Learner.load(path, loss=function)"
        )
    return Custom(loss or import_function(str(record.loss)), record.outputs)
