"""Plasticity: can the network still learn? Units, features, weights, and random labels."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.diagnostics.sample import Sample
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError

ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.SiLU)
MOMENTUM = 0.9  # of the training on random labels
LOWEST = -1e30  # in place of the logarithm −∞ of a probability of 0
LEAST = 1e-300  # in place of 0, by which nothing can be divided and which has no logarithm


@torch.no_grad()
def dormant_units(module: nn.Module, rows: Sample, threshold: float = 0.025) -> float:
    """Compute the share of dormant units (Sokar et al. 2023).

    A unit is dormant if its mean absolute activation is at most `threshold` times the mean of its
    layer. Units are those behind activation modules such as ReLU: the outputs of linear layers and
    the channels of convolutions.

    Args:
        module: The network.
        rows: Examples that activate the units.
        threshold: The relative activation up to which a unit is dormant, at least 0.

    Returns:
        The share, from 0 to 1, over all layers.

    Raises:
        HoldfastError: The network has no activation modules.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU())
        >>> _ = nn.init.ones_(net[0].weight), nn.init.zeros_(net[0].bias)
        >>> dormant_units(net, Sample(torch.ones(3, 2), torch.tensor([0, 1, 2])))
        0.0
    """
    activations: list[Tensor] = []  # of each layer, the mean absolute activation of its units

    def record(_module: nn.Module, _inputs: object, outputs: Tensor) -> None:
        size = outputs.abs()
        if outputs.dim() > 2:  # the unit of a convolution is a channel
            size = size.flatten(2).mean(2)
        activations.append(size.mean(0))

    # Hooks see all activations, even if the network keeps none of them.
    modules = [inner for inner in module.modules() if isinstance(inner, ACTIVATIONS)]
    handles = [inner.register_forward_hook(record) for inner in modules]
    try:
        with evaluating(module):
            rows.forward(module, rows.x)
    finally:
        for handle in handles:
            handle.remove()
    return _share_of_dormant(activations, threshold)


def _share_of_dormant(activations: Sequence[Tensor], threshold: float) -> float:
    """The share of units whose activation is small beside the mean of their layer."""
    if not activations:
        raise HoldfastError(
            "the network has no activation modules (such as nn.ReLU) whose units could be counted; "
            "use modules instead of functions for the activations"
        )
    dormant = 0
    units = 0
    for layer in activations:
        is_dormant = layer <= threshold * layer.mean()
        dormant += int(is_dormant.sum())
        units += len(layer)
    return dormant / units


def effective_rank(features: Tensor) -> float:
    """Compute the effective rank of features (Roy & Vetterli 2007).

    It is exp(−Σ p_i ln p_i), where the p_i are the singular values divided by their sum.

    Args:
        features: The features of N examples, (N, D).

    Returns:
        A number from 1 to min(N, D).

    Example:
        >>> round(effective_rank(torch.eye(5)), 6)
        5.0
    """
    s = torch.linalg.svdvals(features.double())
    p = s / s.sum().clamp_min(LEAST)
    entropy = -(p * p.clamp_min(LEAST).log()).sum()
    return float(torch.exp(entropy))


def weight_norm(module: nn.Module) -> float:
    """Compute the Euclidean norm ‖θ‖ over all parameters.

    Args:
        module: The network.

    Returns:
        The norm.

    Example:
        >>> layer = nn.Linear(4, 1, bias=False)
        >>> _ = nn.init.ones_(layer.weight)
        >>> weight_norm(layer)
        2.0
    """
    total = torch.zeros((), dtype=torch.float64)
    for parameter in module.parameters():
        values = parameter.detach().double()
        total = total + values.square().sum()
    return float(torch.sqrt(total))


def random_label_loss(
    module: nn.Module,
    rows: Sample,
    steps: int = 100,
    lr: float = 0.01,
    batch_size: int = 64,
    seed: int = 0,
) -> float:
    """Train a copy of the network on random labels, and return the loss that it reaches.

    Compare the result with that of a fresh network: if the network has lost plasticity, it is
    higher.

    Args:
        module: The network, which is left as it is.
        rows: Examples whose inputs get random labels, among as many outputs as `rows.forward` has.
        steps: Steps of SGD with momentum 0.9.
        lr: The learning rate.
        batch_size: Examples per step, drawn with replacement.
        seed: The seed of the labels and of the batches.

    Returns:
        The mean cross-entropy after the last step.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> sample = Sample(torch.randn(8, 2), torch.zeros(8, dtype=torch.long))
        >>> random_label_loss(layer, sample, steps=5) > 0
        True
    """
    twin = copy.deepcopy(module)
    twin.requires_grad_(True)  # frozen parameters may learn as well
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        # As many labels as the network has outputs, so that the task is possible.
        outputs = rows.forward(twin, rows.x[:1]).shape[1]
    examples = len(rows.x)
    y = torch.randint(outputs, (examples,), generator=generator).to(rows.x.device)
    optimizer = torch.optim.SGD(twin.parameters(), lr=lr, momentum=MOMENTUM)
    for _ in range(steps):
        index = torch.randint(examples, (batch_size,), generator=generator).to(rows.x.device)
        optimizer.zero_grad()
        logits = rows.forward(twin, rows.x[index])
        loss = F.cross_entropy(logits, y[index])
        torch.autograd.backward(loss)
        optimizer.step()
    # The loss on all examples, because that on the last batch would be noisy.
    return Sample(rows.x, y, rows.forward).value(twin)


@torch.no_grad()
def output_entropy(module: nn.Module, rows: Sample) -> float:
    """Compute the mean entropy of the outputs, which says how unsure the network is.

    Args:
        module: The network.
        rows: The examples.

    Returns:
        The entropy in nats, from 0 to ln C for C outputs.

    Example:
        >>> flat = Sample(torch.zeros(1, 4), torch.tensor([0]))
        >>> round(output_entropy(nn.Identity(), flat), 4)
        1.3863
    """
    with evaluating(module):
        log_p = rows.forward(module, rows.x).log_softmax(1)
    # Masked outputs have −∞, which times their probability 0 would be NaN.
    finite = log_p.clamp_min(LOWEST)
    entropies = -(log_p.exp() * finite).sum(1)
    return float(entropies.mean())
