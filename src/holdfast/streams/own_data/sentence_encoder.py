"""Texts as vectors of a sentence encoder: a pretrained network in a folder on this machine.

The vector of a text is the mean of the network's last layer over its tokens, or the vector of the
first token if the folder says so (`1_Pooling/config.json`), and has length 1. The encoder is not
trained, so nothing of your data is fitted.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, reading, require
from holdfast.streams.own_data.cache import kept
from holdfast.streams.own_data.digests import digest_of
from holdfast.text import safe_name

AT_ONCE = 32  # texts per forward pass
LONGEST = 512  # tokens of a text; the rest is cut off


def encoded_texts(texts: Sequence[str], folder: str) -> np.ndarray:
    """Encode texts, or map their vectors from the cache.

    Args:
        texts: The texts.
        folder: The folder of a network in the layout of transformers or sentence-transformers.

    Returns:
        One vector per text, (N, D), float32.

    Raises:
        HoldfastError: The folder holds no such network.
        MissingExtra: The package transformers is not installed.
    """
    path = encoder_folder(folder)
    words = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()

    def fill(file: Path) -> dict[str, object]:
        np.save(file, _vectors(texts, path))
        return {}

    vectors, _ = kept("texts", [digest_of(path, ()), words], fill)
    return vectors


def encoder_folder(folder: str) -> Path:
    """The folder of the network inside the folder of an encoder.

    Raises:
        HoldfastError: It does not exist, or holds no network.
        MissingExtra: The package transformers is not installed.
    """
    require("encoder", "transformers")
    path = Path(folder).expanduser()
    for place in (path, path / "0_Transformer"):
        if (place / "config.json").is_file():
            return place
    raise HoldfastError(
        f"{safe_name(folder)} holds no sentence encoder; expected a folder with config.json, "
        "weights and tokenizer, as save_pretrained of transformers writes it. Nothing is "
        "downloaded, so a name of the hub is not enough"
    )


def _vectors(texts: Sequence[str], path: Path) -> np.ndarray:
    """The vectors of texts, computed."""
    from transformers import AutoModel, AutoTokenizer

    with reading(f"encoder {safe_name(str(path))}", "a network of transformers"):
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        network = AutoModel.from_pretrained(path, local_files_only=True).eval()
    places = getattr(network.config, "max_position_embeddings", LONGEST)
    longest = min(LONGEST, places, tokenizer.model_max_length)
    takes_first = _takes_first(path)
    vectors = []
    for first in range(0, len(texts), AT_ONCE):
        batch = tokenizer(
            list(texts[first : first + AT_ONCE]),
            padding=True,
            truncation=True,
            max_length=longest,
            return_tensors="pt",
        )
        with torch.no_grad():
            hidden = network(**batch).last_hidden_state
        pooled = hidden[:, 0] if takes_first else _mean(hidden, batch["attention_mask"])
        vectors.append(torch.nn.functional.normalize(pooled, dim=1).float().numpy())
    return np.concatenate(vectors)


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens of each text, (B, T, D) → (B, D). Padding does not count."""
    weights = mask[..., None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def _takes_first(path: Path) -> bool:
    """Whether the vector of a text is that of its first token."""
    for base in (path, path.parent):
        file = base / "1_Pooling" / "config.json"
        if file.is_file():
            with reading(f"{safe_name(str(file))}", "JSON"):
                return bool(json.loads(file.read_text())["pooling_mode_cls_token"])
    return False
