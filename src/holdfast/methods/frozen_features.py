"""What NCM, SLDA and RanPAC share: one pass over the features of a frozen backbone, sums per class, a linear readout computed from them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.engine.batch import Step
from holdfast.errors import HoldfastError
from holdfast.methods.method import Method
from holdfast.methods.view import LearnerView


class FrozenFeatures(Method):
    """Base of methods that train no weight (abstract): sums over examples, from which `readout` computes logits = h Wᵀ + b.

    The sums do not depend on the order of examples or tasks. The readout is computed when it is asked for, once after each change.
    """

    def __init__(self) -> None:
        super().__init__()
        self.host["examples"] = 0
        self.remember("counts", torch.zeros(0, dtype=torch.float64))  # (C,)
        self.remember("sums", torch.zeros(0, 0, dtype=torch.float64))  # (C, D)
        self._readout: tuple[int, Tensor, Tensor] | tuple[()] = ()  # derived: examples so far, W, b

    def attach(self, model: nn.Module) -> nn.Module:
        if any(p.requires_grad for p in model.backbone.parameters()):  # type: ignore[operator, union-attr]
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
        rows = step.rows()
        if not step.batch.first_epoch:
            return
        h, y, width = (
            self.expand(step.features[rows].detach()),
            step.batch.y[rows],
            learner.head.width,
        )
        for name, shape in (("counts", ()), ("sums", (h.shape[1],))):
            have = self.get_buffer(name)
            if len(have) < width or (have.dim() > 1 and not have.shape[1]):
                grown = torch.zeros(width, *shape, dtype=torch.float64, device=h.device)
                if have.numel():
                    grown[: len(have)] = have
                self.remember(name, grown)
        self.get_buffer("counts").index_add_(0, y, torch.ones_like(y, dtype=torch.float64))
        self.get_buffer("sums").index_add_(0, y, h)
        self.gather(h)
        self.host["examples"] += len(y)

    def predict(self, learner: LearnerView, x: Tensor, task: int | None) -> Tensor:
        features = learner.model.features(x, task)  # type: ignore[operator]
        if not self.host["examples"]:
            return learner.head(features, task)
        if not self._readout or self._readout[0] != self.host["examples"]:
            self._readout = (self.host["examples"], *self.readout())
        w, b = self._readout[1:]
        z = (
            (self.expand(features) @ w.T + b)
            .masked_fill(self.get_buffer("counts") == 0, -torch.inf)
            .float()
        )
        z = F.pad(z, (0, learner.head.width - z.shape[1]), value=-torch.inf)
        keep = learner.head.active(task)
        out = torch.full_like(z, -torch.inf)
        out[:, keep] = z[:, keep]
        return out
