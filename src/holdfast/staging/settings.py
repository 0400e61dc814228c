"""What a training in stages depends on, and where its files are."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, field_validator

from holdfast.errors import HoldfastError
from holdfast.validation import Strict, validated

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
ALL_LINEAR = "all-linear"  # the name that peft has for every linear layer but the output layer
# Low-rank weights begin at 0 and need larger steps than weights that were trained before.
RATE_OF_ADAPTERS = 1e-3
RATE_OF_ALL = 5e-5
NONE = "none"


class Adapter(Strict):
    """A low-rank adapter of peft that is trained through all stages.

    Args:
        rank: The rank r of the change of each layer.
        alpha: The scale α; the change is multiplied by α / r.
        target_modules: Endings of the names of the layers, or "all-linear".
    """

    rank: Positive = 8
    alpha: float = Field(16.0, gt=0, le=1e6)
    target_modules: list[str] | str = ALL_LINEAR


class Places(Strict):
    """Where the files of a training are. Results depend on what they hold, not on where they are.

    Args:
        model: A folder, a GGUF file, or a name of the Hugging Face hub.
        gguf: The name of a GGUF file in the folder.
        tasks: The folder of the tasks, or the TOML file that lists them.
        general: The file of general text.
    """

    model: str
    gguf: str | None = None
    tasks: str
    general: str | None = None


class StageSettings(Strict):
    """Everything that the result of a training depends on, besides its stages and its seed.

    Args:
        model: Digest of the files of the model.
        tasks: Digest of the examples of each task, by its name.
        general: Digest of the general text. None: there is none.
        adapter: The adapter that is trained. None: all weights are.
        method: The continual-learning method on top, such as "FineTune".
        code: Digests of the modules of an own method.
        optimizer: "sgd", "adam" or "adamw".
        lr: The learning rate.
        batch_size: Examples per step.
        clip: The largest norm of the gradient. None: no gradient is shortened.
        max_length: The most tokens of a text.
        steps: Steps per task. A stage of several tasks has as many for each.
        score: What tasks are scored by, see `staging.scores`.
        threads: Threads of a process, which decide about the last bits.
    """

    model: str
    tasks: dict[str, str]
    general: str | None = None
    adapter: Adapter | None = Adapter()
    method: str = Field("FineTune", validate_default=True)
    code: dict[str, str] = {}
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: float = Field(gt=0, lt=1e6)
    batch_size: Positive = 8
    clip: float | None = Field(1.0, gt=0)
    max_length: Annotated[int, Field(ge=2, le=2**31 - 1)] = 256
    steps: Positive = 200
    score: Literal["token_accuracy", "exact_match", "probability"] = "token_accuracy"
    threads: Positive = 1

    @field_validator("method")
    @classmethod
    def _canonical(cls, spec: str) -> str:
        """Write a spec in the one way in which the same method is always written."""
        # Methods need PyTorch, which takes seconds to load.
        from holdfast.methods import parse_method

        return repr(parse_method(spec))

    def digest(self, **more: object) -> str:
        """Compute a name for the settings and more plain values."""
        values = self.model_dump(mode="json") | more
        # Sorted keys, so that a field may move. 64 bits are enough to tell trainings apart.
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_adapter(text: str) -> Adapter | None:
    """Read an adapter as it is written on the command line.

    Args:
        text: Names and values, such as "rank=8,alpha=16,target_modules=q_proj,v_proj", or "none".

    Returns:
        The adapter, or None if all weights are to be trained.

    Raises:
        HoldfastError: A name is unknown, or a value is wrong.

    Example:
        >>> read_adapter("rank=4,target_modules=q_proj,v_proj").target_modules
        ['q_proj', 'v_proj']
        >>> read_adapter("none") is None
        True
    """
    if text.strip().lower() == NONE:
        return None
    values: dict[str, list[str]] = {}
    last: list[str] = []
    for piece in text.split(","):
        name, equals, value = piece.partition("=")
        # A piece without a name belongs to the list before it.
        if equals:
            # The same name again would silently win over the first.
            if name.strip() in values:
                raise HoldfastError(f"--adapter names {name.strip()} twice; name it once")
            last = values.setdefault(name.strip(), [])
        elif not values:
            raise HoldfastError(
                f"--adapter {text!r} cannot be read; expected none, or names and values such as "
                "rank=8,alpha=16,target_modules=q_proj,v_proj"
            )
        last.append((value if equals else piece).strip())
    return validated(Adapter, **{name: _value(name, given) for name, given in values.items()})


def _value(name: str, given: list[str]) -> object:
    """The value of a field of an adapter, which pydantic checks and converts."""
    if name == "target_modules" and given != [ALL_LINEAR]:
        return [one.strip("[]'\" ") for one in given]
    return ",".join(given)


def default_rate(adapter: Adapter | None) -> float:
    """Give the learning rate for an adapter, or for all weights."""
    if adapter is None:
        return RATE_OF_ALL
    return RATE_OF_ADAPTERS
