"""SupSup: supermasks in superposition (Wortsman et al. 2020, sections 3.2–3.4).

All weights stay as drawn, ±σ_l with σ_l the layer's He deviation; each task learns scores (edge-popup, Ramanujan et al. 2020), and its mask
keeps the top `share` of each layer by score, straight through in backward. Outputs of a task come from its own masked weights and head.
Where the task id is not known at test time, it is inferred for every input alone ("one-shot"): with masks mixed by α = 1/T, the task with
the steepest descent of the output's entropy, argmax_t −∂H/∂α_t, is taken, and the shared outputs are predicted under its mask (the output
layer is masked like the others then). Passes: one; inference of the task costs T forwards and one backward.

Biases are left out (as in the paper). Norm layers are not supported: their statistics would be shared.
"""

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, Method
from holdfast.methods.view import LearnerView
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.supermask import Supermasks


class SupSup(Method):
    """A mask over fixed random weights for each task; can tell the task by itself."""

    declaration = Declaration(
        "architecture",
        "Wortsman et al. 2020",
        "a mask over fixed random weights for every task; infers the task where it is hidden",
        scenarios=("task", "domain"),
        refused=(
            (
                "class",
                "its outputs are one set, of which each task's mask predicts all; use RanPAC or ER",
            ),
        ),
        isolates=True,
        memory="none",
        parameters="linear",
        ignores=("model.init", "model.frozen", "training.renew_optimizer"),
    )

    def __init__(self, share: float = 0.5) -> None:
        """`share` of each layer's weights that a mask keeps, in (0, 1)."""
        super().__init__()
        if not 0 < share < 1:
            raise HoldfastError(
                f"share is what a mask keeps of the weights, in (0, 1), got {share}"
            )
        self.share = share

    def attach(self, model: Network) -> Network:
        return Supermasks(need_classifier(model, self.name), self.share, self.seed)

    def predict(self, learner: LearnerView, x: Tensor, task: int | None) -> Tensor:
        model = learner.model
        assert isinstance(model, Supermasks)
        if task is not None:
            return model(x, task)
        with torch.enable_grad():
            found = model.infer_task(x)
        return model.by_task(x, found)
