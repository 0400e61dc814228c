"""Whether what was loaded into a memory holds together."""

from typing import Any

from holdfast.engine.memory import Memory
from holdfast.errors import HoldfastError


def check_memory(memory: Memory) -> None:
    """Check that a memory's columns and counters fit together, as after loading them from a file.

    Raises:
        HoldfastError: Columns differ in length, or a counter or slot points beyond them.
    """
    columns = {n: b for n, b in memory._buffers.items() if b is not None}
    rows = {len(b) if b.dim() else -1 for b in columns.values()}
    room = rows.pop() if rows else 0
    if rows or (columns and not {"x", "y", "task"} <= columns.keys()):
        raise HoldfastError("the columns of its memory differ in length, or some are missing")
    for name in ("y", "task"):
        if name in columns and (columns[name].dim() != 1 or columns[name].is_floating_point()):
            raise HoldfastError(f"the column {name} of its memory is no list of whole numbers")
    filled, groups = memory.host["filled"], memory.host["groups"]
    slots = [slot for group in groups.values() for slot in group["slots"]]
    offered = [memory.host["offered"], *(group["offered"] for group in groups.values())]
    if not all(isinstance(n, int) and n >= 0 for n in (filled, *slots, *offered)):
        raise HoldfastError("a counter of its memory is no whole number of at least 0")
    if filled > room or any(slot >= max(filled, room) for slot in slots):
        raise HoldfastError(f"its memory counts {filled} rows but has {room}")
    if "next" in memory.host or "w" in memory.host:
        _check_reservoir(memory, memory.host.get("next"), memory.host.get("w"))
    if len(set(slots)) < len(slots):
        raise HoldfastError("two groups of its memory share a row")


def _check_reservoir(memory: Memory, following: Any, w: Any) -> None:
    """Checks the state of algorithm L: the number of the next row that enters, and its weight."""
    whole = isinstance(following, int) and following >= memory.host["offered"]
    if not whole or not isinstance(w, float) or not 0 < w <= 1:
        raise HoldfastError("the state of its memory's reservoir is out of range")
