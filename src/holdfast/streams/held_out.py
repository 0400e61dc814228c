"""Which examples are held out: a share of each class, whole groups, and never all of a class."""

from collections.abc import Sequence

import numpy as np

from holdfast.errors import HoldfastError


def codes(values: np.ndarray) -> np.ndarray:
    """Number the values by first appearance, so that renaming the values changes nothing."""
    _, first, inverse = np.unique(np.asarray(values), return_index=True, return_inverse=True)
    # np.unique numbers the values by size, and `rank` turns that into the order of appearance.
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.ravel()]


def held_out(
    classes: np.ndarray, share: float, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Draw `share` of the examples of each class.

    Of a class with n examples round(share · n) are held out: at least one if the class has two or
    more, and never all of them. The draw depends on the seed, on which examples belong to the same
    class, and on the groups. It doesn't depend on the names of the classes, so copies of a data
    set give the same draw.

    Args:
        classes: The class of each example, (N,), of any kind.
        share: The share to hold out, in (0, 1).
        seed: The seed of the draw.
        groups: The group of each example, (N,), such as a user, a patient or an original image.
            Whole groups are then drawn, so each class gets its share only as far as the groups
            allow. None: the examples are unrelated.

    Returns:
        A boolean mask, (N,), True for the examples that are held out. It is False everywhere if
        every class has only one example; callers refuse that, because they know what the examples
        are.

    Raises:
        HoldfastError: Every group holds all examples of some class, so none can be held out.

    Example:
        >>> held_out(np.array([0, 0, 0, 0, 1, 1, 2]), 0.25, seed=0).sum()
        np.int64(2)
    """
    class_of = codes(classes)
    if groups is not None:
        return _hold_out_groups(class_of, share, seed, codes(groups))
    mask = np.zeros(len(class_of), dtype=bool)
    for number in range(int(class_of.max(initial=-1)) + 1):
        # Each class has its own generator, so adding a class doesn't change the other draws.
        generator = np.random.default_rng([seed, number])
        rows = generator.permutation(np.flatnonzero(class_of == number))
        mask[rows[: _target(len(rows), share)]] = True
    return mask


def _target(size: int, share: float) -> int:
    """How many examples of a class of this size should be held out."""
    return min(max(round(size * share), 1), size - 1)


def _hold_out_groups(
    class_of: np.ndarray, share: float, seed: int, group_of: np.ndarray
) -> np.ndarray:
    """Take groups in random order as long as they bring the classes nearer to their share."""
    sizes = np.bincount(class_of)
    targets = np.array([_target(size, share) for size in sizes])
    counts_so_far = np.zeros_like(sizes)  # held-out examples of each class
    order = np.argsort(group_of, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(group_of[order])) + 1)
    mask = np.zeros(len(class_of), dtype=bool)
    for group in np.random.default_rng([seed, len(members)]).permutation(len(members)):
        # A group counts for all classes of its examples at once.
        counts = np.bincount(class_of[members[group]], minlength=len(sizes))
        after = counts_so_far + counts
        # Some class would have nothing left to train on.
        if (after >= sizes)[counts > 0].any():
            continue
        # Greedy: the group is taken if the counts come nearer to the targets in sum.
        if np.abs(targets - after).sum() < np.abs(targets - counts_so_far).sum():
            counts_so_far = after
            mask[members[group]] = True
    if not mask.any():
        # Every group is larger than the share, but an empty held-out part would be useless.
        mask[_smallest_group(members, class_of, sizes)] = True
    return mask


def _smallest_group(
    members: list[np.ndarray], class_of: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """The rows of the smallest group that leaves examples of every class."""
    for rows in sorted(members, key=len):
        counts = np.bincount(class_of[rows], minlength=len(sizes))
        if (counts < sizes)[counts > 0].all():
            return rows
    raise HoldfastError(
        f"no group can be held out, because each of the {len(members)} group(s) holds all examples "
        "of some class; use finer groups, or provide test examples of your own"
    )


def held_out_of_all(
    classes: Sequence[np.ndarray],
    share: float,
    seed: int,
    groups: Sequence[np.ndarray | None],
) -> list[np.ndarray]:
    """Apply `held_out` to several data sets at once.

    If no data set has groups, each one is drawn by itself. Otherwise all are drawn together, so
    that a user who appears in two of them is held out in both or in neither.

    Args:
        classes: For each data set, the class of each example.
        share: The share to hold out, in (0, 1).
        seed: The seed of the draw.
        groups: For each data set, the group of each example, or None.

    Returns:
        A boolean mask for each data set.
    """
    if all(group_of is None for group_of in groups):
        return [held_out(class_of, share, seed) for class_of in classes]
    relatives = [
        _relatives(len(class_of), group_of)
        for class_of, group_of in zip(classes, groups, strict=True)
    ]
    # The classes of different data sets are different classes, even if they have equal names.
    strata = [
        np.array([f"{number} {label}" for label in class_of])
        for number, class_of in enumerate(classes)
    ]
    joint = held_out(np.concatenate(strata), share, seed, np.concatenate(relatives))
    return np.split(joint, np.cumsum([len(class_of) for class_of in classes])[:-1])


def _relatives(size: int, group_of: np.ndarray | None) -> np.ndarray:
    """A name for the group of each row, under which equal groups of all data sets meet."""
    if group_of is None:
        # The rows are unrelated, but row k of two copies of a data set is the same example.
        return np.array([f"row {row}" for row in range(size)])
    return np.array([f"group {group}" for group in group_of])


def refuse_straddling(
    train: Sequence[np.ndarray | None], test: Sequence[np.ndarray | None]
) -> None:
    """Refuse groups that have both training and test examples.

    Args:
        train: For each data set, the group of each training example, or None.
        test: For each data set, the group of each test example, or None.

    Raises:
        HoldfastError: A group is on both sides, so the test would see relatives of training
            examples.
    """
    shared = sorted(_group_names(train) & _group_names(test))
    if not shared:
        return
    raise HoldfastError(
        f"{len(shared)} group(s) have training and test examples, such as {shared[0]!r}; all "
        "examples of a group must be on one side: move them there, or let Holdfast draw the test "
        "share"
    )


def _group_names(groups: Sequence[np.ndarray | None]) -> set[str]:
    """The names of all groups of several data sets."""
    names: set[str] = set()
    for group_of in groups:
        if group_of is not None:
            names.update(str(group) for group in group_of)
    return names
