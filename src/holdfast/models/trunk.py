"""A classifier in two parts: a trunk that is frozen at some task, and the layers above it."""

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, Unsuitable
from holdfast.models.calling import call_module
from holdfast.models.classifier import Classifier
from holdfast.named_inputs import Inputs


class Trunk(Classifier):
    """The network `head(top(trunk(x)))`, whose trunk keeps its weights and statistics at some time.

    Args:
        model: A classifier whose backbone is a sequence. Its layers are used, not copied.
        depth: How many layers (or blocks) with weights belong to the trunk, at least 1. The layers
            without weights that follow each of them belong to it, too.
        frozen_from: The number of the task from which on the trunk is frozen.

    Attributes:
        backbone: The trunk.
        top: The layers between the trunk and the head.

    Raises:
        HoldfastError: The backbone is no sequence, or has fewer layers with weights.

    Example:
        >>> from holdfast.models import mlp
        >>> net = Trunk(mlp(4, "fixed", 2, hidden=(8, 6)), depth=1, frozen_from=0)
        >>> net.latent(torch.zeros(3, 4)).shape
        torch.Size([3, 8])
    """

    def __init__(self, model: Classifier, depth: int, frozen_from: int) -> None:
        if not isinstance(model.backbone, nn.Sequential):
            raise Unsuitable(
                "the trunk is the first layers of a sequence, but the backbone is "
                f"{type(model.backbone).__name__}; use an nn.Sequential of its layers"
            )
        children = list(model.backbone)
        # Where layers (or blocks) with weights are. What lies between has none.
        weighted = [k for k, m in enumerate(children) if list(m.parameters())]
        if not 1 <= depth <= len(weighted):
            raise HoldfastError(
                "the trunk is the first layers of a sequence: expected depth from 1 to "
                f"{len(weighted)}, got {depth}"
            )
        ends = [*weighted[1:], len(children)]  # where the next layer with weights begins
        cut = ends[depth - 1]
        # The trunk takes the place of the backbone, so that `freeze` freezes it alone.
        super().__init__(nn.Sequential(*children[:cut]), model.head)
        self.top = nn.Sequential(*children[cut:])
        self.frozen_from = frozen_from
        self.grow_with_tasks(self._open)

    def _open(self, task: int) -> None:
        """Freeze the trunk if its time has come."""
        if task >= self.frozen_from:
            self.freeze()

    @torch.no_grad()
    def latent(self, x: Inputs) -> Tensor:
        """The trunk's output for inputs (N, ...), in evaluation mode and without gradients."""
        mode = self.backbone.training
        # The learner goes on training afterwards, so the mode is put back.
        h = call_module(self.backbone.eval(), x)
        self.backbone.train(mode)
        return h

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs, as `Network.features`. The layers do not know the task."""
        features: Tensor = self.top(call_module(self.backbone, x))
        return features
