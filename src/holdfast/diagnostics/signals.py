"""Cheap signals for planning a task order, from K short trainings that begin at one common start.

All tasks share one head. Everything is computed from training examples. In a signal of shape (K, K)
row i is a task and column k another one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.diagnostics.sample import Sample
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs
from holdfast.streams.task import Stream, Task
from holdfast.training import Learner

TINY = 1e-12  # in place of a probability of 0, which has no logarithm
LEAST = 1e-300  # in place of a sum of 0, which nothing can be divided by


class HasFeatures(Protocol):
    """A network that can return the features in front of its head."""

    def features(self, x: Inputs, task: int | None, /) -> Tensor:
        """The features of some inputs, (N, D)."""
        ...


@dataclass(frozen=True)
class _Answers:
    """What a network says of the examples of all K tasks, each of shape (K,)."""

    losses: np.ndarray
    accuracies: np.ndarray
    entropy: float  # the mean over the tasks


def signals(
    start: Learner,
    stream: Stream,
    learn: Callable[[int], Learner],
    examples: int = 512,
    fisher_examples: int = 200,
) -> dict[str, np.ndarray]:
    """Compute the signals of the K tasks of a stream of the domain scenario.

    Args:
        start: The common start, an untrained learner.
        stream: The tasks.
        learn: Returns a learner that began at the common start and learned task i alone.
        examples: Training examples per task.
        fisher_examples: Training examples per task for the Fisher.

    Returns:
        The signals by name. `rho`, (K, K): the similarity of losses
        1 − ½(√(L_{i→j} / L⁰_j) + √(L_{j→i} / L⁰_i)), 1 on the diagonal (Li & Hiratani 2025).
        `cosine`, (K, K): of the gradients at the start. `lie`, (K, K): g_T·(H_k g_i − H_i g_k),
        below 0 if i should come before k. `fisher_overlap`, (K, K): Σ √(F̂_i F̂_k), where F̂ is the
        Fisher diagonal of a task after it was learned, scaled to sum 1 (Kirkpatrick et al. 2017).
        `base`, (K, K): the change of the accuracy on task k by learning task i. `entropy_change`,
        (K,): of the outputs on all tasks, by learning task i. `difficulty`, (K,): the error on task
        i after learning it alone. `sparsity`, (K,): the share of zeros in the last hidden layer at
        the start. `confidence`, (K,): the mean of the largest probability at the start.

    Raises:
        HoldfastError: The stream is not of the domain scenario.
    """
    if stream.scenario != "domain":
        raise HoldfastError(
            "signals need outputs that all tasks share, so only streams of the domain scenario "
            f"have them, got the {stream.scenario} scenario"
        )
    # All tasks share the outputs, so all of them are open before the first task.
    start.view.head.opened = start.view.head.width
    samples = [_sample(start, task, examples) for task in stream]
    at_the_start = _signals_at_the_start(start, samples)
    # Each task alone, from the same start; its network is asked about the examples of all tasks.
    learned: list[_Answers] = []
    fishers: list[Tensor] = []
    for number in range(len(stream)):
        learner = learn(number)
        learned.append(_answers(learner, samples))
        fishers.append(_root_of_fisher(learner, fisher_examples))
    return at_the_start | _signals_of_learning(_answers(start, samples), learned, fishers)


def _sample(start: Learner, task: Task, examples: int) -> Sample:
    """Random training examples of a task, as the network takes them."""
    # The same examples for every network, so that their losses can be compared.
    generator = torch.Generator().manual_seed(task.index)
    index = torch.randperm(len(task.train), generator=generator)[:examples]
    x, y, _ = task.train.fetch(index)
    inputs = start.view.prepare(x.to(start.view.device), augment=False)
    return Sample(inputs, y.to(start.view.device), _without_task)


def _without_task(module: nn.Module, x: Inputs) -> Tensor:
    """The outputs of a network that isn't told the task."""
    logits: Tensor = module(x, None)
    return logits


def _answers(learner: Learner, samples: Sequence[Sample]) -> _Answers:
    """Losses, accuracies and entropy of a learner on the examples of all tasks."""
    losses = []
    accuracies = []
    entropies = []
    for sample in samples:
        logits = _logits(learner, sample)
        right = logits.argmax(1) == sample.y
        losses.append(float(F.cross_entropy(logits, sample.y)))
        accuracies.append(float(right.float().mean()))
        entropies.append(_entropy(logits))
    return _Answers(np.array(losses), np.array(accuracies), float(np.mean(entropies)))


