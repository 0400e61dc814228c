"""A frozen backbone whose linear layers carry low-rank adapters, one set a task (Hu et al. 2022; the layers are peft's)."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, MissingExtra
from holdfast.models.classifier import Classifier
from holdfast.models.per_task import PerTask


class Adapted(PerTask):
    """`model` with an adapter of `rank` for each task on every linear layer of its backbone.

    `together=False`: a row passes through its own task's adapter. `together=True`: through the sum of all adapters so far. `first`: the
    task from which adapters are used; the backbone trains before it, and is frozen from it on.
    """

    def __init__(
        self, model: Classifier, rank: int, alpha: float, together: bool, first: int
    ) -> None:
        super().__init__(model.backbone, model.head)
        self.targets = [n for n, m in model.backbone.named_modules() if type(m) is nn.Linear]
        if not self.targets:
            raise HoldfastError(
                "adapters sit on linear layers, this backbone has none; use an MLP, a transformer, or LatentReplay"
            )
        self.rank, self.alpha, self.together, self.first, self.adapters = (
            rank,
            alpha,
            together,
            first,
            0,
        )
        peft()
        self.head.on_open.append(self._open)

    def _open(self, task: int) -> None:
        if task < self.first or task - self.first < self.adapters:
            return
        if not self.adapters:
            self.freeze()
        library, like = peft(), next(self.backbone.parameters())
        config = library.LoraConfig(
            r=self.rank, lora_alpha=self.alpha, target_modules=self.targets, lora_dropout=0.0
        )
        with warnings.catch_warnings():  # several adapters are the point
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            library.inject_adapter_in_model(config, self.backbone, adapter_name=f"task_{task}")
        self.adapters += 1
        self.backbone.to(like.device, like.dtype).requires_grad_(False)
        for layer in self.layers():
            for part in (layer.lora_A, layer.lora_B):
                part[f"task_{task}"].requires_grad_(True)

    def layers(self) -> list[Any]:
        """The adapted layers."""
        from peft.tuners.lora import LoraLayer

        return [m for m in self.backbone.modules() if isinstance(m, LoraLayer)]

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) → features (N, D), by the adapter of the task (or by all, `together`)."""
        tasks = (
            range(self.first, self.first + self.adapters)
            if self.together
            else [self.one_task(task)]
        )
        active = [f"task_{t}" for t in tasks if t >= self.first]
        for (
            layer
        ) in self.layers():  # peft's own setter would also change which adapters are trainable
            layer._active_adapter = active
            layer._disable_adapters = not active
        shortcut = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(
            False
        )  # torch's own encoder layers would read the weights past the adapters
        try:
            return self.backbone(x)
        finally:
            torch.backends.mha.set_fastpath_enabled(shortcut)

    def forward(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) → logits (N, C)."""
        return Classifier.forward(self, x, task) if self.together else super().forward(x, task)


def peft() -> Any:
    """The library, or the error that names its extra."""
    try:
        import peft as library
    except ImportError:
        raise MissingExtra("peft", "adapters") from None
    return library
