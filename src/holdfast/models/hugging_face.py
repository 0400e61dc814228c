"""Networks of the Transformers library as backbones: texts or images become one vector each."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.errors import HoldfastError, reading
from holdfast.models.backbone_places import CONFIG, GGUF, INNER, OF_IMAGES, Place
from holdfast.models.pooled import Pooled
from holdfast.text import safe_name

POOLING = "1_Pooling"  # the folder in which sentence-transformers says how states are pooled
MOST_NAMED = 3  # weights that a message lists


class Pictures(nn.Module):
    """A network of images that takes images of any size and number of channels.

    Images are resized to what the network was trained on, grey ones get three equal channels, and
    pixels are normalised by the means and deviations of the folder.

    Args:
        network: A network that takes `pixel_values`, (N, C, H, W).
        channels: The number of channels that it reads.
        size: The height and width that it reads. None: any.
        mean: The mean of each channel, for pixels in [0, 1].
        deviation: The deviation of each channel.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        network: nn.Module,
        channels: int,
        size: int | None,
        mean: Sequence[float],
        deviation: Sequence[float],
    ) -> None:
        super().__init__()
        self.network = network
        self.channels = channels
        self.size = size
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Turn images (N, C, H, W) with pixels in [0, 1] into features (N, D)."""
        if x.dim() != 4:
            raise HoldfastError(
                "this backbone reads images, (rows, channels, height, width), but the inputs of "
                f"a row have the shape {tuple(x.shape[1:])}; use data of images"
            )
        if x.shape[1] == 1 and self.channels > 1:
            x = x.expand(-1, self.channels, -1, -1)
        if x.shape[1] != self.channels:
            raise HoldfastError(
                f"this backbone reads images of {self.channels} channels, but these have "
                f"{x.shape[1]}; convert them first"
            )
        if self.size is not None and x.shape[2:] != (self.size, self.size):
            x = F.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)
        states = self.network(pixel_values=(x - self.mean) / self.deviation).last_hidden_state
        # The first token of a vision transformer stands for the whole image. A convolutional
        # network has a map of states instead.
        if states.dim() == 4:
            pooled: Tensor = states.mean((2, 3))
        else:
            pooled = states[:, 0]
        return pooled


def load_folder(place: Place, pooling: str | None = None) -> nn.Module:
    """Load the network of a folder or of a GGUF file, without an output layer.

    Args:
        place: The folder, or the file.
        pooling: How the states of a text become one vector, as `Pooled` takes it. None: as
            `1_Pooling/config.json` says, by default their mean.

    Returns:
        The network. One of texts takes `input_ids` and `attention_mask`. One of images takes images
        of any size.

    Raises:
        HoldfastError: The folder is damaged, or lacks weights.
    """
    name = safe_name(str(place.path))
    network = body_of(load_model(place.path, name)).eval()
    if place.of_texts:
        return Pooled(network, pooling or _pooling(place.path))
    with reading(f"backbone {name}", "a network of images"):
        config = network.config
        size = getattr(config, "image_size", None)
        channels = int(getattr(config, "num_channels", 3))
        mean, deviation = _normalisation(place.path, channels)
        if isinstance(size, list | tuple):
            size = size[0]
        return Pictures(network, channels, size, mean, deviation)


def body_of(network: nn.Module) -> nn.Module:
    """Take what makes hidden states out of a model of the Transformers library.

    Args:
        network: The model, which is used and not copied. It may end in a layer for classes or
            tokens, which is left out. Of an encoder with a decoder, the encoder is taken. Another
            module is returned as it is.

    Returns:
        The part that returns hidden states.
    """
    # A model of the library can only be there if the library is loaded, which takes seconds.
    library = sys.modules.get("transformers")
    if library is None or not isinstance(network, library.PreTrainedModel):
        return network
    body: Any = network.base_model
    if getattr(network.config, "is_encoder_decoder", False):
        body = body.get_encoder()
    # A layer above the states, which is trained for another purpose or not at all.
    pooler = getattr(body, "pooler", None)
    if pooler is not None and list(pooler.parameters()):
        body.pooler = None
    module: nn.Module = body
    return module


def load_model(path: Path, name: str, kind: str = "AutoModel") -> nn.Module:
    """Load a model of the Transformers library, whose weights are all from one place.

    Args:
        path: A folder or a GGUF file.
        name: What messages call it.
        kind: The class of the library that loads it, such as "AutoModelForCausalLM".

    Returns:
        The model in evaluation mode, in float32.

    Raises:
        HoldfastError: The model can't be loaded, or lacks weights.
    """
    import transformers

    place: dict[str, Any] = {"pretrained_model_name_or_path": path}
    if path.suffix == GGUF:
        place = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    # Weights that are missing are drawn, which must not change what a run draws later.
    with (
        _quiet_library(),
        torch.random.fork_rng(devices=[]),
        reading(f"backbone {name}", "a network"),
    ):
        model, report = getattr(transformers, kind).from_pretrained(
            **place, local_files_only=True, output_loading_info=True, dtype=torch.float32
        )
    missing = [key for key in sorted(report["missing_keys"]) if not key.startswith("pooler.")]
    if missing:
        raise HoldfastError(
            f"the backbone {name} lacks weights: {', '.join(missing[:MOST_NAMED])} "
            f"({len(missing)} in all); download or save it again"
        )
    loaded: nn.Module = model.eval()
    return loaded


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Inside, the library reports nothing: it lists the weights of old output layers."""
    from transformers import logging

    # Its functions have no types.
    library: Any = logging
    verbosity = library.get_verbosity()
    had_bars = library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(verbosity)
        if had_bars:
            library.enable_progress_bar()


def _pooling(folder: Path) -> str:
    """How the states of a text become one vector."""
    base = folder.parent if folder.name == INNER else folder
    file = base / POOLING / CONFIG
    if not file.is_file():
        return "mean"
    with reading(safe_name(str(file)), "JSON"):
        ways = json.loads(file.read_text(encoding="utf-8"))
        if ways.get("pooling_mode_cls_token"):
            return "first"
        if ways.get("pooling_mode_lasttoken"):
            return "last"
    return "mean"


def _normalisation(folder: Path, channels: int) -> tuple[list[float], list[float]]:
    """The mean and the deviation of each channel that the network was trained with."""
    file = folder / OF_IMAGES
    if not file.is_file():
        return [0.0] * channels, [1.0] * channels
    with reading(safe_name(str(file)), "JSON"):
        values = json.loads(file.read_text(encoding="utf-8"))
        if values.get("do_normalize") is False:
            return [0.0] * channels, [1.0] * channels
        mean = [float(one) for one in values.get("image_mean", [0.0] * channels)]
        deviation = [float(one) for one in values.get("image_std", [1.0] * channels)]
    return mean, deviation
