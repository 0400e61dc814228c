"""Which examples are held out: so many of each class, whole groups of relatives, never all of a class."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError


def codes(values: Any) -> np.ndarray:
    """Values → numbers by first appearance, so that renaming the values changes nothing."""
    _, first, inverse = np.unique(np.asarray(values), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.ravel()]


def held_out(
    classes: np.ndarray, share: float, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Draw `share` of the examples of each class.

    Of a class of n examples round(share · n) are held out, but at least one if it has two or more, and
    never all of them. The draw depends on the seed, on which examples belong to the same class, and on
    the groups, but not on what the classes are called: copies of a data set give the same draw.

    Args:
        classes: The class of each example, (N,), of any kind.
        share: The share held out, in (0, 1).
        seed: Seed of the draw.
        groups: The group of each example, (N,): a user, a patient, an original image. Whole groups are
            then drawn, so the share of each class is kept only as far as the groups allow.

    Returns:
        A boolean mask, (N,), True for examples that are held out. It may be empty if every class has
        one example only; callers refuse that, since they know what the examples are.

    Raises:
        HoldfastError: No group can be held out without taking all examples of a class.

    Example:
        >>> held_out(np.array([0, 0, 0, 0, 1, 1, 2]), 0.25, seed=0).sum()
        np.int64(2)
    """
    of_class = codes(classes)
    if groups is not None:
        return _whole_groups(of_class, share, seed, codes(groups))
    mask = np.zeros(len(of_class), dtype=bool)
    for c in range(int(of_class.max(initial=-1)) + 1):
        rows = np.random.default_rng([seed, c]).permutation(np.flatnonzero(of_class == c))
        mask[rows[: _count(len(rows), share)]] = True
    return mask


def _count(n: int, share: float) -> int:
    """How many of a class of `n` are held out."""
    return min(max(round(n * share), 1), n - 1)


def _whole_groups(
    of_class: np.ndarray, share: float, seed: int, of_group: np.ndarray
) -> np.ndarray:
    """Groups in random order; one is held out if that brings the counts of the classes nearer to their share."""
    sizes = np.bincount(of_class)
    wanted = np.array([_count(n, share) for n in sizes])
    held = np.zeros_like(sizes)
    order = np.argsort(of_group, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(of_group[order])) + 1)
    mask = np.zeros(len(of_class), dtype=bool)
    for g in np.random.default_rng([seed, len(members)]).permutation(len(members)):
        counts = np.bincount(of_class[members[g]], minlength=len(sizes))
        after = held + counts
        if (after >= sizes)[counts > 0].any():
            continue  # nothing of a class would be left to train on
        if np.abs(wanted - after).sum() < np.abs(wanted - held).sum():
            held, mask[members[g]] = after, True
    if not mask.any():
        _hold_smallest(mask, members, of_class, sizes)
    return mask


def _hold_smallest(
    mask: np.ndarray, members: list[np.ndarray], of_class: np.ndarray, sizes: np.ndarray
) -> None:
    """Every group is larger than the share: the smallest one that leaves examples of every class."""
    for rows in sorted(members, key=len):
        counts = np.bincount(of_class[rows], minlength=len(sizes))
        if (counts < sizes)[counts > 0].all():
            mask[rows] = True
            return
    raise HoldfastError(
        f"no group can be held out: each of the {len(members)} group(s) holds all examples of some class; "
        "use finer groups, or give test examples of your own"
    )


def held_out_of_all(
    classes: Sequence[np.ndarray], share: float, seed: int, groups: Sequence[np.ndarray | None]
) -> list[np.ndarray]:
    """`held_out` for several data sets at once.

    Data sets without groups are drawn each for itself. If some have groups, all are drawn together, so that
    a user who appears in two of them is held out in both or in neither.

    Args:
        classes: For each data set the class of each example.
        share: The share held out, in (0, 1).
        seed: Seed of the draw.
        groups: For each data set the group of each example, or None.

    Returns:
        A boolean mask for each data set.
    """
    if all(g is None for g in groups):
        return [held_out(c, share, seed) for c in classes]
    # Rows of a data set without groups are unrelated, but row k of two copies is the same example.
    relatives = [
        np.array([f"row {k}" for k in range(len(c))] if g is None else [f"group {v}" for v in g])
        for c, g in zip(classes, groups, strict=True)
    ]
    strata = [np.array([f"{k} {v}" for v in c]) for k, c in enumerate(classes)]
    joint = held_out(np.concatenate(strata), share, seed, np.concatenate(relatives))
    return np.split(joint, np.cumsum([len(c) for c in classes])[:-1])


def refuse_straddling(
    train: Sequence[np.ndarray | None], test: Sequence[np.ndarray | None]
) -> None:
    """Refuse test examples that are relatives of training examples.

    Args:
        train: The groups of the training examples of each data set, or None.
        test: The same of the test examples.
    """
    inside = {str(g) for groups in train if groups is not None for g in groups}
    outside = {str(g) for groups in test if groups is not None for g in groups}
    shared = sorted(inside & outside)
    if shared:
        raise HoldfastError(
            f"{len(shared)} group(s) have training and test examples, such as {shared[0]!r}; relatives must be "
            "on one side of the cut: move all examples of a group to one side, or let Holdfast draw the test share"
        )
