"""The loss landscape between solutions: on the line θ_A → θ_B, and on the plane through θ_A, θ_B and θ_joint with the path of training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from holdfast.diagnostics.rows import Rows
from holdfast.engine.parameters import ParameterSpace
from holdfast.errors import HoldfastError


@dataclass(frozen=True)
class Plane:
    """Losses (tasks, rows, columns) over coordinates `x` (columns) and `y` (rows) in units of θ; points and path as (x, y).

    The first axis goes from A to B; A is the origin. `outside`: share of the path's squared length that leaves the plane.
    """

    x: np.ndarray
    y: np.ndarray
    losses: np.ndarray
    points: dict[str, tuple[float, float]]
    path: np.ndarray
    outside: float


def losses_on_line(
    space: ParameterSpace, a: Tensor, b: Tensor, tasks: Sequence[Rows], points: int = 21
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (points,) from 0 at `a` to 1 at `b`, and the losses (tasks, points). θ is left as it was."""
    at = np.linspace(0, 1, points)
    return at, _losses(space, [a + float(t) * (b - a) for t in at], tasks)


def losses_on_plane(
    space: ParameterSpace,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    tasks: Sequence[Rows],
    path: Sequence[Tensor] = (),
    points: int = 17,
    margin: float = 0.3,
) -> Plane:
    """Losses on the plane through three solutions, `margin` wider than they are, and the path projected on it."""
    u = b - a
    length = float(u.norm())
    if not length:
        raise HoldfastError(
            "the first two solutions are the same point; there is no plane through them"
        )
    u = u / length
    v = (c - a) - ((c - a) @ u) * u
    height = float(v.norm())
    if height < 1e-6 * length:
        raise HoldfastError("the three solutions lie on one line; there is no plane through them")
    v = v / height

    def place(theta: Tensor) -> tuple[float, float]:
        return float((theta - a) @ u), float((theta - a) @ v)

    corners = {"A": place(a), "B": place(b), "joint": place(c)}
    xs, ys = ([p[k] for p in corners.values()] for k in (0, 1))
    pads = [margin * (max(w) - min(w)) for w in (xs, ys)]
    grid_x, grid_y = (
        np.linspace(min(w) - pad, max(w) + pad, points)
        for w, pad in zip((xs, ys), pads, strict=True)
    )
    found = _losses(space, [a + float(x) * u + float(y) * v for y in grid_y for x in grid_x], tasks)
    walked = np.array([place(t) for t in path]).reshape(-1, 2)
    moved = sum(float((t - a).square().sum()) for t in path)
    inside = float((walked**2).sum())
    return Plane(
        grid_x,
        grid_y,
        found.reshape(len(tasks), points, points),
        corners,
        walked,
        1 - inside / moved if moved else 0.0,
    )


def _losses(space: ParameterSpace, thetas: Sequence[Tensor], tasks: Sequence[Rows]) -> np.ndarray:
    kept = space.theta.clone()
    out = np.zeros((len(tasks), len(thetas)))
    try:
        for k, theta in enumerate(thetas):
            with torch.no_grad():
                space.theta.copy_(theta)
            out[:, k] = [t.value(space.module) for t in tasks]
    finally:
        with torch.no_grad():
            space.theta.copy_(kept)
    return out
