"""What the engine asks of every network that is trained."""

from torch import Tensor, nn

from holdfast.models.heads import Head


class Network(nn.Module):
    """A network that gives features, and whose head turns them into logits (abstract).

    `Classifier` is the usual one. A module of your own need not be a subclass: it is enough that it
    has `head`, a method `features(x, task)` and a `forward(x, task)`, which the learner checks.

    Attributes:
        head: The output layer, which knows the outputs of each task.
    """

    head: Head

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs.

        Args:
            x: Inputs, (N, ...).
            task: The number of the task of all rows, or of each row, (N,) on the CPU. None means
                that it is unknown.

        Returns:
            The features, (N, D).
        """
        raise NotImplementedError

    def forward(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Logits of inputs.

        Args:
            x: Inputs, (N, ...).
            task: As in `features`.

        Returns:
            The logits, (N, C), -inf at outputs that are not active.
        """
        logits: Tensor = self.head(self.features(x, task), task)
        return logits
