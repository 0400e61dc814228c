"""What the arguments of a pretrained network need of each other, and of the kind of network."""

from collections.abc import Callable

from torch import nn

from holdfast.errors import HoldfastError, one_of
from holdfast.models.backbone_places import Place
from holdfast.models.pooled import WAYS

Factory = str | Callable[[], nn.Module]


def check_arguments(
    place: Place, name: str, factory: Factory | None, old_output: str, output_layer: str | None
) -> None:
    """Refuse arguments that this kind of backbone has no use for, or that it lacks.

    Args:
        place: Where the backbone is.
        name: What messages call it.
        factory: As in `pretrained_classifier`.
        old_output: As there.
        output_layer: As there.

    Raises:
        HoldfastError: An argument is missing, or has no effect.
    """
    if place.kind == "weights":
        if factory is None:
            raise HoldfastError(
                f"the backbone {name} is a file of weights, so Holdfast needs the function that "
                "makes its network; give it as module:function (--backbone-factory)"
            )
        if old_output == "none" and output_layer is not None:
            raise HoldfastError(
                f"output_layer={output_layer!r} names an old output layer, but old_output='none' "
                "says that there is none; leave one of them out"
            )
        return
    given = {"factory": factory, "output_layer": output_layer}
    for argument, value in given.items():
        if value is not None:
            raise HoldfastError(
                f"{argument}={value!r} has no effect: it is for a file of weights, and {name} is "
                f"{_in_words(place)}; leave it out"
            )
    if old_output == "keep":
        raise HoldfastError(
            f"old_output='keep' needs a file of weights whose network ends in a linear layer; "
            f"{name} is {_in_words(place)}, of which only the features are read. Leave it out"
        )


def check_pooling(place: Place, name: str, pooling: str | None) -> None:
    """Refuse a way to pool states that does not exist, or a network that has none.

    Args:
        place: Where the backbone is.
        name: What messages call it.
        pooling: The way, or None for that of the folder.

    Raises:
        HoldfastError: There is no such way, or the network is not one of texts.
    """
    if pooling is None:
        return
    one_of("pooling", pooling, WAYS)
    if not place.of_texts:
        raise HoldfastError(
            f"pooling={pooling!r} has no effect: it is for networks of texts, and {name} is "
            f"{_in_words(place)}; leave it out"
        )


def _in_words(place: Place) -> str:
    """Say what kind of backbone it is."""
    kinds = {"onnx": "an ONNX file", "gguf": "a GGUF file", "weights": "a file of weights"}
    return kinds.get(place.kind, f"a folder of transformers for {place.reads}")
