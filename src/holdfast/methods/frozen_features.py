"""What NCM, SLDA and RanPAC share: sums over the features of a frozen backbone.

    logits = h Wᵀ + b,   with W and b computed from Σ_c h (per class) and the counts n_c

Here h are the features of an example, or what the method makes of them, and the sums run over the
examples of each class c. They do not depend on the order of examples or tasks, so these methods
forget nothing, and learn no better features either.

Sums are kept in float64, because they grow over the whole stream and W may need their inverse. The
readout is computed when it is asked for, once after each change.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.engine.stateful import Derived
from holdfast.errors import HoldfastError
from holdfast.methods.method import Method
from holdfast.methods.view import LearnerView
from holdfast.models.network import Network
from holdfast.named_inputs import Inputs


class FrozenFeatures(Method):
    """Base of methods that train no weight, but compute a linear readout from sums (abstract)."""

    def __init__(self) -> None:
        super().__init__()
        self.host["examples"] = 0
        self.counts = self.tensor_state(torch.zeros(0, dtype=torch.float64))  # n_c, (C,)
        self.sums = self.tensor_state(torch.zeros(0, 0, dtype=torch.float64))  # Σ_c h, (C, M)
        self._readout = Derived[tuple[Tensor, Tensor]]()  # W and b after so many examples

    def attach(self, model: Network) -> Network:
        # The head is not trained either, but it may stay trainable, since no step reaches it.
        of_head = {id(parameter) for parameter in model.head.parameters()}
        for parameter in model.parameters():
            if parameter.requires_grad and id(parameter) not in of_head:
                raise HoldfastError(
                    f"{self.name} reads features of a frozen backbone, this one is trainable; "
                    "call model.freeze() before, or give --frozen (model.frozen = true)"
                )
        return model

    def expand(self, features: Tensor) -> Tensor:
        """Turn features into what is summed.

        Args:
            features: (N, D).

        Returns:
            h, (N, M) in float64. By default the features themselves.
        """
        return features.double()

    def readout(self) -> tuple[Tensor, Tensor]:
        """Compute the readout from the sums.

        Returns:
            W (C, M) and b (C,), in float64.
        """
        raise NotImplementedError

    def gather(self, h: Tensor) -> None:
        """Add further sums, if the method has some.

        Args:
            h: New rows, (N, M).
        """

    def after(self, learner: LearnerView, step: Step) -> None:
        # Each example counts once, however many epochs there are.
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

    def predict(self, learner: LearnerView, x: Inputs, task: int | None) -> Tensor:
        features = learner.model.features(x, task)
        # Before the first example there is nothing to compute a readout from.
        if not self.host["examples"]:
            logits: Tensor = learner.head(features, task)
            return logits
        weight, bias = self._readout.get(self.host["examples"], self.readout)
        z = self.expand(features) @ weight.T + bias
        z = z.masked_fill(self.counts == 0, -torch.inf).float()
        z = F.pad(z, (0, learner.head.width - z.shape[1]), value=-torch.inf)
        # In the task scenario only the task's own outputs are in play.
        active = learner.head.active(task)
        logits = torch.full_like(z, -torch.inf)
        logits[:, active] = z[:, active]
        return logits
