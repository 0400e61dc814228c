"""What NCM, SLDA and RanPAC share: one pass over the features of a frozen backbone, sums per class, a linear readout computed from them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.engine.stateful import Derived
from holdfast.errors import HoldfastError
from holdfast.methods.method import Method
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network


class FrozenFeatures(Method):
    """Base of methods that train no weight (abstract): sums over examples, from which `readout` computes logits = h Wᵀ + b.

    The sums do not depend on the order of examples or tasks. The readout is computed when it is asked for, once after each change.
    """

    def __init__(self) -> None:
        super().__init__()
        self.host["examples"] = 0
        self.counts = self.tensor_state(torch.zeros(0, dtype=torch.float64))  # (C,)
        self.sums = self.tensor_state(torch.zeros(0, 0, dtype=torch.float64))  # (C, D)
        self._readout = Derived[tuple[Tensor, Tensor]]()  # W and b after so many examples

    def attach(self, model: Network) -> Network:
        of_head = {id(parameter) for parameter in model.head.parameters()}
        if any(p.requires_grad and id(p) not in of_head for p in model.parameters()):
            raise HoldfastError(
                f"{self.name} reads features of a frozen backbone, this one is trainable; call model.freeze() before, "
                "or give --frozen (model.frozen = true)"
            )
        return model

    def expand(self, features: Tensor) -> Tensor:
        """Features (N, D) → what is summed, (N, M)."""
        return features.double()

    def readout(self) -> tuple[Tensor, Tensor]:
        """W (C, M) and b (C,) from the sums."""
        raise NotImplementedError

    def gather(self, h: Tensor) -> None:
        """Adds further sums of (N, M) rows."""

    def after(self, learner: LearnerView, step: Step) -> None:
        if not step.batch.first_epoch:
            return
        rows = step.rows()
        h = self.expand(step.features[rows].detach())
        y = step.batch.y[rows]
        self._make_room(learner.head.width, h)
        self.counts.index_add_(0, y, torch.ones_like(y, dtype=torch.float64))
        self.sums.index_add_(0, y, h)
        self.gather(h)
        self.host["examples"] += len(y)

    def _make_room(self, width: int, h: Tensor) -> None:
        """Let the sums have a row per output, and as many columns as `h`."""
        before = len(self.counts)
        if before >= width and self.sums.shape[1]:
            return
        counts = h.new_zeros(width)
        sums = h.new_zeros(width, h.shape[1])
        if self.sums.numel():
            counts[:before] = self.counts
            sums[:before] = self.sums
        self.counts = counts
        self.sums = sums

    def predict(self, learner: LearnerView, x: Tensor, task: int | None) -> Tensor:
        features = learner.model.features(x, task)
        if not self.host["examples"]:
            return learner.head(features, task)
        w, b = self._readout.get(self.host["examples"], self.readout)
        z = self.expand(features) @ w.T + b
        z = z.masked_fill(self.counts == 0, -torch.inf).float()
        z = F.pad(z, (0, learner.head.width - z.shape[1]), value=-torch.inf)
        keep = learner.head.active(task)
        out = torch.full_like(z, -torch.inf)
        out[:, keep] = z[:, keep]
        return out
