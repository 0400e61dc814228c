"""A frozen backbone whose linear layers carry low-rank adapters, one set for each task.

The layers are those of peft.

References:
    E. J. Hu et al. (2022), LoRA: low-rank adaptation of large language models. ICLR.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from holdfast.errors import MissingExtra
from holdfast.models.adapter_targets import Targets, target_layers
from holdfast.models.calling import call_module
from holdfast.models.classifier import Classifier
from holdfast.models.per_task import PerTask
from holdfast.models.token_head import TokenHead
from holdfast.named_inputs import Inputs


class Adapted(PerTask):
    """A classifier with an adapter for each task on linear layers of its backbone.

    Args:
        model: A classifier. Its layers are used, not copied.
        rank: The rank r of each adapter, at least 1.
        alpha: The adapters' strength: their output is multiplied by alpha / rank.
        together: Whether a row passes through the sum of all adapters so far, or through the
            adapter of its own task only.
        first: The number of the task from which on there are adapters. The backbone trains before
            that task and is frozen from it on.
        target_modules: Which layers carry adapters, as `target_layers` takes them. None: all linear
            layers.

    Attributes:
        targets: The names of the layers that carry adapters.
        adapters: The number of adapters so far.

    Raises:
        HoldfastError: The backbone has no linear layer, or none that `target_modules` names.
        MissingExtra: peft is not installed.
    """

    def __init__(
        self,
        model: Classifier,
        rank: int,
        alpha: float,
        together: bool,
        first: int,
        target_modules: Targets = None,
    ) -> None:
        super().__init__(model.backbone, model.head)
        peft()  # is missing now rather than in the middle of a run
        self.targets = target_layers(model.backbone, target_modules)
        self.rank = rank
        self.alpha = alpha
        self.together = together
        self.first = first
        self.adapters = 0
        self.grow_with_tasks(self._open)

    def _open(self, task: int) -> None:
        """Add the adapter of a task, which alone is trainable, if it has none."""
        if task < self.first or task - self.first < self.adapters:
            return
        if not self.adapters:
            self.freeze()
            # All tasks speak with one vocabulary, so it is held as the backbone is.
            if isinstance(self.head, TokenHead):
                self.head.requires_grad_(False)
        library = peft()
        like = next(self.backbone.parameters())
        # As one expression, because a list would also fit longer names with the same ending.
        names = "|".join(re.escape(target) for target in self.targets)
        config = library.LoraConfig(
            r=self.rank, lora_alpha=self.alpha, target_modules=names, lora_dropout=0.0
        )
        name = adapter_name(task)
        with warnings.catch_warnings():
            # Several adapters are the point.
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            # The library knows the layers of GPT-2 by their type, and sets it for each layer.
            warnings.filterwarnings("ignore", message="fan_in_fan_out is set to")
            library.inject_adapter_in_model(config, self.backbone, adapter_name=name)
        self.adapters += 1
        # Whatever the library set, nothing is trainable but the new adapter, below.
        self.backbone.to(like.device, like.dtype).requires_grad_(False)
        for layer in self.layers():
            layer.lora_A[name].requires_grad_(True)
            layer.lora_B[name].requires_grad_(True)

    def layers(self) -> list[Any]:
        """The layers that carry adapters, as peft made them."""
        from peft.tuners.lora import LoraLayer

        return [m for m in self.backbone.modules() if isinstance(m, LoraLayer)]

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs, by the adapter of their task or by all adapters.

        Args:
            x: Inputs, (N, ...).
            task: The number of the task of all rows. It is not used if the adapters act together.

        Returns:
            The features, (N, D).

        Raises:
            HoldfastError: The adapters act one by one, and not one task is given.
        """
        tasks: Sequence[int] = range(self.first, self.first + self.adapters)
        # Before the first adapter, the network answers as it was.
        if not self.together and self.adapters:
            tasks = [self.one_task(task)]
        active = [adapter_name(number) for number in tasks if number >= self.first]
        for layer in self.layers():
            # The setter of peft would also change which adapters are trainable.
            layer._active_adapter = active
            layer._disable_adapters = not active
        with _without_shortcut():
            return call_module(self.backbone, x)

    def forward(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Logits of inputs, as `PerTask.forward`. Adapters that act together need no task."""
        if self.together:
            return Classifier.forward(self, x, task)
        return super().forward(x, task)


def adapter_name(task: int) -> str:
    """The name of a task's adapter, which is part of the names of its parameters."""
    return f"task_{task}"


@contextmanager
def _without_shortcut() -> Iterator[None]:
    """Inside, PyTorch's own encoder layers call their linear layers.

    Their shortcut for inference would read the weights past the adapters.
    """
    shortcut = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(shortcut)


def peft() -> Any:
    """The library peft.

    Raises:
        MissingExtra: It is not installed. The message names the extra that has it.
    """
    try:
        import peft as library
    except ImportError:
        raise MissingExtra("peft", "adapters") from None
    return library
