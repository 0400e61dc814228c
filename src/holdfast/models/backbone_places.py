"""Where a pretrained network is: a file of weights, an ONNX file, or a folder of transformers."""

import json
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import HoldfastError, reading, require
from holdfast.models.state_dicts import WEIGHTS
from holdfast.text import safe_name

ONNX = ".onnx"
# The folder of the network inside a folder of sentence-transformers.
INNER = "0_Transformer"
CONFIG = "config.json"
# What a folder has for what its network reads.
OF_IMAGES = "preprocessor_config.json"
OF_TEXTS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "tokenizer.model")


@dataclass(frozen=True)
class Place:
    """Where a pretrained network is, and what it reads.

    Args:
        kind: "weights", "onnx" or "folder".
        path: The file or folder.
        reads: "texts" or "images" for a folder. "any": nothing is known of it.
    """

    kind: str
    path: Path
    reads: str = "any"

    @property
    def of_texts(self) -> bool:
        """Whether the network reads tokens of texts."""
        return self.reads == "texts"


def find_backbone(source: str | Path) -> Place:
    """Find a pretrained network on this machine. Nothing is downloaded.

    Args:
        source: A file of weights, an ONNX file, a folder that `save_pretrained` of transformers has
            written, or a name of the Hugging Face hub that is in the local cache.

    Returns:
        Where it is.

    Raises:
        HoldfastError: There is nothing of that name, or something else.
        MissingExtra: The package that reads it is not installed.
    """
    path = Path(source).expanduser()
    name = safe_name(str(source))
    if path.is_file():
        if path.suffix == ONNX:
            require("onnx", "onnxruntime")
            return Place("onnx", path)
        if path.suffix in WEIGHTS:
            return Place("weights", path)
        raise HoldfastError(
            f"the backbone {name} ends in {path.suffix!r}; expected a file of weights "
            f"({', '.join(WEIGHTS)}), an ONNX file, or a folder of transformers"
        )
    if not path.is_dir():
        path = _in_cache(str(source))
    require("encoder", "transformers")
    if (path / INNER / CONFIG).is_file():
        path = path / INNER
    if not (path / CONFIG).is_file():
        raise HoldfastError(
            f"the folder {name} holds no backbone; expected {CONFIG}, weights and tokenizer or "
            f"{OF_IMAGES}, as save_pretrained of transformers writes them"
        )
    return Place("folder", path, _reads(path, name))


def _in_cache(name: str) -> Path:
    """The folder of a network in the local cache of the Hugging Face hub."""
    missing = HoldfastError(
        f"there is no file or folder {safe_name(name)}, and the local cache of Hugging Face does "
        "not have it; give a file of weights, an ONNX file or a folder. Holdfast downloads "
        f"nothing: for a name of the hub, run hf download {safe_name(name)} first"
    )
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        raise missing from None
    try:
        found = try_to_load_from_cache(name, CONFIG)
    except HFValidationError:
        raise missing from None
    if not isinstance(found, str):
        raise missing
    return Path(found).parent


def _reads(folder: Path, name: str) -> str:
    """What the network of a folder reads, by the files beside it."""
    with reading(f"{CONFIG} of {name}", "JSON"):
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        is_of_images = "num_channels" in config or (folder / OF_IMAGES).is_file()
    is_of_texts = any((folder / file).is_file() for file in OF_TEXTS)
    if is_of_texts and not is_of_images:
        return "texts"
    if is_of_images and not is_of_texts:
        return "images"
    if is_of_texts:
        found = "a network of texts and images"
    else:
        found = f"neither a tokenizer nor {OF_IMAGES}"
    raise HoldfastError(
        f"the folder {name} holds {found}; expected a network of texts with its tokenizer, or one "
        "of images. Write a factory that makes the part that you need, and give its weights"
    )
