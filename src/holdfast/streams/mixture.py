"""Mixtures: tasks of different kinds in one stream, each described by a short text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import need_one_tensor
from holdfast.streams.domains import sequence
from holdfast.streams.source import Source
from holdfast.streams.task import Stream
from holdfast.streams.transforms import Permute, Rotate, in_dtype_of, random_permutation
from holdfast.streams.types import Transform

KINDS = ("rotate", "permute")


def mixture(
    pieces: Sequence[str],
    find: Callable[[str], Source],
    scenario: str,
    *,
    validation: float = 0.0,
    seed: int = 0,
    task_order: Sequence[int] | None = None,
) -> Stream:
    """Make a stream of tasks of different kinds.

    Args:
        pieces: What each task is: a data set ("ylecun/mnist"), a data set rotated by an angle in
            degrees ("ylecun/mnist:rotate=90"), or a data set permuted by a seed
            ("ylecun/mnist:permute=1").
        find: Returns the data set of a name. It is called once per name. Images are resized to
            the size of those of the first piece.
        scenario: "task", "domain" or "class". In the class scenario equal labels of different
            pieces are different classes.
        validation: The share of each class's training examples to set aside, in [0, 1). 0: none.
        seed: The seed of the validation draw.
        task_order: The numbers of the pieces to learn, in order. None: all of them as they come.

    Raises:
        HoldfastError: A piece can't be read, or its inputs can't be resized.

    Example:
        >>> from holdfast.streams import digits
        >>> s = mixture(["digits", "digits:rotate=30"], lambda name: digits(), "domain")
        >>> [task.name for task in s]
        ['digits', 'digits:rotate=30']
    """
    described = [_read(piece) for piece in pieces]
    # Pieces of one data set share its source, so that they hold out the same examples.
    by_name: dict[str, Source] = {}
    for piece in described:
        if piece.source_name not in by_name:
            by_name[piece.source_name] = find(piece.source_name)
    sources = [by_name[piece.source_name] for piece in described]
    shape = _shape_of(sources[0])
    return sequence(
        [_resized(source, shape) for source in sources],
        scenario,
        transforms=[_transform(piece, shape) for piece in described],
        names=[_task_name(piece) for piece in pieces],
        validation=validation,
        seed=seed,
        task_order=task_order,
    )


@dataclass(frozen=True)
class _Described:
    """What the text of a piece says: the name of a data set, and how it is transformed."""

    source_name: str
    kind: str | None = None
    amount: float = 0.0


def _read(piece: str) -> _Described:
    """Read the text of a piece.

    >>> _read("ylecun/mnist:rotate=90")
    _Described(source_name='ylecun/mnist', kind='rotate', amount=90.0)
    >>> _read("digits")
    _Described(source_name='digits', kind=None, amount=0.0)
    """
    name, colon, transform = piece.partition(":")
    if not colon:
        return _Described(name)
    kind, _, amount = transform.partition("=")
    refused = HoldfastError(
        f"piece {piece!r} cannot be read; expected NAME, NAME:rotate=DEGREES or NAME:permute=SEED"
    )
    # A colon announces a transform, so a misspelled one is not a part of the name.
    if kind not in KINDS:
        raise refused
    try:
        return _Described(name, kind, float(amount))
    except ValueError:
        raise refused from None


def _task_name(piece: str) -> str:
    """The text of a piece without the owner of the data set."""
    _, _, name = piece.partition("/")
    return name or piece


def _transform(piece: _Described, shape: tuple[int, ...]) -> Transform | None:
    """The change of the inputs of a piece."""
    if piece.kind is None:
        return None
    if piece.kind == "rotate":
        return Rotate(piece.amount)
    # The seed of the piece decides alone, so the same piece is the same task in any stream.
    return Permute(random_permutation(int(piece.amount), 0, math.prod(shape)))


def _resized(source: Source, shape: tuple[int, ...]) -> Source:
    """The source with images (C, H, W) of another size, bilinearly."""
    old_shape = _shape_of(source)
    if old_shape == shape:
        return source
    if len(old_shape) != 3 or old_shape[0] != shape[0]:
        raise HoldfastError(
            f"{source.name} has inputs of shape {old_shape}, but the first piece has {shape}; only "
            "images with the same number of channels can be resized"
        )

    def resize(x: Tensor) -> Tensor:
        return in_dtype_of(
            x, F.interpolate(x.float(), shape[1:], mode="bilinear", align_corners=False)
        )

    train, test = (need_one_tensor(x, "a mixture") for x in (source.train_x, source.test_x))
    return replace(source, train_x=resize(train), test_x=resize(test))


def _shape_of(source: Source) -> tuple[int, ...]:
    """The shape of one input."""
    return tuple(need_one_tensor(source.train_x, "a mixture").shape[1:])
