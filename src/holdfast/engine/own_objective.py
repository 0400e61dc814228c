"""An objective whose loss is the user's own."""

from collections.abc import Callable

import torch
from torch import Tensor

from holdfast.engine.competing import Competing
from holdfast.engine.likelihoods import Multilabel, Regression
from holdfast.engine.objective import CLASSIFICATION, Objective, known_targets
from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError, first_line, one_of

# (outputs (B, K), targets (B,) or (B, K), rows) → one loss per row, (B,)
OwnLoss = Callable[[Tensor, Tensor, Rows], Tensor]

MEANINGS: dict[str, Objective] = {
    "classes": CLASSIFICATION,
    "labels": Multilabel(),
    "values": Regression(),
}


class Custom(Objective):
    """Trains on a loss of your own.

    Your loss is called with the outputs that compete, (B, K), the targets of these outputs, and the
    rows: `rows.x` are the inputs, with all values that you put aside for each example, and
    `rows.task` is the number of the task of each row. It returns one loss per row, (B,), since the
    rows of a batch may have different weights.

    Args:
        loss: The loss, (outputs, targets, rows) → losses (B,).
        outputs: What the outputs are. Methods use it where they need more than a loss: to compare
            outputs with those of an earlier network, and for the exact Fisher information. With
            "classes", targets are output indices (B,) and outputs the logits of a softmax. With
            "labels", targets are 0 and 1, (B, K), and outputs the logits of sigmoids. With
            "values", targets are numbers, (B, K). Targets that are not known are NaN.

    Raises:
        HoldfastError: `loss` can't be called, or `outputs` is something else.

    Example:
        >>> def absolute(outputs, targets, rows):
        ...     return (outputs - targets).abs().mean(1)
        >>> rows = Rows.of_task(torch.zeros(1, 2), torch.tensor([[3.0]]), 0)
        >>> Custom(absolute).losses(torch.tensor([[1.0]]), rows, Competing()).tolist()
        [2.0]
    """

    name = "custom"

    def __init__(self, loss: OwnLoss, outputs: str = "values") -> None:
        if not callable(loss):
            raise HoldfastError(
                f"loss must be a function (outputs, targets, rows) → losses, got {loss!r}"
            )
        self.own_loss = loss
        self.meaning = MEANINGS[one_of("outputs of a custom objective", outputs, MEANINGS)]
        self.outputs = outputs
        self.scenarios = self.meaning.scenarios
        self.takes_labels = self.meaning.takes_labels

    def __repr__(self) -> str:
        name = getattr(self.own_loss, "__qualname__", type(self.own_loss).__name__)
        return f"Custom({name}, outputs={self.outputs!r})"

    def losses(self, outputs: Tensor, rows: Rows, competing: Competing) -> Tensor:
        own = competing.of(outputs)
        if self.takes_labels:
            return self._checked(own, competing.position(rows.y), rows)
        return self._checked(own, competing.columns(rows.y, outputs.shape[1]), rows)

    def _checked(self, outputs: Tensor, targets: Tensor, rows: Rows) -> Tensor:
        """Call the user's loss, and refuse what is not one loss per row."""
        name = getattr(self.own_loss, "__name__", type(self.own_loss).__name__)
        shapes = f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)}"
        try:
            losses: object = self.own_loss(outputs, targets, rows)
        except HoldfastError:
            raise
        except Exception as error:  # a user's function fails in any way
            what = f"the loss {name} failed on {shapes}"
            raise HoldfastError(f"{what}: {first_line(error)}") from error
        if not isinstance(losses, Tensor) or losses.shape != (len(outputs),):
            got = type(losses).__name__
            if isinstance(losses, Tensor):
                got = f"a tensor of shape {tuple(losses.shape)}"
            raise HoldfastError(
                f"the loss {name} returned {got} for {shapes}; expected one loss per row, of shape "
                f"({len(outputs)},), such as reduction='none' gives; leave the mean to Holdfast"
            )
        return losses

    def targets(self, y: Tensor, competing: Competing, width: int) -> Tensor:
        return self.meaning.targets(y, competing, width)

    def divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        return self.meaning.divergence(outputs, earlier, temperature, rows)

    def reverse_divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        return self.meaning.reverse_divergence(outputs, earlier, temperature, rows)

    def fisher_values(self, outputs: Tensor, labels: str) -> Tensor:
        # At the true targets, the gradient is that of the user's loss by the outputs themselves.
        if labels == "empirical":
            return outputs
        return self.meaning.fisher_values(outputs, labels)

    def fisher_weights(self, outputs: Tensor) -> Tensor:
        return self.meaning.fisher_weights(outputs)

    def fisher_coefficients(
        self,
        outputs: Tensor,
        labels: str,
        rows: Rows | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        if labels != "empirical":
            return self.meaning.fisher_coefficients(outputs, labels, rows, generator)
        targets = known_targets(rows)
        assert rows is not None  # else there were no targets
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            losses = self._checked(leaf, targets, rows)
            # Each loss depends on its own row, so the gradient of the sum has a row for each.
            return -torch.autograd.grad(losses.sum(), leaf)[0]

    def constant_answer(self, y: Tensor, width: int) -> Tensor:
        return self.meaning.constant_answer(y, width)
