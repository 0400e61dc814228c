"""The same classes, other inputs: permuted and rotated images, and sequences of different data sets."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.streams.build import Piece, Source, build, whole
from holdfast.streams.task import Augment, Stream


class Permute:
    """Reorders all input values by a fixed permutation (callable on raw inputs, (N, ...) → (N, ...))."""

    def __init__(self, permutation: Tensor) -> None:
        self.permutation = permutation

    def __call__(self, x: Tensor) -> Tensor:
        self.permutation = self.permutation.to(x.device)
        return x.flatten(1)[:, self.permutation].view_as(x)


class Rotate:
    """Turns images by a fixed angle in degrees (bilinear, zeros outside), rounding uint8 images back to uint8."""

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, H, W) or (N, H, W) → the same."""
        images = x if x.dim() == 4 else x[:, None]
        a = np.deg2rad(self.degrees)
        turn = torch.tensor(
            [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]],
            dtype=torch.float32,
            device=x.device,
        )
        grid = F.affine_grid(
            turn.expand(len(images), 2, 3), list(images.shape), align_corners=False
        )
        out = F.grid_sample(images.float(), grid, align_corners=False)
        return (out.round().to(torch.uint8) if x.dtype == torch.uint8 else out.to(x.dtype)).view_as(
            x
        )


def _permutation(seed: int, k: int, size: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng([whole("seed", seed), k]).permutation(size))


def _refuse_class(scenario: str, what: str) -> None:
    if scenario == "class":
        raise HoldfastError(
            f"{what} tasks share the same classes, so the class scenario has no new classes to add; use scenario='domain' or 'task'"
        )


def _repeated(
    source: Source,
    names: Sequence[str],
    transforms: Sequence[Callable | None],
    scenario: str,
    what: str,
    **rest: object,
) -> Stream:
    _refuse_class(scenario, what)
    labels = tuple(source.labels)
    pieces = [Piece(n, source, labels, t) for n, t in zip(names, transforms, strict=True)]
    return build(pieces, scenario, name=f"{what}-{source.name}", **rest)  # type: ignore[arg-type]


def permuted(
    source: Source,
    tasks: int,
    scenario: str = "domain",
    *,
    seed: int = 0,
    first_identity: bool = False,
    validation: float = 0.0,
    augment: Augment | None = None,
    task_order: Sequence[int] | None = None,
) -> Stream:
    """`tasks` tasks, each the whole data set under its own permutation of the input values (drawn by `seed`)."""
    whole("tasks", tasks, 1)
    size = int(np.prod(source.train_x.shape[1:]))
    draws = [_permutation(seed, k, size) for k in range(tasks)]
    transforms = [None if first_identity and k == 0 else Permute(p) for k, p in enumerate(draws)]
    return _repeated(
        source,
        [f"permutation {k}" for k in range(tasks)],
        transforms,
        scenario,
        "permuted",
        validation=validation,
        seed=seed,
        augment=augment,
        task_order=task_order,
    )


def rotated(
    source: Source,
    tasks: int,
    scenario: str = "domain",
    *,
    seed: int = 0,
    degrees: Sequence[float] | None = None,
    validation: float = 0.0,
    augment: Augment | None = None,
    task_order: Sequence[int] | None = None,
) -> Stream:
    """`tasks` tasks, each the whole data set turned by its own angle: given, or drawn uniformly from [0°, 180°) by `seed`."""
    if source.train_x.dim() < 3:
        raise HoldfastError(
            f"rotation needs images (N, H, W) or (N, C, H, W), got inputs of shape {tuple(source.train_x.shape)}"
        )
    whole("tasks", tasks, 1)
    angles = (
        list(degrees)
        if degrees is not None
        else np.random.default_rng(whole("seed", seed)).uniform(0, 180, tasks).tolist()
    )
    if len(angles) != tasks:
        raise HoldfastError(f"expected {tasks} angles, got {len(angles)}")
    return _repeated(
        source,
        [f"{k}: {a:.1f} degrees" for k, a in enumerate(angles)],
        [Rotate(a) for a in angles],
        scenario,
        "rotated",
        validation=validation,
        seed=seed,
        augment=augment,
        task_order=task_order,
    )


