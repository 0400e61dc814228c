"""A classifier: a backbone that gives features, and a head."""

import inspect
from collections.abc import Callable
from typing import Self, cast

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, one_of, unknown
from holdfast.models.calling import call_module
from holdfast.models.heads import Head, make_head
from holdfast.models.network import Network
from holdfast.models.recipes import rebuildable
from holdfast.named_inputs import Inputs

HOW_TO_WRAP = "classifier_from(network, head='<name of its last linear layer>', kind='growing')"
KEPT_OR_DROPPED = ("keep", "drop")  # what becomes of the output layer of a trained network


class Classifier(Network):
    """The network `head(backbone(x))`. Call it as `model(x, task)`.

    Args:
        backbone: Any module that maps inputs (N, ...) to features (N, D). It may take several
            tensors, and return an object with `logits` (see `call_module`).
        head: The output layer, which reads D features.

    Attributes:
        grows: Whether the network grows with its tasks.

    Example:
        >>> model = Classifier(nn.Flatten(), make_head("fixed", 4, outputs=3))
        >>> model(torch.zeros(2, 2, 2)).shape
        torch.Size([2, 3])
    """

    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.grows = False

    def grow_with_tasks(self, grow: Callable[[int], None]) -> None:
        """Let the network grow before each task gets its outputs.

        A network that was built around the same head before does not grow any more.

        Args:
            grow: A method of this network. It takes the number of the task.
        """
        # In place of what was there, because only one network can grow with the tasks.
        self.head.before_open = grow
        self.grows = True

    def freeze(self) -> Self:
        """Keep the backbone's weights and statistics from now on. The head still learns.

        Returns:
            The classifier itself.
        """
        # Evaluation mode is what holds the statistics of norm layers.
        self.backbone.requires_grad_(False).eval()
        return self

    def features(self, x: Inputs, task: int | Tensor | None = None) -> Tensor:
        """Features of inputs, as `Network.features`. The backbone does not know the task."""
        return call_module(self.backbone, x)


def need_classifier(model: Network, who: str) -> Classifier:
    """Check that a model is a classifier, for methods that change its backbone.

    Args:
        model: The model.
        who: The name of the method, for the message.

    Returns:
        The model.

    Raises:
        HoldfastError: The model is a network of another kind, or computes its features in a way of
            its own, as after another method changed it.
    """
    if not isinstance(model, Classifier):
        raise HoldfastError(
            f"{who} changes the backbone of a Classifier, got {type(model).__name__}; "
            f"make one of your network: {HOW_TO_WRAP}"
        )
    # The method would take the backbone alone, and lose what else makes the features.
    if type(model).features is not Classifier.features:
        raise HoldfastError(
            f"{who} changes the backbone of a Classifier, but this network makes its features in "
            f"another way, as a network that another method has changed; use {who} without that "
            "method, and with a new network"
        )
    return model


@rebuildable
def classifier_from(
    module: nn.Module,
    head: str,
    kind: str,
    outputs: int | None = None,
    old_output: str = "keep",
) -> Classifier:
    """Make a classifier of any network that ends in a linear layer.

    By default the trained layer goes on inside the new head: as the first task's layer if the head
    is `separate`, else as the first outputs. Outputs beyond its own are new.

    Args:
        module: The network. It is changed: its last layer gives way to an identity.
        head: The name of its last linear layer, such as `fc`.
        kind: The kind of head that takes the layer's place, as `make_head` takes it.
        outputs: The number of outputs of a `masked` or `fixed` head. None means as many as the
            layer has.
        old_output: What becomes of the trained layer: "keep" continues its outputs, and "drop"
            leaves it out, because its classes are not yours. Then all outputs are new.

    Returns:
        The classifier.

    Raises:
        HoldfastError: There is no such layer, the kind is unknown, or the layer shares its weight
            with another one and the head would part them. The network is then as it was.

    Example:
        >>> from collections import OrderedDict
        >>> net = nn.Sequential(OrderedDict(body=nn.Linear(4, 8), fc=nn.Linear(8, 2)))
        >>> classifier_from(net, head="fc", kind="growing").head.features
        8
    """
    one_of("old_output", old_output, KEPT_OR_DROPPED)
    layer = linear_layer(module, head)
    # An unknown kind is refused before the network is changed.
    made = make_head(kind, layer.in_features, outputs or layer.out_features)
    # Taken out first, so that the head sees what else in the network has the layer's weight.
    replace_module(module, head, nn.Identity())
    if old_output == "drop":
        return Classifier(module, made)
    try:
        made.take(layer, module)
    except HoldfastError:
        replace_module(module, head, layer)
        raise
    return Classifier(module, made)


