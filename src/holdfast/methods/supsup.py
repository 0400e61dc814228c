"""SupSup: supermasks in superposition (Wortsman et al. 2020, sections 3.2–3.4).

    outputs of task t: f(x; W ∘ M^t),   M^t = 1 at the top `share` of each layer by score
    unknown task:      argmax_t −∂H/∂α_t   at   f(x; W ∘ Σ_t α_t M^t),   α_t = 1/T

Here W are the weights, which stay as drawn, ±σ_l with σ_l the He deviation of layer l. M^t is the
mask of task t. It comes from scores that the task learns (edge-popup, Ramanujan et al. 2020), and
the gradient goes straight through the mask to the scores.

If the task id is known, the outputs come from the task's own mask and head. If it is not, it is
inferred for every input alone ("one-shot"): with the masks of all T tasks mixed, the task is taken
along whose α_t the entropy H of the output falls most steeply. The outputs are shared then, and the
output layer is masked like the others.

Biases are left out, as in the paper. Norm layers are not supported, because their statistics would
be shared.

A step costs one pass. Inferring the task costs T forward passes and one backward pass.
"""

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, Method
from holdfast.methods.needed import need_wrapper
from holdfast.methods.view import LearnerView
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.supermask import Supermasks
from holdfast.named_inputs import Inputs, need_one_tensor


class SupSup(Method):
    """A mask over fixed random weights for each task; infers the task if it is hidden."""

    declaration = Declaration(
        family="architecture",
        paper="Wortsman et al. 2020",
        summary="a mask over fixed random weights for every task; infers the task if it is hidden",
        classification_only="finds the task of an input by the entropy of class probabilities",
        scenarios=("task", "domain"),
        refused=(
            (
                "class",
                "its outputs are one set, of which each task's mask predicts all; use RanPAC or ER",
            ),
        ),
        isolates=True,
        memory="none",
        parameters="linear",  # scores for each weight and task
        ignores=(  # because the weights are drawn anew, and only scores and heads are trained
            "model.init",
            "model.frozen",
            "training.renew_optimizer",
        ),
        needs="a sequence of linear layers or convolutions, each followed by ReLU",
        keeps="scores over the weights per task",
        passes=Passes(words="one pass + selection of the k-th score"),
    )

    def __init__(self, share: float = 0.5) -> None:
        """Set up the masks.

        Args:
            share: The share of each layer's weights that a mask keeps, in (0, 1).

        Raises:
            HoldfastError: `share` is outside its range.

        Example:
            >>> SupSup(share=0.3)
            SupSup(share=0.3)
        """
        super().__init__()
        if not 0 < share < 1:
            raise HoldfastError(
                f"share is what a mask keeps of the weights, in (0, 1), got {share}"
            )
        self.share = share

    def attach(self, model: Network) -> Network:
        # The weights are drawn anew, so they depend on the seed of the method, not of the model.
        return Supermasks(need_classifier(model, self.name), self.share, self.seed)

    def predict(self, learner: LearnerView, x: Inputs, task: int | None) -> Tensor:
        model = need_wrapper(learner.model, Supermasks, self.name)
        if task is not None:
            logits: Tensor = model(x, task)
            return logits
        # Predictions are made without gradients, but the entropy needs those at α.
        images = need_one_tensor(x, self.name)
        with torch.enable_grad():
            inferred = model.infer_task(images)
        return model.by_task(images, inferred)
