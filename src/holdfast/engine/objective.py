"""What the network is trained for: what its outputs mean, and how wrong they are.

An objective gives the loss of each row. It also says which distribution the outputs describe, which
methods need for the Fisher information and for distillation. The shapes in this file: B or N rows,
and K outputs that compete.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.engine.competing import Competing
from holdfast.engine.distillation import distillation, reverse_distillation
from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError

# Which labels the expectation in the Fisher information takes (see `engine.fisher`).
LABELS = ("auto", "exact", "sampled", "predicted", "empirical")
SCENARIOS = ("task", "domain", "class")


class Objective(ABC):
    """What a network is trained for.

    Attributes:
        name: Its name, such as "regression".
        scenarios: Where it can be used: of "task", "domain" and "class".
        takes_labels: Whether a target is one output index, (N,). If not, it is a row of numbers,
            (N, K), NaN where nothing is known.
        sequences: Whether a row has an answer per token, so that outputs are (B, A, C).
    """

    name: ClassVar[str]
    scenarios: tuple[str, ...] = SCENARIOS
    takes_labels: bool = False
    sequences: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    # ---- the loss

    @abstractmethod
    def losses(self, outputs: Tensor, rows: Rows, competing: Competing) -> Tensor:
        """Compute the loss of each row.

        Args:
            outputs: The outputs of the network, (B, C), -inf at those that are not active.
            rows: The rows, with their targets `rows.y` and their inputs.
            competing: The outputs that compete in each row.

        Returns:
            The losses, (B,), with a graph.
        """

    def loss(self, step: Step) -> Tensor:
        """Compute Σ wᵢ ℓᵢ over the rows of a step.

        Args:
            step: The rows, with their weights wᵢ, and the outputs of the network.

        Returns:
            The loss, a scalar with a graph.
        """
        batch = step.batch
        rows = Rows(step.x, batch.y, batch.task)
        losses = self.losses(step.logits, rows, step.competing)
        if batch.uniform():
            return losses.mean()
        return losses @ replace(batch, precision=losses.dtype).weights()

    def size(self, batch: Batch) -> int:
        """Return how much a micro-batch counts in the mean over a batch: its rows.

        Args:
            batch: The micro-batch, or the whole batch.

        Returns:
            The size, at least 1.
        """
        return len(batch)

    @abstractmethod
    def targets(self, y: Tensor, competing: Competing, width: int) -> Tensor:
        """Take of targets what belongs to the outputs that compete.

        Args:
            y: Targets as the stream has them, (N,) or (N, K').
            competing: The outputs that compete, the same in all rows.
            width: The number of outputs of the network.

        Returns:
            Positions among these outputs, (N,), or the columns of these outputs, (N, K).
        """

    # ---- the distribution that the outputs describe

    @abstractmethod
    def divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        """Compute how far outputs are from those of an earlier network, as distributions.

        Args:
            outputs: The outputs of the network, (B, K).
            earlier: Those of the earlier network, (B, K') with K' ≤ K.
            temperature: T > 0, by which both are divided.
            rows: The rows, which only an objective of sequences needs: they say which tokens count.

        Returns:
            The Kullback-Leibler divergence, the mean over rows, a scalar.
        """

    def reverse_divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        """Compute the divergence with the two distributions exchanged.

        `divergence` is large where the earlier network finds likely what this one does not, and
        this one is large where this network finds likely what the earlier one did not.

        Args:
            outputs: As for `divergence`.
            earlier: As for `divergence`. Outputs that it lacks are left out on both sides.
            temperature: As for `divergence`.
            rows: As for `divergence`.

        Returns:
            The divergence, the mean over rows, a scalar.

        Raises:
            HoldfastError: The objective does not have it.
        """
        raise HoldfastError(
            f"objective={self.name!r} has no divergence in the reverse direction; use "
            "direction='forward', or define reverse_divergence in its class"
        )

    @abstractmethod
    def fisher_values(self, outputs: Tensor, labels: str) -> Tensor:
        """Compute the functions of the outputs whose gradients make up the Fisher information.

        Args:
            outputs: The outputs that compete, (N, K).
            labels: One of `LABELS`.

        Returns:
            (N, K), with a graph.
        """

    @abstractmethod
    def fisher_weights(self, outputs: Tensor) -> Tensor:
        """Compute the weight of the squared gradient of each function in the exact Fisher.

        Args:
            outputs: The outputs that compete, (N, K).

        Returns:
            (N, K).
        """

    @abstractmethod
    def fisher_coefficients(
        self,
        outputs: Tensor,
        labels: str,
        rows: Rows | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Compute the coefficient of each function in the gradient of log p at chosen targets.

        Args:
            outputs: The outputs that compete, (N, K).
            labels: "sampled", "predicted" or "empirical".
            rows: The rows, with targets as `targets` returned them. None: they are not known.
            generator: A generator on the CPU, for "sampled". None takes PyTorch's own.

        Returns:
            (N, K).
        """

    # ---- answers and checks

    def answers(self, outputs: Tensor) -> Tensor:
        """Turn outputs (N, C) into what a user is told, which is the outputs themselves."""
        return outputs

    @abstractmethod
    def constant_answer(self, y: Tensor, width: int) -> Tensor:
        """Give the outputs that suit targets best if they ignore the inputs.

        Args:
            y: Targets, (N,) or (N, K).
            width: The number of outputs of the network.

        Returns:
            One row of outputs, (width,).
        """

    def refuse(self, scenario: str) -> None:
        """Refuse a scenario in which the objective has no meaning.

        Raises:
            HoldfastError: There is none.
        """
        if scenario not in self.scenarios:
            raise HoldfastError(
                f"objective={self.name!r} does not apply to the {scenario} scenario, in which "
                f"tasks add classes; use scenario={' or '.join(map(repr, self.scenarios))}"
            )


class Classification(Objective):
    """One label per row. The loss is the weighted cross-entropy over the outputs that compete.

    Example:
        >>> rows = Rows.of_task(torch.zeros(1, 2), torch.tensor([1]), 0)
        >>> loss = CLASSIFICATION.losses(torch.tensor([[0.0, 0.0]]), rows, Competing())
        >>> round(float(loss), 4)
        0.6931
    """

    name = "classification"
    takes_labels = True

    def losses(self, outputs: Tensor, rows: Rows, competing: Competing) -> Tensor:
        return competing.losses(outputs, rows.y)

    def loss(self, step: Step) -> Tensor:
        batch = step.batch
        # PyTorch's own mean is faster, and has the bits of a bare loop.
        if batch.uniform():
            return F.cross_entropy(step.competing.of(step.logits), step.competing.position(batch.y))
        # A product needs weights and losses of one type.
        if batch.precision != step.logits.dtype:
            batch = replace(batch, precision=step.logits.dtype)
        return step.competing.losses(step.logits, batch.y) @ batch.weights()

    def targets(self, y: Tensor, competing: Competing, width: int) -> Tensor:
        return competing.position(y)

    def divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        return distillation(outputs, earlier, temperature)

    def reverse_divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        return reverse_distillation(outputs, earlier, temperature)

    def fisher_values(self, outputs: Tensor, labels: str) -> Tensor:
        return outputs.log_softmax(1)

    def fisher_weights(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(1)

    def fisher_coefficients(
        self,
        outputs: Tensor,
        labels: str,
        rows: Rows | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        if labels == "sampled":
            p = outputs.softmax(1)
            # On the CPU in double precision, so that a seed gives the same labels on every device.
            drawn = torch.multinomial(p.cpu().double(), 1, generator=generator)
            label = drawn.to(p.device).flatten()
        elif labels == "predicted":
            label = outputs.argmax(1)
        else:
            label = known_targets(rows)
        return F.one_hot(label, outputs.shape[1]).to(outputs.dtype)

    def constant_answer(self, y: Tensor, width: int) -> Tensor:
        return (y.bincount(minlength=width) / len(y)).log()


CLASSIFICATION = Classification()


def known_targets(rows: Rows | None) -> Tensor:
    """Return the targets of rows, for Fisher information at the true ones.

    Raises:
        HoldfastError: There are none.
    """
    if rows is None:
        raise HoldfastError("labels='empirical' needs the true labels y, got None; pass y=")
    return rows.y