def linear_layer(module: nn.Module, name: str) -> nn.Linear:
    """Find a linear layer of a network by its name.

    Raises:
        HoldfastError: There is no such layer. The message lists those that exist.
    """
    parts = module.named_modules()
    layers = {path: part for path, part in parts if isinstance(part, nn.Linear)}
    if name not in layers:
        raise unknown("linear layer of the model", name, list(layers))
    return layers[name]


def replace_module(module: nn.Module, name: str, part: nn.Module) -> None:
    """Put another module in the place of a part of a network."""
    path, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(path), leaf, part)


def float_type(model: nn.Module) -> torch.dtype:
    """The floating type of a model's inputs: that of its first floating parameter or buffer.

    Args:
        model: Any model.

    Returns:
        The type, which is PyTorch's default for a model without floating tensors.

    Example:
        >>> float_type(nn.Linear(2, 2).to(torch.bfloat16))
        torch.bfloat16
    """
    tensor = first_floating(model)
    if tensor is None:
        return torch.get_default_dtype()
    return tensor.dtype


def first_floating(model: nn.Module) -> Tensor | None:
    """The first floating parameter of a model, or else its first floating buffer; None without any.

    Example:
        >>> first_floating(nn.Linear(2, 3)).shape
        torch.Size([3, 2])
    """
    for tensors in (model.parameters(), model.buffers()):
        for tensor in tensors:
            if tensor.is_floating_point():
                return tensor
    return None


def as_input(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn raw rows into what a network takes. This is the one rule for the types of inputs.

    Args:
        x: Raw rows, (N, ...).
        dtype: The floating type of the network (`float_type`).

    Returns:
        Bytes (uint8, images) as numbers in [0, 1] of that type, other floating numbers in that
        type, and integers and booleans as they are, because they are indices, for example of an
        embedding.

    Example:
        >>> as_input(torch.tensor([255], dtype=torch.uint8), torch.float32)
        tensor([1.])
        >>> as_input(torch.tensor([7]), torch.float32)
        tensor([7])
    """
    if x.dtype == torch.uint8:
        # In place, because `to` has made a copy of another type.
        return x.to(dtype).div_(255)
    if x.is_floating_point():
        return x.to(dtype)
    return x


def check_model(model: nn.Module) -> Network:
    """Check that a model is a network that a learner can train, and free its head for that.

    An earlier learner may have put a network that grows around the same model. That network stops
    growing with the model's tasks, because from now on they are the tasks of another learner.

    Args:
        model: The model.

    Returns:
        The model. It need not be a subclass of `Network`.

    Raises:
        HoldfastError: It has no head or no features, or its `forward` does not take the task. The
            message says how to make it a network that has them.
    """
    # A module of yours may have neither.
    head = getattr(model, "head", None)
    if not isinstance(head, Head) or not callable(getattr(model, "features", None)):
        raise HoldfastError(
            f"expected a Classifier (features, head), got {type(model).__name__}; "
            f"wrap it: {HOW_TO_WRAP}"
        )
    if "task" not in inspect.signature(model.forward).parameters:
        raise HoldfastError(
            f"{type(model).__name__}.forward must accept (x, task), its signature has no task; "
            "add the parameter task=None"
        )
    # A method of the model's own stays, and so does a function that you put there yourself.
    grower = getattr(head.before_open, "__self__", None)
    if isinstance(grower, Network) and grower is not model:
        head.before_open = None
    # It has all that a Network has, which is what the engine asks of it.
    return cast(Network, model)
