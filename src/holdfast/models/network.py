"""What the engine asks of every network that is trained."""

from torch import Tensor, nn

from holdfast.models.heads import Head
from holdfast.named_inputs import Inputs


class Network(nn.Module):
    """A network that gives features, and whose head turns them into logits (abstract).

    `Classifier` is the usual one. A module of your own need not be a subclass: it is enough that it
    has `head`, a method `features(x, task)` and a `forward(x, task)`, which the learner checks.

    Attributes:
        head: The output layer, which knows the outputs of each task.
    """

    # Declared and not made here, because a subclass knows how many features its head reads.
    head: Head

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs.

        Args:
            x: Inputs, (N, ...), or several such tensors.
            task: The number of the task of all rows, or of each row, (N,) on the CPU. None means
                that it is unknown.

        Returns:
            The features, (N, D).
        """
        raise NotImplementedError

    def forward(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Logits of inputs.

        Args:
            x: Inputs, (N, ...).
            task: As in `features`.

        Returns:
            The logits, (N, C), -inf at outputs that are not active.
        """
        h = self.features(x, task)
        # The head gets the task as well, because it decides which outputs are active.
        logits: Tensor = self.head(h, task)
        return logits
