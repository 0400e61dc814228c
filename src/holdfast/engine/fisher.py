"""The diagonal of the Fisher information, per example, then averaged.

F_i = E_x Σ_y p(y|x) (∂ log p(y|x)/∂θ_i)², where p is over the outputs that competed in the loss.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from holdfast.engine.chunks import bytes_per_row, rows_within
from holdfast.engine.fisher_of_texts import fisher_of_texts
from holdfast.engine.magnitudes import mean_magnitude
from holdfast.engine.next_token import NextToken
from holdfast.engine.objective import CLASSIFICATION, LABELS, Objective
from holdfast.engine.parameters import ParameterSpace
from holdfast.engine.rows import Rows
from holdfast.engine.snapshot import evaluating
from holdfast.engine.terms import parts
from holdfast.errors import HoldfastError, one_of
from holdfast.named_inputs import Inputs, NamedInputs, as_dict, like
from holdfast.streams.row_tasks import rows_of_task

__all__ = ["LABELS", "chosen_labels", "fisher_diagonal", "label_terms", "label_weights"]

# Takes a module and inputs (N, ...), and gives logits (N, C).
Forward = Callable[[nn.Module, Inputs], Tensor]
EXACT_UP_TO = 256  # outputs; exact takes a backward pass for each, sampled one in all
MOST_ROWS = 1024  # whose label weights are computed at once
COEFFICIENTS = "holdfast: coefficients"  # the name of numbers that travel with the inputs


def chosen_labels(labels: str, outputs: int) -> str:
    """The labels that `auto` stands for.

    They are exact up to `EXACT_UP_TO` outputs, and sampled, with a warning, beyond.

    Args:
        labels: One of `LABELS`; all but `auto` are returned as they are.
        outputs: The number of outputs that compete.

    Returns:
        One of `LABELS`, never `auto`.

    Example:
        >>> chosen_labels("auto", 10), chosen_labels("exact", 2_000)
        ('exact', 'exact')
    """
    if labels != "auto":
        return labels
    if outputs <= EXACT_UP_TO:
        return "exact"
    warnings.warn(
        "the Fisher information uses sampled labels, because there are more than "
        f"{EXACT_UP_TO} outputs and the exact one takes a backward pass for each; pass "
        "labels='exact' to the method to force it",
        stacklevel=2,
    )
    return "sampled"


def label_weights(
    logits: Tensor,
    labels: str,
    y: Tensor | None,
    generator: torch.Generator | None,
) -> Tensor:
    """The weight of each label's term in the Fisher information.

    Args:
        logits: The logits of the outputs that compete, (N, C).
        labels: One of `LABELS`: `exact` takes every label with its probability, `sampled` one drawn
            by them, `predicted` the most probable one, and `empirical` the true one.
        y: The position of each true label among the outputs that compete, (N,). Needed for
            `empirical`.
        generator: A generator on the CPU, for `sampled`. None takes PyTorch's own.

    Returns:
        The weights, (N, C): the probabilities for `exact`, otherwise 1 at the chosen label.

    Raises:
        HoldfastError: The labels are `empirical`, but `y` is not given.

    Example:
        >>> label_weights(torch.tensor([[0.0, 2.0]]), "predicted", None, None)
        tensor([[0., 1.]])
    """
    rows = None
    if y is not None:
        # Classification does not look at the task of a row, so any number will do.
        rows = Rows.of_task(logits, y, 0)
    # The weights are constants, so no gradient flows through the probabilities.
    return label_terms(CLASSIFICATION, logits.detach(), labels, rows, generator)


def label_terms(
    objective: Objective,
    outputs: Tensor,
    labels: str,
    rows: Rows | None,
    generator: torch.Generator | None,
) -> Tensor:
    """The weights of an exact Fisher information, or the coefficients of one at chosen targets.

    Args:
        objective: What the network is trained for.
        outputs: The outputs that compete, (N, K), without a graph.
        labels: One of `LABELS`.
        rows: The rows, with targets as `Objective.targets` returns them. None: not known.
        generator: A generator on the CPU, for `sampled`. None takes PyTorch's own.

    Returns:
        (N, K): the weights of the squared gradients of `Objective.fisher_values` for `exact`,
        otherwise the coefficients of their gradients.
    """
    labels = chosen_labels(labels, outputs.shape[1])
    if labels == "exact":
        return objective.fisher_weights(outputs)
    return objective.fisher_coefficients(outputs, labels, rows, generator)


def fisher_diagonal(
    space: ParameterSpace,
    forward: Forward,
    x: Inputs,
    y: Tensor | None = None,
    *,
    labels: str = "exact",
    chunk: int = 128,
    way: str | None = None,
    generator: torch.Generator | None = None,
    objective: Objective = CLASSIFICATION,
    tasks: Tensor | None = None,
) -> Tensor:
    """Compute the diagonal of the Fisher information over some examples.

    Args:
        space: The parameters of the network, which runs in evaluation mode and keeps its state.
        forward: Runs the network on inputs (N, ...), and gives the logits (N, C) of the outputs
            that compete.
        x: The examples, (N, ...), at least one.
        y: The labels, as positions among the outputs that compete, (N,), for `empirical`. For
            other objectives, the targets of these outputs, (N, K).
        labels: Which labels the expectation over y takes, as in `label_weights`.
        chunk: The most examples whose gradients are made at once.
        way: How gradients are made, as in `mean_magnitude`. None takes the fastest that applies.
        generator: A generator on the CPU, for `labels="sampled"`.
        objective: What the network is trained for, which says which distribution p is.
        tasks: The task of each row, (N,) on the CPU, for a loss of your own. None: all of task 0.

    Returns:
        The diagonal, a θ-shaped vector.

    Raises:
        HoldfastError: There is no example, the labels are unknown, or `y` is missing.

    Example:
        >>> layer = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> f = fisher_diagonal(ParameterSpace(layer), lambda net, x: net(x), x)
        >>> f[:4].tolist()  # p(1 - p) x²
        [0.25, 1.0, 0.25, 1.0]
    """
    one_of("Fisher labels", labels, LABELS)
    if not len(x):
        raise HoldfastError("Fisher needs at least one example, got none")
    if isinstance(objective, NextToken):
        return fisher_of_texts(space, forward, x, objective, labels, chunk, way, generator)
    labels = _settled(labels, space.module, forward, x)
    expectation = _Expectation(space, forward, objective, labels)
    weights = expectation.weights(x, y, tasks, generator)
    return expectation.diagonal(x, weights, chunk, way)


@dataclass(frozen=True)
class _Expectation:
    """Whose squared gradients are averaged, and over which labels. `labels` is never `auto`."""

    space: ParameterSpace
    forward: Forward
    objective: Objective
    labels: str

    def weights(
        self, x: Inputs, y: Tensor | None, tasks: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """The weights or coefficients of all examples, as `label_terms` gives them, (N, K)."""
        if tasks is None:
            tasks = rows_of_task(0, len(x))
        module = self.space.module
        terms = []
        # Whichever labels are drawn, they are settled for all rows before any gradient is taken, so
        # the draws do not depend on how the gradients are split.
        with evaluating(module), torch.no_grad():
            row = bytes_per_row(module, lambda part: self.forward(module, part), x[:1])
            for at, part in parts(x, rows_within(row, MOST_ROWS)):
                outputs = self.forward(module, part)
                some = rows_at(x, y, at, len(part), tasks)
                terms.append(label_terms(self.objective, outputs, self.labels, some, generator))
        return torch.cat(terms)

    def values(self, module: nn.Module, part: Inputs) -> Tensor:
        """The functions of the outputs whose gradients are squared, (N, K)."""
        return self.objective.fisher_values(self.forward(module, part), self.labels)

    def diagonal(self, x: Inputs, weights: Tensor, chunk: int, way: str | None) -> Tensor:
        """The mean over examples of the squared gradients, with their weights."""
        if self.labels != "exact":
            if not _one_each(weights):
                return _of_sums(self.space, self.values, x, weights, chunk, way)
            # With one output per row, (c · g)² is c² · g², so the square of c is its weight.
            weights = weights.square()
        return mean_magnitude(
            self.space, self.values, x, weights, torch.square, chunk=chunk, way=way
        )


def _settled(labels: str, module: nn.Module, forward: Forward, x: Inputs) -> str:
    """The labels that are taken, which `auto` leaves to the number of outputs that compete."""
    if labels != "auto":
        return labels
    with evaluating(module), torch.no_grad():
        outputs = forward(module, x[:1])
    return chosen_labels(labels, outputs.shape[1])


def rows_at(
    x: Inputs, y: Tensor | None, first: int, size: int, tasks: Tensor | None = None
) -> Rows | None:
    """Some examples with their targets; None if there are no targets.

    Args:
        x: All examples, (N, ...).
        y: Their targets, (N,) or (N, K), or None.
        first: The place of the first example that is taken.
        size: How many are taken.
        tasks: The number of the task of each row, (N,). None: they are all of task 0.
    """
    if y is None:
        return None
    if tasks is None:
        tasks = rows_of_task(0, len(x))
    last = first + size
    return Rows(x[first:last], y[first:last], tasks[first:last])


def squared_terms(values: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """Turn a gradient that is a sum over outputs into functions whose gradients are squared.

    Args:
        values: What is differentiated for each example, (N, K).
        coefficients: The coefficient of each gradient, (N, K).

    Returns:
        Functions (N, K') and the weights of their squared gradients, (N, K'). K' is 1 unless each
        example has one output at most, which is faster left as it is.
    """
    if _one_each(coefficients):
        return values, coefficients.square()
    # Summed before it is squared, because the square of a sum is no sum of squares.
    sums = (values * coefficients).sum(1, keepdim=True)
    return sums, torch.ones_like(sums)


def _one_each(coefficients: Tensor) -> bool:
    """Whether the gradient of each example is that of one output at most."""
    return bool((coefficients.count_nonzero(1) <= 1).all())


def _of_sums(
    space: ParameterSpace,
    values: Forward,
    x: Inputs,
    coefficients: Tensor,
    chunk: int,
    way: str | None,
) -> Tensor:
    """The diagonal if the gradient of a row is a sum over several outputs.

    A square of a sum is no sum of squares, so there is one function per row. Its coefficients
    travel with the inputs, because the rows are read in pieces and one by one.
    """
    joined = NamedInputs(as_dict(x) | {COEFFICIENTS: coefficients})

    def weighted(module: nn.Module, part: Inputs) -> Tensor:
        """Σ_k c[n, k] of the values of each row, (N, 1)."""
        tensors = dict(as_dict(part))
        of_rows = tensors.pop(COEFFICIENTS)
        return (values(module, like(x, tensors)) * of_rows).sum(1, keepdim=True)

    ones = torch.ones(len(x), 1, device=coefficients.device)
    return mean_magnitude(space, weighted, joined, ones, torch.square, chunk=chunk, way=way)
