"""Which examples a memory keeps when its room runs out.

Every policy maps rows that are offered, in order, to slots of the memory. What it needs to remember
are plain numbers, the memory's books:

- `offered`: The number of rows offered so far.
- `filled`: The number of slots in use. They are the first ones.
- `groups`: For each group of rows, the rows offered so far and its slots.
- `full`: The groups that were once the largest (`class_balanced`).
- `next`, `w`: The number of the next row that enters, and the state of its law (`reservoir`).

All decisions are made on the host from uniform numbers, so no step waits for the device.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from torch import Tensor

from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError

POLICIES = (
    "reservoir",
    "class_balanced",
    "ring",
    "per_class",
    "per_task",
    "herding",
    "herding_per_class",
    "coreset",
    "placed",
)
# These sort rows by their labels, which must be output indices.
BY_LABEL = ("class_balanced", "per_class", "herding", "herding_per_class")
# Rows are chosen at a boundary among all examples of a task, not from a stream.
RANKED = ("herding", "herding_per_class", "coreset")
# The capacity counts for each group, so that the memory grows with the number of groups.
GROWING = ("per_class", "per_task", "herding_per_class")

LEAST = 1e-300  # the weight of algorithm L stays above 0, where its logarithm would be lost
MOST = 1 - 1e-16  # and below 1, where every row would enter forever


class Group(TypedDict):
    """The rows of one group: how many were offered, and in which slots those kept are."""

    offered: int
    slots: list[int]


Books = dict[str, Any]
Places = dict[int, int]  # slot → number of the row, among those offered, that goes there
Uniform = Callable[[int], list[float]]  # draws so many numbers in (0, 1)


def new_books() -> Books:
    """The books of a memory that holds nothing."""
    return {"offered": 0, "filled": 0, "groups": {}, "full": []}


def group_of(books: Books, key: str) -> Group:
    """The group of this name, which is new if it has none yet."""
    group: Group = books["groups"].setdefault(key, {"offered": 0, "slots": []})
    return group


def slots_used(books: Books) -> int:
    """The number of slots that all groups have together."""
    return sum(len(group["slots"]) for group in books["groups"].values())


def largest_group(books: Books) -> Group:
    """The group with the most rows, the oldest one of several."""
    groups: list[Group] = list(books["groups"].values())
    return max(groups, key=lambda group: len(group["slots"]))


def keys_of(policy: str, task: Tensor, y: Tensor) -> list[str]:
    """The group of each row.

    Args:
        policy: The policy: one that has groups and takes rows of a stream.
        task: The number of the task of each row, (N,), on the CPU.
        y: The output index of each row, (N,).

    Returns:
        The name of its task (`ring`, `per_task`), its output (`class_balanced`) or both
        (`per_class`).
    """
    tasks = task.tolist()
    if policy in ("ring", "per_task"):
        return [str(number) for number in tasks]
    outputs = y.tolist()
    if policy == "class_balanced":
        return [str(output) for output in outputs]
    return [f"{number}:{output}" for number, output in zip(tasks, outputs, strict=True)]


def places_for(
    books: Books,
    capacity: int,
    policy: str,
    rows: Rows,
    uniform: Uniform,
) -> Places:
    """Decide which of some rows enter a memory, and where.

    Args:
        books: The memory's books. The decision is written into them, except for `offered` and
            `filled`.
        capacity: The capacity of the memory, or of each group if the policy is one of `GROWING`.
        policy: A policy that takes rows of a stream.
        rows: The rows that are offered, in order.
        uniform: Draws uniform numbers.

    Returns:
        For each slot that gets a new row, the number of the row.

    Raises:
        HoldfastError: The policy does not take rows of a stream.
    """
    if policy == "reservoir":
        return reservoir(books, capacity, len(rows), uniform)
    if policy not in CHOOSE:
        raise HoldfastError(
            f"a {policy} memory takes no stream of rows; call keep_ranked, or place"
        )
    # One number for each row, whether it is used or not: a memory's draws then do not depend on
    # what the rows are.
    u = uniform(len(rows))
    return CHOOSE[policy](books, capacity, keys_of(policy, rows.task, rows.y), u)


def reservoir(
    books: Books,
    capacity: int,
    rows: int,
    uniform: Uniform,
) -> Places:
    """Give every example that was ever offered the same chance.

    Algorithm L draws once for each row that enters, and skips the others.

    References:
        J. S. Vitter (1985), Random sampling with a reservoir. ACM TOMS.
        K.-H. Li (1994), Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n))).
    """
    first = books["offered"]
    end = first + rows
    places = {slot: slot - first for slot in range(first, min(end, capacity))}
    if end <= capacity:
        return places
    if "next" not in books:
        books["w"] = 1.0
        books["next"] = capacity - 1
        u, v = uniform(2)
        _skip(books, capacity, u, v)
    while books["next"] < end:
        where, u, v = uniform(3)
        # Of two rows for one slot the later one stays.
        places[int(where * capacity)] = books["next"] - first
        _skip(books, capacity, u, v)
    return places


def _skip(
    books: Books,
    capacity: int,
    u: float,
    v: float,
) -> None:
    """Draw the number of the next row that enters the reservoir."""
    w = books["w"] * u ** (1 / capacity)
    books["w"] = min(max(w, LEAST), MOST)
    skipped = int(math.log(v) / math.log1p(-books["w"]))
    books["next"] += skipped + 1


def per_class(
    books: Books,
    capacity: int,
    keys: Sequence[str],
    u: Sequence[float],
) -> Places:
    """Keep a reservoir of `capacity` examples for each task and output."""
    places = {}
    for row, key in enumerate(keys):
        used = slots_used(books)
        group = group_of(books, key)
        seen = group["offered"]
        group["offered"] += 1
        if seen < capacity:
            group["slots"].append(used)
            places[used] = row
            continue
        # A row that comes after n others enters with chance capacity / (n + 1): algorithm R, whose
        # draw per row costs little beside the rest.
        place = int(u[row] * (seen + 1))
        if place < capacity:
            places[group["slots"][place]] = row
    return places


def per_task(
    books: Books,
    capacity: int,
    keys: Sequence[str],
    u: Sequence[float],
) -> Places:
    """Keep the latest `capacity` examples of each task."""
    places = {}
    for row, key in enumerate(keys):
        slots = group_of(books, key)["slots"]
        if len(slots) < capacity:
            slot = slots_used(books)
        else:
            slot = slots.pop(0)  # that of the oldest
        slots.append(slot)
        places[slot] = row
    return places


def class_balanced(
    books: Books,
    capacity: int,
    keys: Sequence[str],
    u: Sequence[float],
) -> Places:
    """Let the most frequent class give way to the others.

    References:
        A. Chrysakis, M.-F. Moens (2020), Online continual learning from imbalanced data. ICML.
    """
    places = {}
    for row, key in enumerate(keys):
        used = slots_used(books)
        group = group_of(books, key)
        group["offered"] += 1
        if used < capacity:
            group["slots"].append(used)
            places[used] = row
            continue
        largest = largest_group(books)
        if len(group["slots"]) < len(largest["slots"]) and key not in books["full"]:
            victim = int(u[row] * len(largest["slots"]))
            slot = largest["slots"].pop(victim)
            group["slots"].append(slot)
            places[slot] = row
            continue
        # A class that was once the largest is full. It is then a reservoir of its own examples.
        if key not in books["full"]:
            books["full"].append(key)
        place = int(u[row] * group["offered"])
        if place < len(group["slots"]):
            places[group["slots"][place]] = row
    return places


def ring(
    books: Books,
    capacity: int,
    keys: Sequence[str],
    u: Sequence[float],
) -> Places:
    """Keep the latest `capacity // tasks` examples of each task that was seen so far."""
    places = {}
    for row, key in enumerate(keys):
        slots = group_of(books, key)["slots"]
        share = max(1, capacity // len(books["groups"]))
        if len(slots) >= share:
            slot = slots.pop(0)  # that of the oldest
        elif slots_used(books) < capacity:
            slot = slots_used(books)
        else:
            slot = largest_group(books)["slots"].pop(0)
        slots.append(slot)
        places[slot] = row
    return places


CHOOSE = {
    "class_balanced": class_balanced,
    "ring": ring,
    "per_class": per_class,
    "per_task": per_task,
}


def share_slots(books: Books, share: int, sizes: dict[str, int]) -> dict[str, list[int]]:
    """Give new groups of ranked rows their slots, and cut those before to their share.

    Args:
        books: The memory's books.
        share: The most rows that a group may keep.
        sizes: The number of ranked rows of each new group.

    Returns:
        The slots of each new group, best row first.
    """
    free: list[int] = []
    for group in books["groups"].values():
        # Rows are ranked, so those at the end are worth least.
        free += group["slots"][share:]
        del group["slots"][share:]
    # Behind them come slots that no group has used. Gaps are closed afterwards.
    free += range(books["filled"], books["filled"] + share * len(sizes))
    slots: dict[str, list[int]] = {}
    for key, size in sizes.items():
        kept = min(share, size)
        slots[key] = free[:kept]
        free = free[kept:]
        books["groups"][key] = {"offered": size, "slots": slots[key]}
        books["offered"] += size
    return slots


def close_gaps(books: Books) -> dict[int, int]:
    """Renumber the last rows so that the first slots are all in use, without gaps.

    Args:
        books: The memory's books. They name the new slots afterwards.

    Returns:
        For each slot that no group held, the slot whose row must be copied there.
    """
    held = {
        slot: (group["slots"], place)
        for group in books["groups"].values()
        for place, slot in enumerate(group["slots"])
    }
    gaps = [slot for slot in range(len(held)) if slot not in held]
    beyond = sorted(slot for slot in held if slot >= len(held))
    moves = dict(zip(gaps, beyond, strict=True))
    for gap, slot in moves.items():
        slots, place = held[slot]
        slots[place] = gap
    books["filled"] = len(held)
    return moves
