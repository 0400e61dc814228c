"""Which group of an optimizer a new parameter of a network joins."""

from collections.abc import Mapping, Sequence
from functools import partial

HEAD = "head"  # the name of the head in every network


def home_of(
    name: str, homes: Mapping[str, int], groups: Sequence[Mapping[str, Sequence[object]]]
) -> int:
    """Choose the group that a new parameter joins.

    It is the group of the parameter that is nearest in the module tree: the weight of the layer
    beside it for a weight, the bias for a bias. If no parameter is in the same part of the network,
    a parameter of the head joins the group that was empty, because a head may have no parameter
    when an optimizer is made. Otherwise it joins the group of all parameters of its kind (weight or
    bias), or the first group if they are in several.

    Args:
        name: The name of the new parameter.
        homes: The numbers of the groups of the other parameters, by name.
        groups: The groups of the optimizer.

    Returns:
        The number of the group.

    Example:
        >>> homes = {"net.0.weight": 0, "net.0.bias": 1, "head.0.weight": 2, "head.0.bias": 3}
        >>> groups = [{"params": [0]}] * 4
        >>> home_of("head.1.weight", homes, groups), home_of("head.1.bias", homes, groups)
        (2, 3)
    """
    # Of several that are equally near, the newest counts.
    nearest = max(reversed(list(homes)), key=partial(_nearness, name), default="")
    shared_parts, _ = _nearness(name, nearest)
    if shared_parts:
        return homes[nearest]
    empty = [number for number, group in enumerate(groups) if not group["params"]]
    if empty and name.split(".")[0] == HEAD:
        return empty[0]
    kind = name.rpartition(".")[2]
    of_kind = {number for other, number in homes.items() if other.rpartition(".")[2] == kind}
    if len(of_kind) == 1:
        return of_kind.pop()
    return 0


def _nearness(name: str, other: str) -> tuple[int, int]:
    """Count how many parts of two names agree: from the start, and in all."""
    agree = [a == b for a, b in zip(name.split("."), other.split("."), strict=False)]
    from_start = [*agree, False].index(False)
    return from_start, sum(agree)
