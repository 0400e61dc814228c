"""OLoRA: low-rank adapters in orthogonal subspaces (Wang et al. 2023, O-LoRA, eq. 4–7).

Adapters add up, h = W x + Σ_{s ≤ t} (α / r) B_s A_s x, so no task id is needed; those before t are frozen. Loss + λ Σ_{s<t} Σ |A_s A_tᵀ|:
the new adapter reads directions that the old ones do not. (The authors' code takes absolute values, the paper's equation squares; so do we
the former.) `freeze` as in LoRA. Passes: one, and a product of the adapters a layer.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.methods.lora import Adapters
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.view import LearnerView
from holdfast.models.adapted import Adapted


class OLoRA(Adapters):
    """Low-rank adapters that add up, each orthogonal to those before."""

    declaration = Declaration(
        "adapters",
        "Wang et al. 2023",
        "low-rank adapters that add up, each orthogonal to those before; needs no task id",
        memory="none",
        parameters="linear",
        time="linear",
        weak=(("class", "the head's old rows compete without old examples; add ER"),),
    )
    together = True

    def __init__(
        self, strength: float = 0.5, rank: int = 8, alpha: float = 16.0, freeze: str = "first"
    ) -> None:
        """`strength` λ ≥ 0 of orthogonality; the rest as in LoRA."""
        super().__init__(rank, alpha, freeze)
        self.strength = at_least("strength", strength, 0)

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        model = learner.model
        assert isinstance(model, Adapted)
        names = [f"task_{t}" for t in range(model.first, learner.task_number + 1)]
        if len(names) < 2 or not self.strength:
            return 0.0
        overlaps = []
        for layer in model.layers():
            *old, new = (layer.lora_A[name].weight for name in names)
            overlaps.append((torch.cat(old) @ new.T).abs().sum())
        return self.strength * torch.stack(overlaps).sum()
