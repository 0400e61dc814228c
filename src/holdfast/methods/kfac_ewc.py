"""KFACEWC: EWC with a Kronecker-factored Fisher (Ritter, Botev & Barber 2018, eq. 8–9).

Loss + λ/2 Σ_layers tr(Δᵀ G Δ A), Δ = W − W* with the bias as a column: unlike the diagonal it keeps how weights of a layer interact.
One anchor, at the last boundary. Tasks are merged by factors: A is the mean of the tasks' A, G the sum of their G, so that for one task the
penalty is the paper's and its size grows with the number of tasks (the paper leaves the merging open; a sum of Kronecker products is none).
When a head grows, the new rows have no penalty. Passes: one, and two matrix products a layer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.fisher import LABELS
from holdfast.engine.kronecker import kronecker_factors
from holdfast.engine.layers import LayerViews, matrices
from holdfast.errors import one_of
from holdfast.methods.method import PENALTY_IN_CLASS, Declaration, Method, at_least
from holdfast.methods.view import LearnerView
from holdfast.streams.task import Stream, Task


class KFACEWC(Method):
    """A spring between all weights of a layer, by a Kronecker-factored Fisher."""

    declaration = Declaration(
        "regularisation",
        "Ritter et al. 2018",
        "quadratic penalty with a Kronecker-factored Fisher of each layer",
        weak=(("class", PENALTY_IN_CLASS),),
        neutral=(("strength", 0),),
    )

    def __init__(self, strength: float, samples: int = 1000, labels: str = "auto") -> None:
        """`strength` λ ≥ 0; `samples` examples for the factors (0: all); `labels` of the Fisher (auto: see EWC)."""
        super().__init__()
        self.strength = at_least("strength", strength, 0)
        self.samples = int(at_least("samples", samples, 0))
        self.labels = one_of("Fisher labels", labels, LABELS)
        self.host |= {"layers": [], "tasks": 0}
        self.anchor = self.vector_state()
        self.inputs = self.tensor_list("inputs")
        self.outputs = self.tensor_list("outputs")

    def check(self, learner: LearnerView, stream: Stream) -> None:
        matrices(learner.model, self.name)

    def penalty(self, learner: LearnerView, g: Tensor) -> None:
        if self.anchor is None:
            return
        space = learner.space
        moved = LayerViews(space, torch.sub(space.theta, self.anchor, out=space.scratch))
        into = LayerViews(space, g)
        for k, name in enumerate(self.host["layers"]):
            if moved.trains(name):
                a = self.inputs[k]
                b = self.outputs[k]
                into.put(name, b @ moved.get(name)[: len(b)] @ a, add=self.strength)

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        if not self.strength:
            return
        x, y, logits = learner.examples_of(task, self.samples, self.generator())
        matrices(learner.model, self.name)
        found = kronecker_factors(
            learner.model,
            logits,
            x,
            y,
            labels=self.labels,
            generator=self.generator(),
            who=self.name,
        )
        t, layers = self.host["tasks"], self.host["layers"]
        for name, (a, b) in found.items():
            if name in layers:
                k = layers.index(name)
                before = self.outputs[k]
                grown = (0, len(b) - len(before)) * 2
                a = (self.inputs[k] * t + a) / (t + 1)
                b = F.pad(before, grown) + b
            else:
                layers.append(name)
                k = len(layers) - 1
            self.inputs[k] = a
            self.outputs[k] = b
        self.host["tasks"] = t + 1
        self.anchor = learner.space.theta.detach().clone()
        largest = max(float(_largest(a) * _largest(b)) for a, b in found.values())
        learner.warn_if_unstable(self.strength, largest)


def _largest(factor: Tensor) -> Tensor:
    """The largest eigenvalue; in float32 at least, as there is no decomposition of half precision."""
    return torch.linalg.eigvalsh(factor.to(torch.promote_types(factor.dtype, torch.float32)))[-1]
