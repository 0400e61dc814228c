"""The Trainer of transformers, with a method that prevents forgetting. It needs the extra.

What may be put where:

- `trainer`: `ContinualTrainer`, the Trainer whose stages are the tasks of a stream.
- `learners`: the learner that it trains.
- `arguments`: what `TrainingArguments` say about the learner, and what is refused of them.
- `network`: from a model of transformers to the network of a learner.
- `rows`: from the examples of a task to the rows and batches of a Trainer, and back.
- `stages`: which task comes next, and the scores after each.
- `module`, `callback`, `samplers`, `predictions`, `folders`: what a Trainer holds, calls and reads
  in place of its own: the network, the end of a step, orders, evaluations, checkpoint folders.
"""

from typing import TYPE_CHECKING, Any

from holdfast.errors import require

if TYPE_CHECKING:
    from holdfast.integrations.transformers.trainer import ContinualTrainer

__all__ = ["ContinualTrainer"]


def __getattr__(name: str) -> Any:
    # The import takes seconds, and a message must name the extra if a package is missing.
    if name == "ContinualTrainer":
        require("transformers", "transformers", "accelerate")
        from holdfast.integrations.transformers.trainer import ContinualTrainer

        return ContinualTrainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
