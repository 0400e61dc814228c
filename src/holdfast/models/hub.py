"""Networks of the Hugging Face hub: their folder in the local cache, which is filled once."""

from pathlib import Path

from holdfast.errors import HoldfastError, MissingExtra, first_line, require
from holdfast.text import safe_name

CONFIG = "config.json"
# What says how inputs are read and states are pooled. The weights come by themselves.
SMALL_FILES = ("*.json", "*.txt", "*.model", "1_Pooling/*", "0_Transformer/*.json")
WEIGHTS = ("*.safetensors", "*.bin")
# A name with such an ending is a file that is not there, and no name of the hub.
OF_FILES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".onnx", ".gguf", ".json")
BACKBONES = (
    "a folder with config.json, weights and tokenizer, a file of weights, an ONNX or GGUF file, or "
    "a name of the Hugging Face hub"
)


def folder_of(name: str) -> Path:
    """Find the folder of a network of the hub, and download it if it is not in the local cache.

    Args:
        name: Its name, such as "sentence-transformers/all-MiniLM-L6-v2".

    Returns:
        Its folder in the local cache.

    Raises:
        HoldfastError: It is no name of the hub, the hub has no such network, it can't be reached,
            or the package that asks it is not installed. The message says what to do.
    """
    folder = _in_cache(name)
    if folder is None:
        _need_library(name)
        _download(name)
        folder = _in_cache(name)
    if folder is None:
        raise _missing(name, "could not be downloaded whole")
    return folder


def _in_cache(name: str) -> Path | None:
    """The folder of a network in the local cache, if its weights are there as well."""
    nowhere = HoldfastError(
        f"there is no file or folder {safe_name(name)}; check the path. A backbone is {BACKBONES}"
    )
    if Path(name).suffix in OF_FILES or Path(name).is_absolute():
        raise nowhere
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None  # `_need_library` says so
    try:
        found = try_to_load_from_cache(name, CONFIG)
    except HFValidationError:
        raise nowhere from None
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    if not any(next(folder.glob(pattern), None) for pattern in WEIGHTS):
        return None
    return folder


def _need_library(name: str) -> None:
    """Refuse a name of the hub if the library that asks it is not installed."""
    try:
        require("encoder", "transformers")
    except MissingExtra as error:
        raise HoldfastError(
            f"there is no file or folder {safe_name(name)}; check the path. If it is a name of the "
            f"Hugging Face hub, {error}"
        ) from None


def _download(name: str) -> None:
    """Download a network into the local cache, as `from_pretrained` of transformers does."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )
    from transformers import AutoModel

    try:
        snapshot_download(name, allow_patterns=list(SMALL_FILES))
        AutoModel.from_pretrained(name)
    except GatedRepoError:
        raise _missing(name, "needs your consent and a token on the Hugging Face hub") from None
    except RepositoryNotFoundError:
        raise _missing(name, "is not on the Hugging Face hub, or not open to you") from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        why = "the Hugging Face hub can't be reached, or HF_HUB_OFFLINE is set"
        raise _missing(name, f"can't be downloaded ({why})") from None
    except Exception as error:  # the network fails in many ways
        why = f"could not be downloaded from the Hugging Face hub ({first_line(error)})"
        raise _missing(name, why) from None


def _missing(name: str, why: str) -> HoldfastError:
    """Make the error for a network that is neither here nor can be fetched."""
    return HoldfastError(
        f"there is no file or folder {safe_name(name)}, and it {why}; give the path of a folder "
        f"with config.json, weights and tokenizer, or run hf download {safe_name(name)} where "
        "there is a connection, and give the folder that it prints"
    )
