"""How a learner trains: each option is declared once, with its bounds, default and meaning.

`Learner(..., epochs=5)` builds `Settings` from its keyword arguments. The settings of a run
(`[training]` in a TOML file, the options of `holdfast run`, the hash of a run) extend this class,
so an option that is declared here exists everywhere.
"""

from collections.abc import Sequence
from numbers import Integral
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from holdfast.validation import Strict

MOST = 2**31 - 1  # of anything that is counted
Positive = Annotated[int, Field(ge=1, le=MOST)]
# Mark a field with `json_schema_extra=ADDED` if it is newer than results that must stay valid. At
# its default it is then left out of the hash of a run, because that is what was done before.
ADDED: dict[str, JsonValue] = {"added": True}
Count = Annotated[int, Field(ge=0, le=MOST)]


class Settings(Strict):
    """How a learner trains. Every argument has a default, so give only those that you change.

    Example:
        >>> Settings(epochs=[1, 10], batch_size=32).epochs_of(1)
        10
    """

    epochs: Count | list[Count] = Field(
        1, description="Passes over the training examples of each task."
    )
    steps: Count | None = Field(
        None, description="Optimizer steps per task. Replaces the number of epochs."
    )
    batch_size: Positive = Field(
        64, description="New examples per batch, without those that a method adds from its memory."
    )
    drop_last: bool = Field(
        False, description="Leave out the last batch of an epoch if it is smaller than the others."
    )
    shuffle: bool = Field(
        True, description="Draw the examples of a task in random order, or keep their own order."
    )
    renew_optimizer: bool = Field(
        False, description="Start every task with a new optimizer, without momentum from before."
    )
    schedule: Literal["constant", "cosine", "step"] = Field(
        "constant", description="How the learning rate changes over each task."
    )
    clip: float | None = Field(
        None,
        gt=0,
        description="Largest norm of the gradient; a longer one is shortened to it. "
        "By default no gradient is shortened.",
    )
    accumulate: Positive = Field(
        1, description="Parts that each batch is cut into, to save memory during a step."
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Number format of the forward pass."
    )
    outputs: Literal["seen", "all", "current"] = Field(
        "seen",
        description="Outputs that compete in the loss in the class scenario: those of all tasks so "
        "far, those of the whole stream, or those of the current task.",
    )
    groups: Literal["joint", "separate"] = Field(
        "joint",
        description="Whether new and stored examples share one forward pass or have one each.",
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_numbers(cls, values: Any) -> Any:
        """Accept the integers of NumPy as integers, which pydantic refuses."""
        if not isinstance(values, dict):
            return values
        return {name: _plain(value) for name, value in values.items()}

    def epochs_of(self, task: int) -> int | None:
        """The epochs of a task by its number from 0; None if its steps are given instead.

        Raises:
            IndexError: The list has no number for this task.
        """
        if self.steps is not None:
            return None
        return self.epochs[task] if isinstance(self.epochs, list) else self.epochs


def _plain(value: Any) -> Any:
    """Return a value, or the values of a list, with Python's own integers."""
    # This recognises the integers of NumPy without loading it, which `holdfast --help` need not do.
    # A bool is an `Integral` too, but it stays what it is.
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value
