"""Where a pretrained network is: a file of weights, ONNX or GGUF, or a folder of transformers."""

import json
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import HoldfastError, reading, require
from holdfast.models.hub import folder_of
from holdfast.models.state_dicts import WEIGHTS
from holdfast.text import safe_name

ONNX = ".onnx"
GGUF = ".gguf"
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
        kind: "weights", "onnx", "gguf" or "folder".
        path: The file or folder.
        reads: "texts" or "images" for a folder, "texts" for a GGUF file. "any": nothing is known.
    """

    kind: str
    path: Path
    reads: str = "any"

    @property
    def of_texts(self) -> bool:
        """Whether the network reads tokens of texts."""
        return self.reads == "texts"


def find_backbone(source: str | Path) -> Place:
    """Find a pretrained network on this machine, or download it once if it is one of the hub.

    Args:
        source: A file of weights, an ONNX file, a GGUF file or a folder that holds one, a folder
            that `save_pretrained` of transformers has written, or a name of the Hugging Face hub.

    Returns:
        Where it is.

    Raises:
        HoldfastError: There is nothing of that name, or something else, or it can't be downloaded.
        MissingExtra: The package that reads it is not installed.
    """
    path = Path(source).expanduser()
    name = safe_name(str(source))
    if path.is_file():
        if path.suffix == ONNX:
            require("onnx", "onnxruntime")
            return Place("onnx", path)
        if path.suffix == GGUF:
            require("transformers", "transformers", "gguf")
            return Place("gguf", path, "texts")
        if path.suffix in WEIGHTS:
            return Place("weights", path)
        raise HoldfastError(
            f"the backbone {name} ends in {path.suffix!r}; expected a file of weights "
            f"({', '.join(WEIGHTS)}), an ONNX or GGUF file, or a folder of transformers"
        )
    if not path.is_dir():
        path = folder_of(str(source))
    require("encoder", "transformers")
    if (path / INNER / CONFIG).is_file():
        path = path / INNER
    if (path / CONFIG).is_file():
        return Place("folder", path, _reads(path, name))
    files = sorted(path.glob(f"*{GGUF}"))
    if len(files) == 1:
        return find_backbone(files[0])
    if files:
        names = ", ".join(safe_name(file.name) for file in files)
        raise HoldfastError(
            f"the folder {name} holds several networks ({names}); give the path of one of them"
        )
    raise HoldfastError(
        f"the folder {name} holds no backbone; expected {CONFIG}, weights and tokenizer or "
        f"{OF_IMAGES}, as save_pretrained of transformers writes them, or a GGUF file"
    )


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
