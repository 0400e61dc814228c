"""Stored examples: which are kept when room runs out, and which are drawn.

Images stay uint8. Decisions are made on the host from the memory's own generator, so no step waits for the device.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Rows
from holdfast.engine.stateful import Stateful
from holdfast.errors import HoldfastError, one_of

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
RANKED = (
    "herding",
    "herding_per_class",
    "coreset",
)  # chosen at a boundary among all examples of a task
LARGEST = 2**40  # examples; more fit into no machine
GROWING = ("per_class", "per_task", "herding_per_class")  # the capacity counts for each group


class Memory(Stateful):
    """At most `capacity` examples, kept by `policy`.

    `reservoir`: every example offered so far has the same chance (Vitter 1985; by Li's algorithm L of 1994). `class_balanced`: the most
    frequent class gives way to others (Chrysakis & Moens 2020). `ring`: the latest `capacity // tasks` of each task, tasks
    being those seen so far. `per_class`: a reservoir of `capacity` examples for each (task, output), so the
    capacity counts per class and the total grows. `per_task`: the latest `capacity` of each task. `herding` and `coreset` hold groups
    that were ranked at a boundary (`keep_ranked`), each cut to its first `capacity // groups` rows (`herding_per_class`: to `capacity`).
    `placed`: rows are written where the owner says (`place`).

    >>> m = Memory(3)
    >>> m.insert(Rows.of_task(torch.arange(5.0)[:, None], torch.arange(5), 0))
    >>> len(m), m.host["offered"]
    (3, 5)
    """

    def __init__(self, capacity: int, policy: str = "reservoir") -> None:
        super().__init__()
        number = isinstance(capacity, int | float) and not isinstance(capacity, bool)
        if not number or not 1 <= capacity <= LARGEST or not float(capacity).is_integer():
            raise HoldfastError(
                f"memory capacity must be a whole number of examples of at least 1 (and below 2^40), got {str(capacity)[:50]}"
            )
        self.capacity, self.policy = int(capacity), one_of("memory policy", policy, POLICIES)
        self.host = {"offered": 0, "filled": 0, "groups": {}, "full": []}

    def __len__(self) -> int:
        return int(self.host["filled"])

    def _apply(self, fn: Any, recurse: bool = True) -> "Memory":
        super()._apply(fn, recurse)
        if (
            "task" in self._buffers and not self.get_buffer("task").is_meta
        ):  # stays on the host: the forward groups rows by task without waiting for the device
            self._buffers["task"] = self.get_buffer("task").cpu()
        return self

    def _room(self, rows: Rows, size: int) -> None:
        """Makes the buffers hold at least `size` rows."""
        columns = {
            "x": rows.x,
            "y": rows.y,
            **{f"payload_{k}": v for k, v in rows.payloads.items()},
        }
        have = self._buffers.get("y")
        room = (
            size if self.policy not in GROWING else -(-size // self.capacity) * self.capacity
        )  # whole classes
        for name, value in columns.items():
            try:
                fresh = value.new_zeros((room, *value.shape[1:]))
            except RuntimeError:  # torch has no error of its own for this
                raise HoldfastError(
                    f"a memory of {room} examples does not fit into this machine's memory; lower the method's capacity"
                ) from None
            if have is not None:
                fresh[: len(have)] = self.get_buffer(name)
            self.put(name, fresh)
        task = torch.zeros(room, dtype=torch.long)
        if have is not None:
            task[: len(have)] = self.get_buffer("task")
        self.put("task", task)

    def _stored(self, name: str) -> Tensor:
        """A buffer, without the walk of get_buffer (this is the hot path)."""
        value = self._buffers[name]
        assert value is not None
        return value

    def _widened(self, name: str, value: Tensor) -> Tensor:
        """Makes a stored payload and a new one equally wide, with NaN where an output did not exist."""
        stored = self._stored(name)
        if stored.dim() < 2 or stored.shape[1] == value.shape[1]:
            return value
        width = max(stored.shape[1], value.shape[1])
        if stored.shape[1] < width:
            self._buffers[name] = F.pad(stored, (0, width - stored.shape[1]), value=torch.nan)
        return F.pad(value, (0, width - value.shape[1]), value=torch.nan)

    def _write(self, places: dict[int, int], rows: Rows) -> None:
        """Writes row `places[slot]` of `rows` into each slot."""
        if not places:
            return
        slots, source = (
            torch.LongTensor(list(places)),
            torch.LongTensor(list(places.values())),
        )  # the fastest way
        have, last = self._buffers.get("y"), max(places) + 1
        if have is None or len(have) < last:
            self._room(rows, last if self.policy in GROWING else self.capacity)
        device = self._stored("y").device
        to, of = slots.to(device), source.to(rows.y.device)
        columns = {"x": rows.x, "y": rows.y} | {f"payload_{k}": v for k, v in rows.payloads.items()}
        for name, value in columns.items():
            if name.startswith("payload_"):
                value = self._widened(name, value)
            stored = self._stored(name)
            if stored.dtype != value.dtype or stored.shape[1:] != value.shape[1:]:
                raise HoldfastError(
                    f"the memory holds rows of shape {tuple(stored.shape[1:])} and type {stored.dtype}, "
                    f"but these have shape {tuple(value.shape[1:])} and type {value.dtype}"
                )
            stored.index_copy_(0, to, value.index_select(0, of).to(device))
        self._stored("task").index_copy_(0, slots, rows.task.index_select(0, source))
        self.host["filled"] = max(self.host["filled"], last)

    def insert(self, rows: Rows) -> None:
        """Offers rows to the memory, in order."""
        if not len(rows):
            return
        if self.policy in RANKED or self.policy == "placed":
            raise HoldfastError(
                f"a {self.policy} memory takes no stream of rows; call keep_ranked, or place"
            )
        if self.policy == "reservoir":
            places = self._reservoir(len(rows))
        else:
            u = self._uniform(len(rows))
            by_policy = {"class_balanced": self._class_balanced, "ring": self._ring}
            by_policy |= {"per_class": self._per_class, "per_task": self._per_task}
            choose = by_policy[self.policy]
            places = choose(self._keys(rows), u)
        self.host["offered"] += len(rows)
        self._write(places, rows)

    def place(self, places: dict[int, int], rows: Rows) -> None:
        """Writes row `places[slot]` of `rows` into each slot, all of them below `capacity`."""
        self.host["offered"] += len(rows)
        self._write(places, rows)

    def keep_ranked(self, groups: Mapping[str, Rows]) -> None:
        """Adds groups of rows, each in order of worth; every group, old or new, keeps its first `capacity // groups`."""
        held = self.host["groups"]
        share = (
            self.capacity if self.policy in GROWING else self.capacity // (len(held) + len(groups))
        )
        if not share:
            raise HoldfastError(
                f"a memory of {self.capacity} cannot hold one example of each of {len(held) + len(groups)} groups (classes or tasks); "
                f"raise capacity to at least {len(held) + len(groups)}"
            )
        free = []
        for group in held.values():
            free += group["slots"][share:]
            del group["slots"][share:]
        free += range(self.host["filled"], self.host["filled"] + share * len(groups))
        for key, rows in groups.items():
            slots, free = free[: min(share, len(rows))], free[min(share, len(rows)) :]
            held[key] = {"offered": len(rows), "slots": slots}
            self.host["offered"] += len(rows)
            self._write({slot: k for k, slot in enumerate(slots)}, rows)
        self._close_gaps()

    def _close_gaps(self) -> None:
        """Moves the last rows into slots that no group holds, so that the first `filled` slots are all in use."""
        used = {
            slot: (group["slots"], k)
            for group in self.host["groups"].values()
            for k, slot in enumerate(group["slots"])
        }
        gaps = [slot for slot in range(len(used)) if slot not in used]
        moving = [slot for slot in used if slot >= len(used)]
        for gap, slot in zip(gaps, sorted(moving), strict=True):
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._stored(name)[gap] = buffer[slot]
            slots, k = used[slot]
            slots[k] = gap
        self.host["filled"] = len(used)

    def _uniform(self, n: int) -> list[float]:
        return (
            torch.rand(n, generator=self.generator(), dtype=torch.float64)
            .clamp_min_(1e-300)
            .tolist()
        )

    def _keys(self, rows: Rows) -> list[str]:
        """The group of each row: its task (ring), its output (class_balanced), or both (per_class)."""
        tasks = rows.task.tolist()
        if self.policy in ("ring", "per_task"):
            return [str(t) for t in tasks]
        outputs = rows.y.tolist()
        return (
            [f"{t}:{y}" for t, y in zip(tasks, outputs, strict=True)]
            if self.policy == "per_class"
            else [str(y) for y in outputs]
        )

    def _reservoir(self, n: int) -> dict[int, int]:
        """Which of the next n rows enter, and where: algorithm L, which draws once for each row that enters and skips the others."""
        host, first, k = self.host, self.host["offered"], self.capacity
        places = {slot: slot - first for slot in range(first, min(first + n, k))}
        if first + n <= k:
            return places
        if "next" not in host:
            host["w"], host["next"] = 1.0, k - 1
            self._skip(*self._uniform(2))
        while host["next"] < first + n:
            where, u, v = self._uniform(3)
            places[int(where * k)] = (
                host["next"] - first
            )  # of two rows for one slot the later stays
            self._skip(u, v)
        return places

    def _skip(self, u: float, v: float) -> None:
        self.host["w"] = min(max(self.host["w"] * u ** (1 / self.capacity), 1e-300), 1 - 1e-16)
        self.host["next"] += int(math.log(v) / math.log1p(-self.host["w"])) + 1

    def _group(self, key: str) -> dict:
        return self.host["groups"].setdefault(key, {"offered": 0, "slots": []})

    def _used(self) -> int:
        return sum(len(g["slots"]) for g in self.host["groups"].values())

    def _per_class(self, keys: list[str], u: list[float]) -> dict[int, int]:
        places = {}
        for i, key in enumerate(keys):
            group, used = self._group(key), self._used()
            seen = group["offered"]
            group["offered"] += 1
            if seen < self.capacity:
                group["slots"].append(used)
                places[used] = i
            elif (k := int(u[i] * (seen + 1))) < self.capacity:
                places[group["slots"][k]] = i
        return places

    def _per_task(self, keys: list[str], u: list[float]) -> dict[int, int]:
        places = {}
        for i, key in enumerate(keys):
            slots = self._group(key)["slots"]
            slots.append(self._used() if len(slots) < self.capacity else slots.pop(0))
            places[slots[-1]] = i
        return places

    def _class_balanced(self, keys: list[str], u: list[float]) -> dict[int, int]:
        places = {}
        for i, key in enumerate(keys):
            group, used = self._group(key), self._used()
            group["offered"] += 1
            if used < self.capacity:
                group["slots"].append(used)
                places[used] = i
                continue
            largest = max(self.host["groups"].values(), key=lambda g: len(g["slots"]))
            if len(group["slots"]) == len(largest["slots"]) or key in self.host["full"]:
                if key not in self.host["full"]:
                    self.host["full"].append(key)
                k = int(u[i] * group["offered"])
                if k < len(group["slots"]):
                    places[group["slots"][k]] = i
            else:
                slot = largest["slots"].pop(int(u[i] * len(largest["slots"])))
                group["slots"].append(slot)
                places[slot] = i
        return places

    def _ring(self, keys: list[str], u: list[float]) -> dict[int, int]:
        places = {}
        for i, key in enumerate(keys):
            group = self._group(key)
            share = max(1, self.capacity // len(self.host["groups"]))
            if len(group["slots"]) < share and (used := self._used()) < self.capacity:
                slot = used
            elif len(group["slots"]) < share:
                longest = max(self.host["groups"].values(), key=lambda g: len(g["slots"]))
                slot = longest["slots"].pop(0)
            else:
                slot = group["slots"].pop(0)
            group["slots"].append(slot)
            places[slot] = i
        return places

    def payloads(self) -> dict[str, Tensor]:
        """Stored payloads by name, capacity rows each."""
        return {
            n.removeprefix("payload_"): b
            for n, b in self._buffers.items()
            if n.startswith("payload_") and b is not None
        }

    def at(self, index: Tensor) -> Rows:
        """The rows at these places (index on the CPU)."""
        on = index.to(self._stored("y").device)
        payloads = {name: value.index_select(0, on) for name, value in self.payloads().items()}
        x, y, task = (
            self._stored(n).index_select(0, index if n == "task" else on)
            for n in ("x", "y", "task")
        )
        return Rows(x, y, task, payloads)

    def everything(self) -> Rows:
        """All stored rows."""
        return self.at(torch.arange(len(self)))

    def group(self, key: str) -> Rows:
        """The rows of one group, best first where they are ranked."""
        return self.at(torch.tensor(self.host["groups"][key]["slots"], dtype=torch.long))

    def sample(
        self,
        size: int,
        generator: torch.Generator | None = None,
        *,
        before: int | None = None,
        task: int | None = None,
        per_task: bool = False,
    ) -> Rows:
        """`size` rows without replacement (all of them where fewer are stored).

        `before=t` leaves out rows of task t and later, `task=t` all rows but those of task t. `per_task` draws the same number,
        ⌈size / tasks⌉, from each.
        """
        order = torch.randperm(len(self), generator=generator or self.generator("draws"))
        if (before is not None or task is not None) and len(order):
            shuffled, task_of = (
                order.numpy(),
                self._stored("task").numpy(),
            )  # on the host: half the time of the same in tensors
            found = task_of[shuffled]
            order = torch.from_numpy(shuffled[found < before if task is None else found == task])
        if per_task:
            of = self._stored("task").index_select(0, order)
            groups = [order[of == t] for t in of.unique()]
            share = -(-size // max(len(groups), 1))
            return self.at(torch.cat([g[:share] for g in groups]) if groups else order)
        return self.at(order[:size])

    def counts(self) -> Mapping[int, int]:
        """Number of stored rows of each output."""
        y, n = self._stored("y")[: len(self)].unique(return_counts=True)
        return dict(zip(y.tolist(), n.tolist(), strict=True))
