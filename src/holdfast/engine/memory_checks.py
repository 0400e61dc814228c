"""Whether what was loaded into a memory holds together."""

from collections.abc import Mapping

from torch import Tensor

from holdfast.engine.memory import Memory
from holdfast.engine.memory_inputs import ONE, SEVERAL, InputBooks
from holdfast.engine.policies import Books, Group
from holdfast.errors import HoldfastError

COLUMNS = {"y", "task"}  # what every memory with rows has beside its inputs


def check_memory(memory: Memory) -> None:
    """Check that a memory's columns and counters fit together, as after loading them from a file.

    Args:
        memory: The memory.

    Raises:
        HoldfastError: Columns differ in length, or a counter or slot points beyond them.
    """
    columns = {name: column for name, column in memory.named_states() if column is not None}
    books = memory.host.get("inputs")
    _check_inputs(books)
    inputs = {ONE}
    if books is not None:
        inputs = {f"{SEVERAL}{number}" for number in range(len(books["names"]))}
    room = _checked_columns(columns, COLUMNS | inputs)
    _check_counters(memory.host, room)
    if "next" in memory.host or "w" in memory.host:
        _check_reservoir(memory.host)


def _check_inputs(books: object) -> None:
    """Check what a memory has noted of inputs of several tensors, if its inputs are several."""
    if books is None:
        return
    good = isinstance(books, dict) and books.keys() == InputBooks.__annotations__.keys()
    if good and isinstance(books, dict):
        names, padding, hidden = books["names"], books["padding"], books["hidden"]
        lists = isinstance(names, list) and isinstance(hidden, list) and isinstance(padding, dict)
        good = lists and all(isinstance(name, str) for name in names)
        good = good and {*padding} <= {*names} and {*hidden} < {*names}
        good = good and all(isinstance(value, int | float) for value in padding.values())
    if not good:
        raise HoldfastError("what its memory notes of the inputs is damaged")


def _checked_columns(columns: Mapping[str, Tensor], needed: set[str]) -> int:
    """The length that all columns have, 0 if there are none."""
    lengths = set()
    for column in columns.values():
        if column.dim():
            lengths.add(len(column))
        else:
            lengths.add(-1)  # a single number is no column, and as long as none
    if len(lengths) > 1 or (columns and not columns.keys() >= needed):
        raise HoldfastError("the columns of its memory differ in length, or some are missing")
    for name in ("y", "task"):
        numbers = columns.get(name)
        if numbers is None or (numbers.dim() == 1 and not numbers.is_floating_point()):
            continue
        # Targets of other objectives than classification are rows of numbers.
        if name == "y" and numbers.dim() == 2 and numbers.is_floating_point():
            continue
        raise HoldfastError(f"the column {name} of its memory is no list of whole numbers")
    return max(lengths, default=0)


def _check_counters(books: Books, room: int) -> None:
    """Check the counters of a memory with so many rows of room, and the slots of its groups."""
    filled = books["filled"]
    groups: list[Group] = list(books["groups"].values())
    slots = [slot for group in groups for slot in group["slots"]]
    offered = [books["offered"], *(group["offered"] for group in groups)]
    for number in (filled, *slots, *offered):
        if not isinstance(number, int) or number < 0:
            raise HoldfastError("a counter of its memory is no whole number of at least 0")
    if filled > room or any(slot >= max(filled, room) for slot in slots):
        raise HoldfastError(f"its memory counts {filled} rows but has {room}")
    # A group that replaces its row would change the other one.
    if len(set(slots)) < len(slots):
        raise HoldfastError("two groups of its memory share a row")


def _check_reservoir(books: Books) -> None:
    """Check the state of algorithm L: the number of the next row that enters, and its weight."""
    following = books.get("next")
    w = books.get("w")
    comes = isinstance(following, int) and following >= books["offered"]
    weighs = isinstance(w, float) and 0 < w <= 1
    if not comes or not weighs:
        raise HoldfastError("the state of its memory's reservoir is out of range")
