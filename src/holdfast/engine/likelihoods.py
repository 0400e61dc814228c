"""Objectives whose targets are rows of numbers: several labels at once, and measurements.

A target is NaN where nothing is known, for example of a label that came with a later task. Such an
entry is in no loss, no score and no Fisher information.
"""

import math
from abc import abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.competing import Competing
from holdfast.engine.objective import Objective, known_targets
from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError
from holdfast.streams.task import Stream

# (outputs (B, K), earlier ones (B, K)) → a divergence for each output, (B, K)
OfOutputs = Callable[[Tensor, Tensor], Tensor]


class OverOutputs(Objective):
    """Base of objectives that treat each output by itself (abstract)."""

    def losses(self, outputs: Tensor, rows: Rows, competing: Competing) -> Tensor:
        own = competing.of(outputs)
        targets = competing.columns(rows.y, outputs.shape[1])
        known = own.isfinite() & ~targets.isnan()
        # Replaced before the loss, since the gradient of a NaN would be NaN even with weight 0.
        each = self.loss_of_outputs(
            torch.where(known, own, 0.0), torch.where(known, targets, 0.0).to(own.dtype)
        )
        # A row in which nothing is known has no loss, instead of 0 / 0.
        return (each * known).sum(1) / known.sum(1).clamp_min(1)

    @abstractmethod
    def loss_of_outputs(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each output, (B, K), for finite outputs and targets (B, K)."""

    @abstractmethod
    def divergence_of_outputs(self, outputs: Tensor, earlier: Tensor) -> Tensor:
        """Compute the divergence of each output from an earlier one, (B, K)."""

    @abstractmethod
    def reverse_divergence_of_outputs(self, outputs: Tensor, earlier: Tensor) -> Tensor:
        """Compute the same with the two distributions exchanged, (B, K)."""

    @abstractmethod
    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compute ∂ log p(target) / ∂ output, (N, K)."""

    def targets(self, y: Tensor, competing: Competing, width: int) -> Tensor:
        return competing.columns(y, width)

    def divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        return self._mean_over_outputs(self.divergence_of_outputs, outputs, earlier, temperature)

    def reverse_divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        return self._mean_over_outputs(
            self.reverse_divergence_of_outputs, outputs, earlier, temperature
        )

    def _mean_over_outputs(
        self, divergence: OfOutputs, outputs: Tensor, earlier: Tensor, temperature: float
    ) -> Tensor:
        """Average a divergence of single outputs over those that both networks have."""
        # The earlier network may have had fewer outputs.
        now = outputs[:, : earlier.shape[1]]
        both = now.isfinite() & earlier.isfinite()
        each = divergence(
            torch.where(both, now, 0.0) / temperature, torch.where(both, earlier, 0.0) / temperature
        )
        # Divided by the number of outputs, as the loss is, so that the two keep their proportion.
        of_rows: Tensor = (each * both).sum(1) / both.sum(1).clamp_min(1)
        return of_rows.mean()

    def fisher_values(self, outputs: Tensor, labels: str) -> Tensor:
        return outputs

    def fisher_coefficients(
        self,
        outputs: Tensor,
        labels: str,
        rows: Rows | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        if labels == "sampled":
            return self.errors(outputs, self.sampled(outputs, generator))
        if labels == "predicted":
            return self.errors(outputs, self.predicted(outputs))
        # What is not known has no gradient.
        return self.errors(outputs, known_targets(rows)).nan_to_num(0.0)

    @abstractmethod
    def sampled(self, outputs: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draw targets (N, K) from the distribution that outputs (N, K) describe."""

    @abstractmethod
    def predicted(self, outputs: Tensor) -> Tensor:
        """Give the most probable targets (N, K) for outputs (N, K)."""


class Multilabel(OverOutputs):
    """Each label of a row is there or not: targets 0 and 1, and outputs are logits of a sigmoid.

    The loss of a row is the mean binary cross-entropy over its known labels. The distribution, for
    the Fisher information and for distillation, has an independent probability σ(z) per output.

    Example:
        >>> rows = Rows.of_task(torch.zeros(1, 2), torch.tensor([[1.0, torch.nan]]), 0)
        >>> loss = Multilabel().losses(torch.tensor([[0.0, 5.0]]), rows, Competing())
        >>> round(float(loss), 4)  # the second label is not known
        0.6931
    """

    name = "multilabel"

    def loss_of_outputs(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")

    def divergence_of_outputs(self, outputs: Tensor, earlier: Tensor) -> Tensor:
        p = earlier.sigmoid()
        # The cross-entropy of two coins minus the entropy of the earlier one.
        cross = F.binary_cross_entropy_with_logits(outputs, p, reduction="none")
        entropy: Tensor = torch.special.entr(p) + torch.special.entr(1 - p)
        return cross - entropy

    def reverse_divergence_of_outputs(self, outputs: Tensor, earlier: Tensor) -> Tensor:
        q = outputs.sigmoid()
        # Logarithms of sigmoids, because log q and log (1 − q) would lose their digits.
        there = F.logsigmoid(outputs) - F.logsigmoid(earlier)
        absent = F.logsigmoid(-outputs) - F.logsigmoid(-earlier)
        divergence: Tensor = q * there + (1 - q) * absent
        return divergence

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return targets.to(outputs.dtype) - outputs.sigmoid()

    def fisher_weights(self, outputs: Tensor) -> Tensor:
        p = outputs.sigmoid()
        return p * (1 - p)

    def sampled(self, outputs: Tensor, generator: torch.Generator | None) -> Tensor:
        # On the CPU in double precision, so that a seed gives the same targets on every device.
        p = outputs.cpu().double().sigmoid()
        return torch.bernoulli(p, generator=generator).to(outputs)

    def predicted(self, outputs: Tensor) -> Tensor:
        return (outputs > 0).to(outputs.dtype)

    def constant_answer(self, y: Tensor, width: int) -> Tensor:
        # The logit of a share is the constant output with the least cross-entropy.
        shares = _means(y, width)
        return torch.where(shares.isnan(), -torch.inf, shares.logit())


class Regression(OverOutputs):
    """Targets are measurements, and outputs are their means in a unit of your choice.

    The loss of a row is ½ (z − (y − mean) / deviation)², the mean over its known targets. This is a
    normal distribution of variance 1 around z, which the Fisher information and distillation use.
    Answers are in the unit of the targets.

    Args:
        mean: The mean of each target, one for all or one per output. Networks learn best if targets
            have mean 0 and deviation 1, so give those of the first task (see `Regression.of`).
        deviation: The standard deviation of each target, above 0.

    Raises:
        HoldfastError: A number is not finite, or a deviation is not above 0.

    Example:
        >>> rows = Rows.of_task(torch.zeros(1, 2), torch.tensor([[30.0]]), 0)
        >>> celsius = Regression(mean=20.0, deviation=5.0)
        >>> celsius.losses(torch.tensor([[1.0]]), rows, Competing()).tolist()
        [0.5]
        >>> celsius.answers(torch.tensor([[1.0]])).tolist()
        [[25.0]]
    """

    name = "regression"
    scenarios = ("task", "domain")

    def __init__(
        self, mean: float | tuple[float, ...] = 0.0, deviation: float | tuple[float, ...] = 1.0
    ) -> None:
        self.mean = _numbers("mean", mean)
        self.deviation = _numbers("deviation", deviation)
        if not all(value > 0 for value in self.deviation):
            raise HoldfastError(f"deviation must be above 0, got {deviation}")

    def __repr__(self) -> str:
        if self.mean == (0.0,) and self.deviation == (1.0,):
            return "Regression()"
        return f"Regression(mean={_shown(self.mean)}, deviation={_shown(self.deviation)})"

    @classmethod
    def of(cls, data: Tensor | Stream) -> "Regression":
        """Take mean and deviation of the training targets of the first task.

        Args:
            data: A stream, or training targets (N, K), NaN where nothing is known. Of a stream,
                each output has the unit of the first task that knows something of it, so that
                nothing is fitted on later tasks.

        Returns:
            The objective. A target that never changes, or is never known, keeps its unit.

        Example:
            >>> Regression.of(torch.tensor([[1.0], [3.0]]))
            Regression(mean=2.0, deviation=1.0)
        """
        y = data if isinstance(data, Tensor) else _first_known(data)
        values = y.double().reshape(len(y), -1)
        mean = values.nanmean(0).nan_to_num(0.0)
        deviation = (values - mean).square().nanmean(0).sqrt()
        deviation = torch.where(deviation > 0, deviation, 1.0)  # NaN is not above 0 either
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()))

    def losses(self, outputs: Tensor, rows: Rows, competing: Competing) -> Tensor:
        return super().losses(outputs, Rows(rows.x, self._in_unit(rows.y), rows.task), competing)

    def targets(self, y: Tensor, competing: Competing, width: int) -> Tensor:
        return super().targets(self._in_unit(y), competing, width)

    def loss_of_outputs(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square() / 2

    def divergence_of_outputs(self, outputs: Tensor, earlier: Tensor) -> Tensor:
        return (outputs - earlier).square() / 2

    def reverse_divergence_of_outputs(self, outputs: Tensor, earlier: Tensor) -> Tensor:
        # Two normal distributions of one variance are as far from each other either way.
        return self.divergence_of_outputs(outputs, earlier)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return targets.to(outputs.dtype) - outputs

    def fisher_weights(self, outputs: Tensor) -> Tensor:
        # The distribution has variance 1, and so has the gradient of its logarithm.
        return torch.ones_like(outputs)

    def sampled(self, outputs: Tensor, generator: torch.Generator | None) -> Tensor:
        # On the CPU in double precision, so that a seed gives the same targets on every device.
        noise = torch.randn(outputs.shape, generator=generator, dtype=torch.double)
        return outputs + noise.to(outputs)

    def predicted(self, outputs: Tensor) -> Tensor:
        raise HoldfastError(
            "labels='predicted' says nothing for regression, because the most probable target is "
            "the output itself, where the gradient is 0; use 'exact', 'sampled' or 'empirical'"
        )

    def answers(self, outputs: Tensor) -> Tensor:
        if self.mean == (0.0,) and self.deviation == (1.0,):
            return outputs
        return outputs * _like(self.deviation, outputs) + _like(self.mean, outputs)

    def constant_answer(self, y: Tensor, width: int) -> Tensor:
        return _means(self._in_unit(y), width).nan_to_num(0.0)

    def _in_unit(self, y: Tensor) -> Tensor:
        """Targets in the unit of the outputs."""
        if self.mean == (0.0,) and self.deviation == (1.0,):
            return y
        return (y - _like(self.mean, y)) / _like(self.deviation, y)


def _numbers(name: str, values: float | tuple[float, ...]) -> tuple[float, ...]:
    """Read one number for all outputs, or one per output."""
    numbers = values if isinstance(values, tuple | list) else (values,)
    out = tuple(float(number) for number in numbers)
    if not out or not all(math.isfinite(number) for number in out):
        raise HoldfastError(f"{name} must be a finite number, or one per output, got {values}")
    return out


def _first_known(stream: Stream) -> Tensor:
    """The training targets of each output in the first task that knows some, NaN elsewhere."""
    pieces: list[Tensor] = []
    found = torch.zeros(stream.outputs, dtype=torch.bool)
    for task in stream:
        _, y, _ = task.train.fetch(torch.arange(len(task.train)))
        y = y.cpu()
        new = ~y.isnan().all(0) & ~found
        # A later task may have another mean, and nothing may be fitted on it.
        pieces.append(y.masked_fill(~new, torch.nan))
        found |= new
    return torch.cat(pieces)


def _shown(values: tuple[float, ...]) -> float | tuple[float, ...]:
    """One number as such, several as a tuple."""
    if len(values) == 1:
        return values[0]
    return values


def _like(values: tuple[float, ...], columns: Tensor) -> Tensor:
    """Numbers of outputs as a row that fits columns (N, K) of the first K outputs."""
    row = columns.new_tensor(values)
    if 1 < len(row) < columns.shape[1]:
        raise HoldfastError(
            f"there are {len(row)} means and deviations, but {columns.shape[1]} outputs; give one "
            "for all, or one per output"
        )
    return row[: columns.shape[1]]


def _means(y: Tensor, width: int) -> Tensor:
    """The mean of the known targets of each output, (width,), NaN where none is known."""
    means = y.nanmean(0)[:width]
    missing = means.new_full((width - len(means),), torch.nan)
    return torch.cat([means, missing])
