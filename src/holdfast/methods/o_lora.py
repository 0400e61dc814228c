"""OLoRA: low-rank adapters in orthogonal subspaces (Wang et al. 2023, O-LoRA, eq. 4–7).

    h = W x + Σ_{s ≤ t} (α / r) B_s A_s x
    loss: L(θ) + λ Σ_layers Σ_{s < t} Σ |A_s A_tᵀ|

Here A_s and B_s are the adapter of task s, W, α and r are as in LoRA, and λ is the strength of the
penalty. The adapters add up, so no task id is needed, and those before task t are frozen. The
penalty lets the new adapter read directions that the old ones do not read. The paper's equation
squares the entries of A_s A_tᵀ. The authors' code takes absolute values, and so do we.

A step costs one pass, and a product of the adapters per layer.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.methods.lora import Adapters
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.needed import need_wrapper
from holdfast.methods.view import LearnerView
from holdfast.models.adapted import Adapted, adapter_name
from holdfast.models.adapter_targets import Targets


class OLoRA(Adapters):
    """Low-rank adapters that add up, each orthogonal to those before; needs no task id."""

    declaration = Declaration(
        family="adapters",
        paper="Wang et al. 2023",
        summary="low-rank adapters that add up, each orthogonal to those before; needs no task id",
        memory="none",
        parameters="linear",
        time="linear",
        weak=(("class", "the head's old rows compete without old examples; add ER"),),
        needs="a backbone with linear layers",
        keeps="a low-rank adapter per task",
    )
    together = True

    def __init__(
        self,
        strength: float = 0.5,
        rank: int = 8,
        alpha: float = 16.0,
        freeze: str = "first",
        target_modules: Targets = None,
    ) -> None:
        """Set up the adapters.

        Args:
            strength: λ ≥ 0, the weight of the penalty. 0: the adapters are not kept orthogonal.
            rank: r ≥ 1, the rank of each adapter.
            alpha: α > 0, the scale. The adapters are multiplied by α / r.
            freeze: When the backbone is frozen: after the `first` task, or from the `start`.
            target_modules: The linear layers that carry adapters, as in peft: a list of endings of
                their names such as ["query", "value"], a regular expression for whole names, or
                "all-linear". None: all linear layers.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> OLoRA(rank=4)
            OLoRA(strength=0.5, rank=4)
        """
        super().__init__(rank, alpha, freeze, target_modules)
        self.strength = at_least("strength", strength, 0)

    def loss(self, learner: LearnerView, step: Step) -> Tensor | float:
        model = need_wrapper(learner.model, Adapted, self.name)
        tasks = range(model.first, learner.task_number + 1)
        names = [adapter_name(number) for number in tasks]
        # The first adapter has none before it.
        if len(names) < 2 or not self.strength:
            return 0.0
        overlaps = []
        for layer in model.layers():
            # The old adapters are frozen, so the penalty moves the new one alone.
            *old, new = (layer.lora_A[name].weight for name in names)
            overlaps.append((torch.cat(old) @ new.T).abs().sum())
        return self.strength * torch.stack(overlaps).sum()
