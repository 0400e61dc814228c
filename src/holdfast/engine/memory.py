"""Stored examples: how they are written, read and drawn. `policies` says which ones are kept.

Images stay uint8. Decisions are made on the host from the memory's own generator, so no step waits
for the device.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.memory_inputs import (
    SEVERAL,
    InputBooks,
    equally_wide,
    input_columns,
    inputs_at,
    note_inputs,
    padding_of,
    smallest_type,
)
from holdfast.engine.policies import (
    GROWING,
    POLICIES,
    RANKED,
    Places,
    close_gaps,
    new_books,
    places_for,
    share_slots,
)
from holdfast.engine.rows import Rows
from holdfast.engine.stateful import Stateful
from holdfast.errors import HoldfastError, one_of

__all__ = ["GROWING", "POLICIES", "RANKED", "Memory"]

LARGEST = 2**40  # examples; more fit into no machine
PAYLOAD = "payload_"  # what the names of columns that hold payloads begin with


class Memory(Stateful):
    """At most `capacity` examples, kept by a policy.

    - `reservoir`: Every example offered so far has the same chance (Vitter 1985, Li 1994).
    - `class_balanced`: The most frequent class gives way to others (Chrysakis and Moens 2020).
    - `ring`: The latest `capacity // tasks` of each task, of the tasks seen so far.
    - `per_class`: A reservoir of `capacity` examples for each task and output.
    - `per_task`: The latest `capacity` examples of each task.
    - `herding`, `coreset`: Groups that were ranked at a boundary (`keep_ranked`), each cut to its
      first `capacity // groups` rows.
    - `herding_per_class`: The same, each cut to its first `capacity` rows.
    - `placed`: Rows are written where the owner says (`place`).

    Args:
        capacity: The number of examples, at least 1. With `per_class`, `per_task` and
            `herding_per_class` it counts for each group, and the total grows.
        policy: One of `POLICIES`.

    Raises:
        HoldfastError: The capacity is no whole number of at least 1, or the policy is unknown.

    Example:
        >>> memory = Memory(3)
        >>> memory.insert(Rows.of_task(torch.arange(5.0)[:, None], torch.arange(5), 0))
        >>> len(memory), memory.host["offered"]
        (3, 5)
    """

    def __init__(self, capacity: int, policy: str = "reservoir") -> None:
        super().__init__()
        # A spec may give 200.0, and True is a number to Python.
        number = isinstance(capacity, int | float) and not isinstance(capacity, bool)
        if not number or not 1 <= capacity <= LARGEST or not float(capacity).is_integer():
            raise HoldfastError(
                "memory capacity must be a whole number of examples of at least 1 (and below "
                f"2^40), got {str(capacity)[:50]}"
            )
        self.capacity = int(capacity)
        self.policy = one_of("memory policy", policy, POLICIES)
        self.host = new_books()

    def __len__(self) -> int:
        return int(self.host["filled"])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Memory":
        """Move all columns but the tasks.

        These stay on the host, because the forward pass groups rows by task without waiting for the
        device.
        """
        super()._apply(fn, recurse)
        if "task" in self._buffers and not self._stored("task").is_meta:
            self._buffers["task"] = self._stored("task").cpu()
        return self

    # ---- writing

    def insert(self, rows: Rows) -> None:
        """Offer rows to the memory, which decides whether it keeps them.

        Args:
            rows: The rows, in order.

        Raises:
            HoldfastError: The policy takes no stream of rows, or the rows differ in shape or type
                from those stored.
        """
        if not len(rows):
            return
        places = places_for(self.host, self.capacity, self.policy, rows, self._uniform)
        self.host["offered"] += len(rows)
        self._write(places, rows)

    def place(self, places: Places, rows: Rows) -> None:
        """Write rows into slots that you choose.

        Args:
            places: For each slot, below `capacity`, the number of the row that goes there.
            rows: The rows.
        """
        self.host["offered"] += len(rows)
        self._write(places, rows)

    def keep_ranked(self, groups: Mapping[str, Rows]) -> None:
        """Add groups of ranked rows, and cut all groups to equal shares.

        Args:
            groups: New groups by name, the rows of each in order of worth, best first. Every group,
                old or new, keeps its first `capacity // groups` rows, or its first `capacity` rows
                if the capacity counts for each group.

        Raises:
            HoldfastError: There is not one row of room for each group.
        """
        number = len(self.host["groups"]) + len(groups)
        share = self.capacity
        if self.policy not in GROWING:
            share = self.capacity // number
        if not share:
            raise HoldfastError(
                f"a memory of {self.capacity} cannot hold one example of each of {number} groups "
                f"(classes or tasks); raise capacity to at least {number}"
            )
        sizes = {key: len(rows) for key, rows in groups.items()}
        for key, slots in share_slots(self.host, share, sizes).items():
            self._write({slot: row for row, slot in enumerate(slots)}, groups[key])
        columns = [column for _, column in self.named_states() if column is not None]
        for gap, slot in close_gaps(self.host).items():
            for column in columns:
                column[gap] = column[slot]

    def _write(self, places: Places, rows: Rows) -> None:
        """Write row `places[slot]` of some rows into each slot."""
        if not places:
            return
        # From lists, LongTensor is the fastest constructor.
        slots = torch.LongTensor(list(places))
        source = torch.LongTensor(list(places.values()))
        end = max(places) + 1
        note_inputs(self.host, rows.x)
        self._make_room(rows, end)
        device = self._stored("y").device
        to = slots.to(device)
        taken = source.to(rows.y.device)
        for name, value in _columns_of(rows).items():
            value = self._fitted(name, value)
            stored = self._stored(name)
            _check_fit(stored, value)
            stored.index_copy_(0, to, value.index_select(0, taken).to(device))
        self._stored("task").index_copy_(0, slots, rows.task.index_select(0, source))
        self.host["filled"] = max(self.host["filled"], end)

    def _make_room(self, rows: Rows, size: int) -> None:
        """Make all columns long enough for `size` rows."""
        held = self._buffers.get("y")
        if held is not None and len(held) >= size:
            return
        # Room for all rows at once, because a longer column is a copy of the whole.
        room = self.capacity
        if self.policy in GROWING:  # whole groups, so that columns do not grow at every step
            room = -(-size // self.capacity) * self.capacity
        columns = _columns_of(rows) | {"task": torch.zeros(0, dtype=torch.long)}
        for name, value in columns.items():
            if held is not None:
                value = self.get_buffer(name)
            try:
                dtype = smallest_type(name, value)
                fresh = value.new_zeros((room, *value.shape[1:]), dtype=dtype)
            except RuntimeError:  # PyTorch has no error of its own for this
                raise HoldfastError(
                    f"a memory of {room} examples does not fit into this machine's memory; lower "
                    "the method's capacity"
                ) from None
            if held is not None:
                fresh[: len(held)] = value
            self.put(name, fresh)

    @property
    def _inputs(self) -> InputBooks | None:
        """What was noted of inputs of several tensors."""
        books: InputBooks | None = self.host.get("inputs")
        return books

    def _fitted(self, name: str, value: Tensor) -> Tensor:
        """Make a column and what is written into it equally wide, and wide enough in type."""
        # Logits and rows of targets are as wide as there were outputs.
        if name.startswith(PAYLOAD) or name == "y":
            return self._widened(name, value)
        if name.startswith(SEVERAL):
            filling = padding_of(name, self._inputs)
            stored, value = equally_wide(self._stored(name), value, filling)
            self._buffers[name] = stored
        return value

    def _widened(self, name: str, value: Tensor) -> Tensor:
        """Make a stored column and a new one equally wide, with NaN where no output existed."""
        stored = self._stored(name)
        if stored.dim() < 2 or stored.shape[1] == value.shape[1]:
            return value
        width = max(stored.shape[1], value.shape[1])
        missing = width - stored.shape[1]
        if missing:
            self._buffers[name] = F.pad(stored, (0, missing), value=torch.nan)
        return F.pad(value, (0, width - value.shape[1]), value=torch.nan)

    def _uniform(self, n: int) -> list[float]:
        """Numbers in (0, 1) from the memory's own generator."""
        drawn = torch.rand(n, generator=self.generator(), dtype=torch.float64)
        return drawn.clamp_min_(1e-300).tolist()  # their logarithms must be finite

    # ---- reading

    def _stored(self, name: str) -> Tensor:
        """A column, without the walk of `get_buffer`, because every step reads several."""
        return self.need(self._buffers[name])

    def payloads(self) -> dict[str, Tensor]:
        """The stored payloads by name, with a row for each slot."""
        return {
            name.removeprefix(PAYLOAD): column
            for name, column in self._buffers.items()
            if column is not None and name.startswith(PAYLOAD)
        }

    def at(self, index: Tensor) -> Rows:
        """The rows in some slots.

        Args:
            index: The slots, (N,), on the CPU.

        Returns:
            The rows, on the device of the memory, with their payloads.
        """
        on_device = index.to(self._stored("y").device)
        payloads = {}
        for name, column in self.payloads().items():
            payloads[name] = column.index_select(0, on_device)
        return Rows(
            x=inputs_at(self._buffers, on_device, self._inputs),
            y=self._stored("y").index_select(0, on_device),
            task=self._stored("task").index_select(0, index),
            payloads=payloads,
        )

    def everything(self) -> Rows:
        """All stored rows."""
        return self.at(torch.arange(len(self)))

    def group(self, key: str) -> Rows:
        """The rows of one group, best first if they are ranked."""
        slots = self.host["groups"][key]["slots"]
        return self.at(torch.tensor(slots, dtype=torch.long))

    def sample(
        self,
        size: int,
        generator: torch.Generator | None = None,
        *,
        before: int | None = None,
        task: int | None = None,
        per_task: bool = False,
    ) -> Rows:
        """Draw rows without replacement.

        Args:
            size: The number of rows. If fewer are stored, all of them are drawn.
            generator: A generator on the CPU. None takes the memory's own.
            before: Leave out rows of this task and later ones. None leaves none out.
            task: Leave out rows of all other tasks. None leaves none out.
            per_task: Draw the same number of rows, ⌈size / tasks⌉, from each task.

        Returns:
            The rows, in random order; by task with `per_task`.
        """
        if generator is None:
            generator = self.generator("draws")
        # All slots are shuffled first, so that what is left out changes no other draw.
        shuffled = torch.randperm(len(self), generator=generator)
        order = self._allowed(shuffled, before, task)
        if not per_task:
            return self.at(order[:size])
        numbers = self._stored("task").index_select(0, order)
        groups = [order[numbers == number] for number in numbers.unique()]
        if not groups:
            return self.at(order)
        share = -(-size // len(groups))
        return self.at(torch.cat([group[:share] for group in groups]))

    def _allowed(self, order: Tensor, before: int | None, task: int | None) -> Tensor:
        """The slots of rows of one task or of earlier ones, in the order given."""
        if not len(order) or (before is None and task is None):
            return order
        # On the host, NumPy takes half the time of the same in tensors.
        shuffled = order.numpy()
        numbers = self._stored("task").numpy()[shuffled]
        if task is not None:
            return torch.from_numpy(shuffled[numbers == task])
        return torch.from_numpy(shuffled[numbers < before])

    def counts(self) -> Mapping[int, int]:
        """The number of stored rows of each output."""
        in_use = self._stored("y")[: len(self)]
        y, counts = in_use.unique(return_counts=True)
        return dict(zip(y.tolist(), counts.tolist(), strict=True))


def _columns_of(rows: Rows) -> dict[str, Tensor]:
    """The columns of rows by name, without their tasks, which lie on another device."""
    payloads = {f"{PAYLOAD}{name}": value for name, value in rows.payloads.items()}
    return input_columns(rows.x) | {"y": rows.y} | payloads


def _check_fit(stored: Tensor, value: Tensor) -> None:
    """Refuse rows of another shape or type than those stored."""
    if stored.dtype != value.dtype or stored.shape[1:] != value.shape[1:]:
        raise HoldfastError(
            f"the memory holds rows of shape {tuple(stored.shape[1:])} and type {stored.dtype}, "
            f"but these have shape {tuple(value.shape[1:])} and type {value.dtype}"
        )
