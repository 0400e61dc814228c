"""The file of a checkpoint: tensors as safetensors, everything else as JSON in the file's header.

No pickle is involved, so a file from elsewhere cannot run code, and what is not known is refused. A
checksum over all of the file shows damage.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from holdfast.errors import HoldfastError, first_line, reading, require
from holdfast.files import replacement
from holdfast.training.contents import FORMAT, forms


class DamagedCheckpoint(HoldfastError):
    """A checkpoint that is cut off or was altered."""


def write(
    path: Path,
    tensors: Mapping[str, Tensor],
    plain: Mapping[str, object],
    before: Path | None = None,
) -> None:
    """Write a checkpoint as one step, so that a crash leaves the file from before.

    Args:
        path: The file. Missing parent folders are made.
        tensors: Its tensors, on any device.
        plain: Its plain values (JSON).
        before: Where the file from before is kept. By default it is replaced.

    Raises:
        HoldfastError: The file could not be written. The one from before is still there.
    """
    require("train", "safetensors")
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # Copies in one piece: parameters are views of one vector, and safetensors refuses tensors that
    # share memory.
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"format": FORMAT, **plain, "tensors": forms(copies)})
    with replacement(path, keep_as=before) as temporary:
        try:
            save_file(copies, temporary, {"holdfast": text, "sha256": checksum(copies, text)})
        except SafetensorError as error:  # instead of an OSError, for example if the disk is full
            raise HoldfastError(
                f"checkpoint {path} could not be written: {first_line(error)}"
            ) from None


def checksum(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """Compute a checksum of tensors and a text.

    Args:
        tensors: Tensors on the CPU, by name. Their order does not matter.
        text: The text.

    Returns:
        SHA-256 over the text and over names, types, shapes and bytes of the tensors, as hex digits.

    Example:
        >>> checksum({"a": torch.zeros(2)}) == checksum({"a": torch.zeros(3)})
        False
    """
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes, because NumPy has no bfloat16.
        digest.update(memoryview(tensor.detach().contiguous().flatten().view(torch.uint8).numpy()))
    return digest.hexdigest()


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Read a whole checkpoint, and check that it is one. No learner is touched.

    Args:
        path: The file.

    Returns:
        Its tensors by name, and its plain values.

    Raises:
        DamagedCheckpoint: The file is cut off, or does not match its checksum.
        HoldfastError: There is no such file, or it is no checkpoint of this version.
    """
    with reading(f"checkpoint {path}", "safetensors"):
        tensors, metadata = _read_safetensors(path)
        # Other programs write safetensors files, too.
        if "holdfast" not in metadata:
            raise HoldfastError(f"{path} is a safetensors file but not a checkpoint of a learner")
        text = metadata["holdfast"]
        plain = _parsed(text)
        # The version is checked before the checksum, which another version may compute otherwise.
        if plain.get("format") != FORMAT or not metadata.keys() <= {"sha256", "holdfast"}:
            version = str(plain.get("format"))[:50]
            raise HoldfastError(
                f"{path} has checkpoint format {version}, this version reads {FORMAT}; continue it "
                "with the version of Holdfast that wrote it, or delete it to train from the start"
            )
        if metadata.get("sha256") != checksum(tensors, text):
            raise DamagedCheckpoint(
                f"{path} does not match its checksum, so it was altered or is damaged; use the one "
                "before"
            )
    return tensors, plain


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read all tensors and the header of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise HoldfastError(f"there is no checkpoint at {path}") from None
    except (SafetensorError, OSError) as error:
        raise DamagedCheckpoint(
            f"{path} is not a whole checkpoint ({error}); use the one before"
        ) from None
    return tensors, metadata


def _parsed(text: str) -> dict[str, object]:
    """Parse the plain values of a checkpoint. What is no such text has no values."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):  # such as text that is nested too deeply
        return {}
    if not isinstance(plain, dict):
        return {}
    return plain
