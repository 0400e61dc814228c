"""Static embeddings of tokens: the tensor and the tokenizer of model2vec and similar packages."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from holdfast.errors import HoldfastError, require
from holdfast.text import safe_name

# model2vec, and sentence-transformers and wordllama.
TENSORS = ("embeddings", "embedding.weight")


def token_means(texts: Sequence[str], tensors: Path, tokenizer: Path | None) -> np.ndarray:
    """Average the vectors of the tokens of each text.

    Args:
        texts: The texts.
        tensors: A .safetensors file with `embeddings` or `embedding.weight`, (V, D). If it has
            `weights`, (V,), they multiply the vectors of tokens. If it has `mapping`, (V,), it
            gives the row of each token.
        tokenizer: The tokenizer, as the package tokenizers writes it.

    Returns:
        The means, (N, D), float32. A text without tokens has zeros.

    Raises:
        HoldfastError: There is no such tensor, or the tokenizer does not belong to it.
        MissingExtra: The package tokenizers is not installed.

    References:
        The equations are those of model2vec's `StaticModel.encode`.
    """
    require("text", "tokenizers")
    from safetensors.torch import load_file

    if tokenizer is None:
        raise HoldfastError("vectors of tokens need a tokenizer")
    held = load_file(tensors)
    vectors = _vectors(held, tensors)
    rows_of = held.get("mapping")
    tokens = len(vectors)
    if rows_of is not None:
        tokens = len(rows_of)
    means = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
    for place, numbers in enumerate(_numbers(texts, tokenizer)):
        if not numbers:
            continue
        if max(numbers) >= tokens:
            raise HoldfastError(
                f"its tokenizer {safe_name(tokenizer.name)} has a token number {max(numbers)}, but "
                f"{safe_name(tensors.name)} has vectors of {tokens} tokens, so they do not belong "
                "together; put the tokenizer of these vectors beside them"
            )
        chosen = torch.tensor(numbers)
        rows = chosen
        if rows_of is not None:
            rows = rows_of[chosen].long()
        of_tokens = vectors[rows].float()
        if "weights" in held:
            of_tokens = of_tokens * held["weights"][chosen].float()[:, None]
        means[place] = of_tokens.mean(0).numpy()
    return means


def _vectors(held: dict[str, torch.Tensor], file: Path) -> torch.Tensor:
    """The vectors among the tensors of a file, (V, D)."""
    for name in TENSORS:
        if name in held and held[name].dim() == 2:
            return held[name]
    raise HoldfastError(
        f"{safe_name(file.name)} has no tensor {' or '.join(TENSORS)}, so it is no static model; "
        "if it is a network of transformers, give it with --backbone instead"
    )


def _numbers(texts: Sequence[str], file: Path) -> list[list[int]]:
    """The numbers of the tokens of each text, without those for what the tokenizer can't read."""
    from tokenizers import Tokenizer

    content = file.read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_str(content)
    # The file may ask for the length that a network was trained with.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model = json.loads(content)["model"]
    unknown = model.get("unk_id")
    if model.get("unk_token") is not None:
        unknown = tokenizer.token_to_id(model["unk_token"])
    encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [[number for number in one.ids if number != unknown] for one in encoded]
