"""How a learner trains: the one declaration of each option, with its bounds, its default and its meaning.

`Learner(..., epochs=5)` builds `Settings` from its keyword arguments. The settings of a run
(`[training]` in a TOML file, the options of `holdfast run`, the hash of a run) extend this class, so
an option that is declared here exists everywhere.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from holdfast.validation import Strict

MOST = 2**31 - 1  # of anything that is counted
Positive = Annotated[int, Field(ge=1, le=MOST)]
Count = Annotated[int, Field(ge=0, le=MOST)]


class Settings(Strict):
    """How a learner trains. Every argument has a default, so give only those that you change.

    Example:
        >>> Settings(epochs=[1, 10], batch_size=32).epochs_of(1)
        10
    """

    epochs: Count | list[Count] = Field(
        1, description="epochs per task, or a list with one number for each task"
    )
    steps: Count | None = Field(None, description="steps per task, instead of epochs")
    batch_size: Positive = Field(64, description="new examples in a batch")
    drop_last: bool = Field(
        False, description="leave out the last batch of an epoch if it is smaller"
    )
    shuffle: bool = Field(
        True, description="examples of a task come in random order, otherwise in their own"
    )
    renew_optimizer: bool = Field(False, description="make a new optimizer for every task")
    schedule: Literal["constant", "cosine", "step"] = Field(
        "constant", description="course of the learning rate over each task"
    )
    clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    accumulate: Positive = Field(1, description="micro-batches per step")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="arithmetic of the forward pass"
    )
    outputs: Literal["seen", "all", "current"] = Field(
        "seen", description="outputs that compete in the loss (class scenario)"
    )
    groups: Literal["joint", "separate"] = Field(
        "joint",
        description="new and stored examples go through the network in one forward pass or apart",
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_numbers(cls, values: Any) -> Any:
        """Integers of NumPy count as integers."""
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
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value
