"""XdG: context-dependent gating (Masse, Grant & Freedman 2018).

For each task a random share of every hidden layer's units is multiplied by 0, drawn once. Tasks thus use mostly different weights, but
share some: the paper adds a penalty on weights, here `XdG() + SI(1)`. Gates depend on (seed, task, layer) alone. Passes: one.
"""

import torch
from torch import Tensor

from holdfast.engine.stateful import seed_from
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, Method, only_with_task
from holdfast.models.classifier import Classifier, need_classifier
from holdfast.models.gated import Gated
from holdfast.models.network import Network


class RandomGates(Gated):
    """A network with fixed random 0/1 gates for each task."""

    def __init__(self, model: Classifier, gated: float, seed: int) -> None:
        super().__init__(model, self._rows)
        self.gated, self.seed = gated, seed
        for k, width in enumerate(self.widths):
            self.register_buffer(f"gate_{k}", torch.zeros(0, width))
        self.head.before_open = self._open

    def _open(self, task: int) -> None:
        for k, width in enumerate(self.widths):
            order = torch.randperm(
                width, generator=torch.Generator().manual_seed(seed_from(self.seed, task, k))
            )
            row = torch.ones(1, width).index_fill_(1, order[: round(self.gated * width)], 0.0)
            before = self.get_buffer(f"gate_{k}")
            setattr(self, f"gate_{k}", torch.cat([before, row.to(before.device)]))

    def _rows(self, task: int | Tensor) -> list[Tensor]:
        index = task if isinstance(task, int) else task.to(self.get_buffer("gate_0").device)
        return [self.get_buffer(f"gate_{k}")[index] for k in range(len(self.widths))]


class XdG(Method):
    """Switches a random share of the hidden units off, another for each task."""

    declaration = Declaration(
        "architecture",
        "Masse et al. 2018",
        "a random share of the hidden units is off, another for each task",
        **only_with_task("gates-need-task"),
        memory="none",
        parameters="none",
    )

    def __init__(self, gated: float = 0.8) -> None:
        """`gated`: share of each hidden layer's units that is off, in [0, 1)."""
        super().__init__()
        if not 0 <= gated < 1:
            raise HoldfastError(f"gated is the share of units that is off, in [0, 1), got {gated}")
        self.gated = gated

    def attach(self, model: Network) -> Network:
        return RandomGates(need_classifier(model, self.name), self.gated, self.seed)
