"""A classifier: a backbone that gives features, and a head."""

import inspect
from typing import cast

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, unknown
from holdfast.models.heads import Head, make_head
from holdfast.models.network import Network


class Classifier(Network):
    """`head(features(x))`. Every forward goes through `model(x, task)`; task is an index, a tensor of indices, or None.

    >>> import torch
    >>> model = Classifier(nn.Flatten(), make_head("fixed", 4, outputs=3))
    >>> model(torch.zeros(2, 2, 2)).shape
    torch.Size([2, 3])
    """

    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def freeze(self) -> "Classifier":
        """The backbone keeps its weights and its statistics from now on; the head still learns."""
        self.backbone.requires_grad_(False).eval()
        return self

    def features(self, x: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Inputs (N, ...) → features (N, D). Networks that depend on the task override this."""
        features: Tensor = self.backbone(x)
        return features


def need_classifier(model: Network, who: str) -> Classifier:
    """The model, for methods that change the backbone of a classifier.

    Args:
        model: The model.
        who: The method, for the message.

    Raises:
        HoldfastError: The model is a network of another kind.
    """
    if not isinstance(model, Classifier):
        raise HoldfastError(
            f"{who} changes the backbone of a Classifier, got {type(model).__name__}; make one of your "
            "network: classifier_from(network, head='<name of its last linear layer>', kind='growing')"
        )
    return model


def classifier_from(
    module: nn.Module, head: str, kind: str, outputs: int | None = None
) -> Classifier:
    """A classifier from any network whose last linear layer is named (`head="fc"`); a head of `kind` takes its place.

    The trained layer goes on inside the head (for `separate` as the first task's); outputs beyond its own are new.

    >>> from collections import OrderedDict
    >>> net = nn.Sequential(OrderedDict(body=nn.Linear(4, 8), fc=nn.Linear(8, 2)))
    >>> classifier_from(net, head="fc", kind="growing").head.features
    8
    """
    names = [n for n, m in module.named_modules() if isinstance(m, nn.Linear)]
    if head not in names:
        raise unknown("linear layer of the model", head, names)
    path, _, leaf = head.rpartition(".")
    layer = module.get_submodule(head)
    assert isinstance(layer, nn.Linear)
    made = make_head(kind, layer.in_features, outputs or layer.out_features)
    setattr(module.get_submodule(path), leaf, nn.Identity())
    try:
        made.take(layer, module)
    except HoldfastError:
        setattr(module.get_submodule(path), leaf, layer)
        raise
    return Classifier(module, made)


def float_type(model: nn.Module) -> torch.dtype:
    """The floating type of a model's inputs: that of its first floating parameter or buffer.

    Returns:
        The type, torch's default for a model without floating tensors.

    Example:
        >>> float_type(nn.Linear(2, 2).to(torch.bfloat16))
        torch.bfloat16
    """
    for tensors in (model.parameters(), model.buffers()):
        for tensor in tensors:
            if tensor.is_floating_point():
                return tensor.dtype
    return torch.get_default_dtype()


def as_input(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Raw rows as a network takes them. This is the one rule for the types of inputs.

    Args:
        x: Raw rows (N, ...).
        dtype: The floating type of the network (`float_type`).

    Returns:
        Bytes (uint8, images) as numbers in [0, 1] of that type, other floating numbers in that type,
        and integers and booleans as they are, because they are indices (of an embedding, say).

    Example:
        >>> as_input(torch.tensor([255], dtype=torch.uint8), torch.float32)
        tensor([1.])
        >>> as_input(torch.tensor([7]), torch.float32)
        tensor([7])
    """
    if x.dtype == torch.uint8:
        return x.to(dtype).div_(255)
    return x.to(dtype) if x.is_floating_point() else x


def check_model(model: nn.Module) -> Network:
    """The model as a network.

    Raises:
        HoldfastError: It has no head or no features, or does not take the task. The message says how
            to make it a network that has them.
    """
    if not isinstance(getattr(model, "head", None), Head) or not callable(
        getattr(model, "features", None)
    ):
        raise HoldfastError(
            f"expected a Classifier (features, head), got {type(model).__name__}; "
            "wrap it: classifier_from(model, head='<name of its last linear layer>', kind='growing')"
        )
    if "task" not in inspect.signature(model.forward).parameters:
        raise HoldfastError(
            f"{type(model).__name__}.forward must accept (x, task), its signature has no task"
        )
    return cast(Network, model)  # your own module need not be a subclass