def _signals_of_learning(
    start: _Answers, learned: Sequence[_Answers], fishers: Sequence[Tensor]
) -> dict[str, np.ndarray]:
    """The signals that compare the networks after each single task with the common start."""
    losses = np.stack([answers.losses for answers in learned])
    accuracies = np.stack([answers.accuracies for answers in learned])
    entropies = np.array([answers.entropy for answers in learned])
    ratio = np.sqrt(losses / start.losses)  # [i, j]: √(L_{i→j} / L⁰_j)
    rho = 1 - (ratio + ratio.T) / 2
    # A task is as similar to itself as can be, although learning it lowers its loss.
    np.fill_diagonal(rho, 1)
    roots = torch.stack(list(fishers))  # of the Fishers, so that a product of two is √(F̂_i F̂_k)
    overlaps = [[float((a * b).sum()) for b in roots] for a in roots]
    return {
        "rho": rho,
        "entropy_change": entropies - start.entropy,
        "difficulty": 1 - np.diag(accuracies),
        "base": accuracies - start.accuracies,
        "fisher_overlap": np.array(overlaps),
    }


def _root_of_fisher(learner: Learner, examples: int) -> Tensor:
    """√F̂ of the task that was learned last, where F̂ is scaled to sum 1."""
    generator = torch.Generator().manual_seed(0)
    fisher = learner.view.fisher(
        learner.view.tasks[-1], samples=examples, labels="exact", generator=generator
    ).double()
    scaled = fisher / fisher.sum().clamp_min(LEAST)
    return scaled.sqrt()


@torch.no_grad()
def _logits(learner: Learner, sample: Sample) -> Tensor:
    """The outputs of the network in eval mode."""
    with evaluating(learner.model):
        return sample.forward(learner.model, sample.x)


def _entropy(logits: Tensor) -> float:
    """The mean entropy of the outputs in nats."""
    p = logits.softmax(1)
    log_p = p.clamp_min(TINY).log()
    entropies = -(p * log_p).sum(1)
    return float(entropies.mean())


def _signals_at_the_start(start: Learner, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """The signals that need no training: cosines, Lie brackets, sparsity, confidence."""
    with evaluating(start.model):
        # Gradients are of the network in eval mode: without dropout, and with fixed statistics.
        gradients = torch.stack([_gradient(start, sample) for sample in samples])
        curved = _hessian_products(start, samples, gradients.mean(0)).double()
    # The brackets are small differences of large sums, so they need float64.
    gradients = gradients.double()
    products = gradients @ curved.T  # [i, k]: g_i · H_k g_T
    unit = F.normalize(gradients, dim=1)
    confidences = []
    for sample in samples:
        p = _logits(start, sample).softmax(1)
        largest = p.max(1).values
        confidences.append(float(largest.mean()))
    return {
        "cosine": (unit @ unit.T).cpu().numpy(),
        "lie": (products - products.T).cpu().numpy(),
        "sparsity": np.array([_share_of_zeros(start, sample.x) for sample in samples]),
        "confidence": np.array(confidences),
    }


def _gradient(start: Learner, sample: Sample, graph: bool = False) -> Tensor:
    """The gradient of the mean loss by all trainable parameters, (P,)."""
    return _flat_gradient(start, sample.loss(start.model), graph)


def _hessian_products(start: Learner, samples: Sequence[Sample], v: Tensor) -> Tensor:
    """H_k v for the Hessian H_k of each task, (K, P): the gradient of g_k·v for a constant v."""
    products = []
    for sample in samples:
        along = _gradient(start, sample, graph=True) @ v
        products.append(_flat_gradient(start, along))
    return torch.stack(products)


def _flat_gradient(start: Learner, value: Tensor, graph: bool = False) -> Tensor:
    """The gradient of a number by all trainable parameters, (P,); 0 for those it doesn't need."""
    parameters = list(start.view.space.parameters)
    gradients = torch.autograd.grad(value, parameters, create_graph=graph, allow_unused=True)
    flat = []
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            gradient = torch.zeros_like(parameter)
        flat.append(gradient.flatten())
    return torch.cat(flat)


@torch.no_grad()
def _share_of_zeros(start: Learner, x: Inputs) -> float:
    """The share of zeros in the last hidden layer."""
    with evaluating(start.model):
        features = cast(HasFeatures, start.model).features(x, None)
    zeros = features == 0
    return float(zeros.float().mean())
