"""The loss landscape between solutions: on a line through two, and on a plane through three."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from holdfast.diagnostics.sample import Sample
from holdfast.engine.parameters import ParameterSpace
from holdfast.errors import HoldfastError

NAMES = ("A", "B", "joint")
FLAT = 1e-6  # of the distance A to B: three solutions nearer to one line than this span no plane


@dataclass(frozen=True)
class Plane:
    """Losses on a plane through three solutions A, B and joint.

    Coordinates are distances in the space of θ. The origin is A, and the first axis goes to B.

    Args:
        x: First coordinates of the grid, (columns,).
        y: Second coordinates of the grid, (rows,).
        losses: The loss of each task at each point of the grid, (tasks, rows, columns).
        points: The coordinates (x, y) of "A", "B" and "joint".
        path: The coordinates of each point of the path of training, projected on the plane, (T, 2).
        outside: How much the path leaves the plane: the share of its squared distances from A that
            the projection loses, from 0 to 1.
    """

    x: np.ndarray
    y: np.ndarray
    losses: np.ndarray
    points: dict[str, tuple[float, float]]
    path: np.ndarray
    outside: float


@dataclass(frozen=True)
class _Axes:
    """An origin in the space of θ and two orthogonal directions of length 1."""

    origin: Tensor
    across: Tensor
    up: Tensor

    def coordinates(self, theta: Tensor) -> tuple[float, float]:
        """The coordinates of the projection of θ."""
        offset = theta - self.origin
        return float(offset @ self.across), float(offset @ self.up)

    def theta(self, x: float, y: float) -> Tensor:
        """The point of the plane with these coordinates."""
        return self.origin + x * self.across + y * self.up


def losses_on_line(
    space: ParameterSpace, a: Tensor, b: Tensor, tasks: Sequence[Sample], points: int = 21
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the losses on the straight line between two solutions.

    The parameters are left as they were.

    Args:
        space: The parameters of the module.
        a: The first solution, a vector with the layout of `space.theta`.
        b: The second solution.
        tasks: Examples of each task.
        points: The number of points, both ends included.

    Returns:
        The positions (points,) from 0 at `a` to 1 at `b`, and the losses (tasks, points).

    Example:
        >>> space = ParameterSpace(torch.nn.Linear(2, 2))
        >>> sample = Sample(torch.eye(2), torch.tensor([0, 1]))
        >>> theta = space.theta.detach().clone()
        >>> positions, losses = losses_on_line(space, theta, 2 * theta, [sample], points=3)
        >>> positions.tolist(), losses.shape
        ([0.0, 0.5, 1.0], (1, 3))
    """
    positions = np.linspace(0, 1, points)
    thetas = [a + float(position) * (b - a) for position in positions]
    return positions, _losses(space, thetas, tasks)


def losses_on_plane(
    space: ParameterSpace,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    tasks: Sequence[Sample],
    path: Sequence[Tensor] = (),
    points: int = 17,
    margin: float = 0.3,
) -> Plane:
    """Compute the losses on the plane through three solutions.

    The parameters are left as they were.

    Args:
        space: The parameters of the module.
        a: The solution A of the first task, a vector with the layout of `space.theta`.
        b: The solution B of the second task.
        c: The joint solution of both.
        tasks: Examples of each task.
        path: Parameters during training, which are projected on the plane.
        points: Points of the grid on each axis.
        margin: How far the grid extends beyond the solutions, as a share of their extent.

    Returns:
        The plane with the losses, the solutions and the path.

    Raises:
        HoldfastError: The solutions lie on one line, so they span no plane.
    """
    axes = _axes(a, b, c)
    solutions = {
        name: axes.coordinates(theta) for name, theta in zip(NAMES, (a, b, c), strict=True)
    }
    xs, ys = zip(*solutions.values(), strict=True)
    grid_x = _grid(xs, points, margin)
    grid_y = _grid(ys, points, margin)
    # Row by row, as the losses are arranged below.
    thetas = [axes.theta(float(x), float(y)) for y in grid_y for x in grid_x]
    losses = _losses(space, thetas, tasks)
    # Without a path, the shape is still (0, 2).
    projected = np.array([axes.coordinates(theta) for theta in path]).reshape(-1, 2)
    return Plane(
        x=grid_x,
        y=grid_y,
        losses=losses.reshape(len(tasks), points, points),
        points=solutions,
        path=projected,
        outside=_share_outside(path, projected, a),
    )


def _axes(a: Tensor, b: Tensor, c: Tensor) -> _Axes:
    """The axes of the plane through three points, by Gram-Schmidt."""
    across = b - a
    length = float(across.norm())
    if not length:
        raise HoldfastError(
            "the first two solutions are the same point, so there is no plane through them; give "
            "three different solutions"
        )
    across = across / length
    # What is left of the way to C after its part along the first axis is taken away.
    up = (c - a) - ((c - a) @ across) * across
    height = float(up.norm())
    if height < FLAT * length:
        raise HoldfastError(
            "the three solutions lie on one line, so there is no plane through them; use "
            "losses_on_line"
        )
    return _Axes(a, across, up / height)


def _grid(values: Sequence[float], points: int, margin: float) -> np.ndarray:
    """Equally spaced coordinates that reach beyond all values by a margin."""
    padding = margin * (max(values) - min(values))
    return np.linspace(min(values) - padding, max(values) + padding, points)


def _share_outside(path: Sequence[Tensor], projected: np.ndarray, origin: Tensor) -> float:
    """The share of the path's squared distances from the origin that is outside of the plane."""
    total = sum(float((theta - origin).square().sum()) for theta in path)
    if not total:
        return 0.0
    return 1 - float((projected**2).sum()) / total


def _losses(space: ParameterSpace, thetas: Sequence[Tensor], tasks: Sequence[Sample]) -> np.ndarray:
    """The loss of each task at each point, (tasks, points)."""
    before = space.theta.clone()
    losses = np.zeros((len(tasks), len(thetas)))
    try:
        for number, theta in enumerate(thetas):
            with torch.no_grad():
                space.theta.copy_(theta)
            losses[:, number] = [task.value(space.module) for task in tasks]
    finally:
        # Also after an error or an interruption, the module gets its parameters back.
        with torch.no_grad():
            space.theta.copy_(before)
    return losses
