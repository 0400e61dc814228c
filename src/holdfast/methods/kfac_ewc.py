"""KFACEWC: EWC with a Kronecker-factored Fisher (Ritter, Botev & Barber 2018, eq. 8–9).

    loss: L(θ) + λ/2 Σ_layers tr(Δᵀ G Δ A),   Δ = W − W*

Here W is the matrix of a layer with the bias as its last column, and W* is that matrix at the last
boundary. A = E[a aᵀ] is the second moment of the layer's inputs a, and G that of the gradients at
its outputs, so that A ⊗ G approximates the layer's block of the Fisher information. Unlike the
diagonal of EWC, it keeps how the weights of a layer interact. λ is the strength of the penalty.

The paper leaves open how tasks are merged, because a sum of Kronecker products is no Kronecker
product. Here tasks are merged by factors: A is the mean of the tasks' A, and G the sum of their G.
For one task the penalty is then the paper's, and its size grows with the number of tasks. When a
head grows, the new rows have no penalty.

A step costs one pass, and two matrix products per layer. A boundary costs a pass over `samples`
examples, with a backward pass for every output if `labels` is `exact`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.fisher import LABELS
from holdfast.engine.kronecker import kronecker_factors
from holdfast.engine.layers import LayerViews, matrices
from holdfast.errors import one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Stream, Task


class KFACEWC(Method):
    """Holds the weights of each layer together, by a Kronecker-factored Fisher.

    All trainable layers must be linear layers or convolutions without groups.
    """

    declaration = Declaration(
        family="regularisation",
        paper="Ritter et al. 2018",
        summary="quadratic penalty with a Kronecker-factored Fisher of each layer",
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
        needs="linear layers and convolutions as trainable layers",
        not_for_texts="takes the Fisher information of single outputs, not of texts",
        keeps="two matrices per layer, one θ-shaped vector",
        passes=Passes(words="one pass + two products per layer"),
        small=("KFACEWC(1.0, samples=200)",),
        typical="KFACEWC(1)",
    )

    def __init__(
        self,
        strength: float,
        samples: int = 1000,
        labels: str = "auto",
    ) -> None:
        """Set up the penalty.

        Args:
            strength: λ ≥ 0, the weight of the penalty. 0: plain training.
            samples: Training examples of each task from which A and G are estimated. 0: all.
            labels: The labels in G, as in `OnlineEWC`. `auto`: `exact` if few outputs compete, else
                `sampled`.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> KFACEWC(strength=10)
            KFACEWC(10)
        """
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.samples = int(at_least("samples", samples, 0))
        self.labels = one_of("Fisher labels", labels, LABELS)
        # The layers that have factors, in the order of the tensor lists.
        self.host |= {"layers": [], "tasks": 0}
        self.anchor = self.vector_state()  # W* of all layers
        self.inputs = self.tensor_list("inputs")  # A of each layer
        self.outputs = self.tensor_list("outputs")  # G of each layer

    def check(self, learner: LearnerView, stream: Stream) -> None:
        matrices(learner.model, self.name)  # refuses layers that have no factors

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        if self.anchor is None:
            return
        space = learner.space
        moved = torch.sub(space.theta, self.anchor, out=space.scratch)
        delta = LayerViews(space, moved)
        gradient = LayerViews(space, g)
        for number, layer in enumerate(self.host["layers"]):
            # The head of an ended task may be frozen, and is then no part of θ.
            if delta.trains(layer):
                inner = self.inputs[number]
                outer = self.outputs[number]
                # G may have fewer rows than a head that has grown since: the new rows are free.
                pull = outer @ delta.get(layer)[: len(outer)] @ inner
                gradient.put(layer, pull, add=self.strength)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        # Without a penalty nobody reads the factors, and their pass would be wasted.
        if not self.strength:
            return
        x, y, logits = learner.examples_of(task, self.samples, self.generator())
        factors = kronecker_factors(
            learner.model,
            logits,
            x,
            y,
            labels=self.labels,
            generator=self.generator(),
            who=self.name,
            objective=learner.objective,
        )
        for layer, (inner, outer) in factors.items():
            self._merge(layer, inner, outer)
        self.host["tasks"] += 1
        self.anchor = learner.space.theta.detach().clone()
        learner.warn_if_unstable(self.strength, self._largest_curvature())

    def _largest_curvature(self) -> float:
        """Return the largest eigenvalue of the factored Fisher of any layer."""
        curvatures = []
        for number in range(len(self.host["layers"])):
            # The largest eigenvalue of A ⊗ G is the product of the largest of each.
            product = _largest(self.inputs[number]) * _largest(self.outputs[number])
            curvatures.append(float(product))
        return max(curvatures)

    def _merge(self, layer: str, inner: Tensor, outer: Tensor) -> None:
        """Merge the factors A and G of the task that ended into those of the tasks before."""
        layers, tasks = self.host["layers"], self.host["tasks"]
        if layer not in layers:
            layers.append(layer)
            number = len(layers) - 1
        else:
            number = layers.index(layer)
            before = self.outputs[number]
            new_rows = len(outer) - len(before)
            inner = (self.inputs[number] * tasks + inner) / (tasks + 1)
            outer = F.pad(before, (0, new_rows, 0, new_rows)) + outer
        self.inputs[number] = inner
        self.outputs[number] = outer


def _largest(factor: Tensor) -> Tensor:
    """Return the largest eigenvalue of a factor."""
    # In float32 at least, because torch has no decomposition of half precision.
    precision = torch.promote_types(factor.dtype, torch.float32)
    largest: Tensor = torch.linalg.eigvalsh(factor.to(precision))[-1]
    return largest
