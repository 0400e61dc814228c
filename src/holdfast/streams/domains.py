"""The same classes, other inputs: permuted and rotated images, and sequences of different data sets."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.streams.build import Piece, Source, build
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
        turn = torch.tensor([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]], dtype=torch.float32, device=x.device)
        grid = F.affine_grid(turn.expand(len(images), 2, 3), list(images.shape), align_corners=False)
        out = F.grid_sample(images.float(), grid, align_corners=False)
        return (out.round().to(torch.uint8) if x.dtype == torch.uint8 else out.to(x.dtype)).view_as(x)


def _refuse_class(scenario: str, what: str) -> None:
    if scenario == "class":
        raise HoldfastError(
            f"{what} tasks share the same classes, so the class scenario has no new classes to add; use scenario='domain' or 'task'"
        )


def _repeated(
    source: Source, names: Sequence[str], transforms: Sequence[Callable | None], scenario: str, what: str, **rest: object
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
) -> Stream:
    """`tasks` tasks, each the whole data set under its own permutation of the input values (drawn by `seed`)."""
    size = int(np.prod(source.train_x.shape[1:]))
    draws = [torch.from_numpy(np.random.default_rng([seed, k]).permutation(size)) for k in range(tasks)]
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
) -> Stream:
    """`tasks` tasks, each the whole data set turned by its own angle: given, or drawn uniformly from [0°, 180°) by `seed`."""
    if source.train_x.dim() < 3:
        raise HoldfastError(f"rotation needs images (N, H, W) or (N, C, H, W), got inputs of shape {tuple(source.train_x.shape)}")
    angles = list(degrees) if degrees is not None else np.random.default_rng(seed).uniform(0, 180, tasks).tolist()
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
    )


def sequence(sources: Sequence[Source], scenario: str, *, validation: float = 0.0, seed: int = 0, augment: Augment | None = None) -> Stream:
    """One task for each data set, in order. Class scenario: equal labels of different data sets are different classes."""
    shapes = {tuple(s.train_x.shape[1:]) for s in sources}
    if len(shapes) > 1:
        raise HoldfastError(f"all data sets of a sequence need inputs of one shape, got {sorted(shapes)}; resize or pad them first")
    if scenario == "class":
        sources = [_own_labels(s) for s in sources]
    pieces = [Piece(s.name, s, tuple(s.labels)) for s in sources]
    return build(pieces, scenario, validation=validation, seed=seed, augment=augment, name=" then ".join(s.name for s in sources))


def _own_labels(s: Source) -> Source:
    def rename(labels: np.ndarray) -> np.ndarray:
        return np.array([f"{s.name}:{v}" for v in labels.tolist()], dtype=object)

    return Source(s.train_x, rename(s.train_y), s.test_x, rename(s.test_y), s.name)
