"""Tokenizers of the Transformers library: where they are, and what they make of texts."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from holdfast.errors import HoldfastError, reading, require
from holdfast.streams.file_digests import network_digest
from holdfast.text import safe_name

LONGEST = 512  # tokens of a text, unless more are asked for
CONFIG = "config.json"
INNER = "0_Transformer"  # the folder of the network inside a folder of sentence-transformers
GGUF = ".gguf"
IDS = "input_ids"


@runtime_checkable
class GivesTokens(Protocol):
    """A tokenizer of the Transformers library."""

    model_max_length: int

    def __call__(self, text: Any, **options: Any) -> Mapping[str, Any]:
        """The numbers of the tokens of texts, under `input_ids`."""
        ...

    def num_special_tokens_to_add(self) -> int:
        """How many marks are put around a text."""
        ...


@dataclass(frozen=True)
class Reading:
    """A tokenizer, and what the network beside it can read.

    Args:
        tokenizer: The tokenizer.
        name: What messages call it.
        most: The most tokens of a text that the network reads. None: it is not known.
        vocabulary: How many tokens the network knows. None: it is not known.
    """

    tokenizer: GivesTokens
    name: str
    most: int | None = None
    vocabulary: int | None = None

    @property
    def marks(self) -> int:
        """How many marks the tokenizer puts around a text."""
        return self.tokenizer.num_special_tokens_to_add()

    def length(self, asked: int | None) -> int:
        """The most tokens of a text.

        Args:
            asked: What the user asked for. None: what the network reads, at most 512.

        Raises:
            HoldfastError: The network reads fewer, or no token would be left.
        """
        # A tokenizer that knows no limit has a very large number here.
        most = self.tokenizer.model_max_length
        if self.most is not None:
            most = min(most, self.most)
        if asked is None:
            return min(LONGEST, most)
        if asked > most:
            raise HoldfastError(
                f"max_length={asked} is more than {self.name} reads, which is {most} tokens; lower "
                "it (--max-length), or leave it out"
            )
        if asked <= self.marks:
            raise HoldfastError(
                f"max_length={asked} leaves no room for a text, because {self.name} adds "
                f"{self.marks} special tokens to each; raise it (--max-length)"
            )
        return asked

    def numbers(self, texts: Sequence[str], longest: int) -> tuple[list[list[int]], int]:
        """Number the tokens of texts.

        Args:
            texts: The texts.
            longest: The most tokens of a text.

        Returns:
            The numbers of each text, and how many texts were cut.
        """
        if not texts:
            return [], 0
        with reading(f"tokenizer of {self.name}", "a tokenizer of transformers"):
            # Whole first, because only then it is known which texts are too long.
            rows: list[list[int]] = self.tokenizer(list(texts), verbose=False)[IDS]
            long = [number for number, row in enumerate(rows) if len(row) > longest]
            if long:
                cut = self.tokenizer(
                    [texts[number] for number in long], truncation=True, max_length=longest
                )
                for number, row in zip(long, cut[IDS], strict=True):
                    rows[number] = row
        return rows, len(long)


def opened(source: str | Path | GivesTokens) -> Reading:
    """Load a tokenizer, or take one that is loaded.

    Args:
        source: The folder of a network with its tokenizer, a GGUF file, a name of the Hugging Face
            hub, or a tokenizer.

    Raises:
        HoldfastError: There is no such tokenizer, or it can't be read.
        MissingExtra: A package that reads it is not installed.
    """
    if isinstance(source, GivesTokens):
        return Reading(source, type(source).__name__)
    if not isinstance(source, str | Path):
        raise HoldfastError(
            f"expected a tokenizer of transformers, the folder of one, or a name of the hub, got "
            f"{type(source).__name__}"
        )
    require("encoder", "transformers")
    from transformers import AutoTokenizer

    place = _place_of(source)
    name = safe_name(str(source))
    options: dict[str, Any] = {"local_files_only": place.local}
    # A tokenizer beside a GGUF file is exact, and the one inside has to be converted.
    if place.gguf and not (Path(place.folder) / "tokenizer.json").is_file():
        options["gguf_file"] = place.gguf
    try:
        with _quiet_library(), reading(f"tokenizer of {name}", "a tokenizer of transformers"):
            tokenizer: GivesTokens = AutoTokenizer.from_pretrained(place.folder, **options)
            config = _config(place)
    except HoldfastError as error:
        if place.local:
            raise
        raise HoldfastError(
            f"there is no folder {name}, and on the Hugging Face hub the {error}; give the path of "
            "the folder of a model with its tokenizer"
        ) from None
    return Reading(tokenizer, name, config.get("max_position_embeddings"), config.get("vocab_size"))


@dataclass(frozen=True)
class _Place:
    """Where a tokenizer is: a folder or a name of the hub, and the GGUF file in the folder."""

    folder: str
    local: bool = True
    gguf: str = ""


def _place_of(source: str | Path) -> _Place:
    """Find the place of a tokenizer."""
    path = Path(source).expanduser()
    if path.suffix == GGUF and path.is_file():
        require("transformers", "gguf")
        return _Place(str(path.parent), gguf=path.name)
    if not path.is_dir():
        return _Place(str(source), local=False)
    if (path / INNER / CONFIG).is_file():
        path = path / INNER
    return _Place(str(path))


def _config(place: _Place) -> Mapping[str, Any]:
    """The configuration of the network beside a tokenizer; empty if there is none."""
    file = Path(place.folder) / CONFIG
    if file.is_file():
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    elif place.gguf or not place.local:
        from transformers import AutoConfig

        options = {"gguf_file": place.gguf} if place.gguf else {}
        loaded = AutoConfig.from_pretrained(place.folder, local_files_only=place.local, **options)
        config = loaded.to_dict()
    else:
        return {}
    # A network of texts and images keeps that of the texts apart.
    return config.get("text_config") or config


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Inside, the library reports no progress and no details."""
    from transformers import logging

    # Its functions have no types.
    library: Any = logging
    verbosity = library.get_verbosity()
    library.set_verbosity_error()
    try:
        yield
    finally:
        library.set_verbosity(verbosity)


def content_of(source: str | Path | GivesTokens) -> str | None:
    """Compute what identifies the tokens that a tokenizer makes of texts.

    Args:
        source: As for `opened`.

    Returns:
        A digest, or None if the tokenizer does not say what it does.
    """
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if path.is_dir() or path.is_file():
            return network_digest(path)
        source = opened(source).tokenizer
    backend = getattr(source, "backend_tokenizer", None)
    if backend is None:
        return None
    plain: dict[str, Any] = json.loads(backend.to_str())
    # What the last call asked for says nothing about the tokenizer.
    for name in ("truncation", "padding"):
        plain.pop(name, None)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