def sequence(
    sources: Sequence[Source],
    scenario: str,
    *,
    transforms: Sequence[Callable | None] = (),
    names: Sequence[str] = (),
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
    task_order: Sequence[int] | None = None,
    numbering: str = "label",
) -> Stream:
    """One task for each data set, in order. Class scenario: equal labels of different tasks are different classes.

    `numbering`: in the domain scenario a label has one output in all tasks (`label`), or label number k of each
    data set is output k (`position`). `transforms`: of the inputs of each (None: as they are). `names`: of the
    tasks (default: those of the data sets).
    """
    shapes = {tuple(s.train_x.shape[1:]) for s in sources}
    if len(shapes) > 1:
        raise HoldfastError(
            f"all data sets of a sequence need inputs of one shape, got {sorted(shapes)}; resize or pad them first"
        )
    if not sources:
        raise HoldfastError("a sequence needs at least one data set, got none")
    titles = names or [s.name for s in sources]
    for what, given in (("names", titles), ("transforms", transforms or titles)):
        if len(given) != len(sources):
            raise HoldfastError(
                f"{what} must list one entry per data set: expected {len(sources)}, got {len(given)}"
            )
    if scenario == "class":
        sources = [_own_labels(s, n) for s, n in zip(sources, titles, strict=True)]
    how = transforms or [None] * len(sources)
    pieces = [Piece(n, s, tuple(s.labels), t) for n, s, t in zip(titles, sources, how, strict=True)]
    rest: dict[str, Any] = {
        "validation": validation,
        "seed": seed,
        "augment": augment,
        "task_order": task_order,
    }
    return build(pieces, scenario, numbering=numbering, name=" then ".join(titles), **rest)


def mixture(
    pieces: Sequence[str],
    find: Callable[[str], Source],
    scenario: str,
    *,
    validation: float = 0.0,
    seed: int = 0,
    task_order: Sequence[int] | None = None,
) -> Stream:
    """Tasks of different kinds: each piece is a data set, `ylecun/mnist`, turned, `ylecun/mnist:rotate=90`, or permuted by a seed,
    `ylecun/mnist:permute=1`. `find` gives a source by its name; images are resized to those of the first piece.
    """
    found = [_piece(p) for p in pieces]
    by_name = {name: find(name) for name, _, _ in found}  # one source for all pieces that read it
    sources = [by_name[name] for name, _, _ in found]
    shape = tuple(sources[0].train_x.shape[1:])
    transforms = [
        None
        if kind is None
        else Rotate(amount)
        if kind == "rotate"
        else Permute(_permutation(int(amount), 0, math.prod(shape)))
        for _, kind, amount in found
    ]
    names = [p.partition("/")[2] or p for p in pieces]
    rest: dict[str, Any] = {"validation": validation, "seed": seed, "task_order": task_order}
    return sequence(
        [_resized(s, shape) for s in sources], scenario, transforms=transforms, names=names, **rest
    )


def _piece(text: str) -> tuple[str, str | None, float]:
    """Name, kind of transform and its amount.

    >>> _piece("ylecun/mnist:rotate=90"), _piece("digits")
    (('ylecun/mnist', 'rotate', 90.0), ('digits', None, 0.0))
    """
    name, given, transform = text.partition(":")
    kind, _, amount = transform.partition("=")
    if not given:
        return name, None, 0.0
    try:
        if kind not in ("rotate", "permute"):
            raise ValueError
        return name, kind, float(amount)
    except ValueError:
        raise HoldfastError(
            f"piece {text!r} cannot be read; expected NAME, NAME:rotate=DEGREES or NAME:permute=SEED"
        ) from None


def _resized(s: Source, shape: tuple[int, ...]) -> Source:
    """Images (C, H, W) of a source as large as others (bilinear)."""
    own = tuple(s.train_x.shape[1:])
    if own == shape:
        return s
    if len(own) != 3 or own[0] != shape[0]:
        raise HoldfastError(
            f"{s.name} has inputs of shape {own}, the first piece {shape}; only images of as many channels are resized"
        )

    def resize(x: Tensor) -> Tensor:
        out = F.interpolate(x.float(), shape[1:], mode="bilinear", align_corners=False)
        return out.round().to(torch.uint8) if x.dtype == torch.uint8 else out.to(x.dtype)

    return replace(s, train_x=resize(s.train_x), test_x=resize(s.test_x))


def _own_labels(s: Source, name: str) -> Source:
    def rename(labels: np.ndarray) -> np.ndarray:
        return np.array([f"{name}:{v}" for v in labels.tolist()], dtype=object)

    return replace(s, train_y=rename(s.train_y), test_y=rename(s.test_y), label_groups=None)
