"""A classifier in two parts: a trunk that is frozen at some task, and the layers above."""

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.models.classifier import Classifier


class Trunk(Classifier):
    """`head(top(trunk(x)))`; the trunk keeps its weights and statistics from task number `frozen_from` on.

    >>> from holdfast.models import mlp
    >>> net = Trunk(mlp(4, "fixed", 2, hidden=(8, 6)), depth=1, frozen_from=0)
    >>> net.latent(torch.zeros(3, 4)).shape
    torch.Size([3, 8])
    """

    def __init__(self, model: Classifier, depth: int, frozen_from: int) -> None:
        """`model`: a classifier whose backbone is a sequence; the trunk is its first `depth` layers with weights, and what follows each."""
        children = list(model.backbone) if isinstance(model.backbone, nn.Sequential) else []
        weighted = [k for k, m in enumerate(children) if any(True for _ in m.parameters())]
        if not 1 <= depth <= len(weighted):
            raise HoldfastError(
                f"the trunk is the first layers of a sequence: expected depth from 1 to {len(weighted)}, got {depth}"
            )
        cut = weighted[depth] if depth < len(weighted) else len(children)
        super().__init__(nn.Sequential(*children[:cut]), model.head)
        self.top = nn.Sequential(*children[cut:])
        self.frozen_from = frozen_from
        self.head.on_open.append(self._open)

    def _open(self, task: int) -> None:
        if task >= self.frozen_from:
            self.freeze()

    @torch.no_grad()
    def latent(self, x: Tensor) -> Tensor:
        """The trunk's output (N, ...), in eval mode."""
        mode = self.backbone.training
        h = self.backbone.eval()(x)
        self.backbone.train(mode)
        return h

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) → features (N, D)."""
        return self.top(self.backbone(x))
