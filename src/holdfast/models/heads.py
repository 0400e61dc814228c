"""Output layers: one for each task, one with the active outputs masked, a fixed one, a growing one.

Every head maps features (N, D) and a task to logits (N, C), C outputs in all, with -inf at outputs that are not active for the row's
task, so that argmax is right for whoever serves the model. `task` is an index, a CPU tensor of one index a row, or
None: every output opened so far. Outputs are numbered in the order in which tasks open them.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from holdfast.errors import HoldfastError, unknown
from holdfast.models.sizes import positive
from holdfast.models.ties import refuse_to_part

HEADS = ("separate", "masked", "fixed", "growing")
FITS = {"task": ("separate", "masked"), "domain": ("fixed",), "class": ("growing", "masked")}
REASON = {
    "task": "in the task scenario the task id selects the outputs, so each task needs its own",
    "domain": "in the domain scenario all tasks share one set of outputs",
    "class": "in the class scenario one layer tells all classes seen so far apart, without a task id",
}


class Head(nn.Module):
    """What the heads share: the ranges of outputs that tasks opened, as plain numbers (saved by the learner)."""

    kind = ""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.ranges: list[
            tuple[int, int]
        ] = []  # per task, [first, last) output active for it when its id is known
        self.opened = 0  # number of outputs in play
        self.bias = True  # of new outputs: as in the layer that was taken
        # Called with a task's number before it gets its outputs: networks grow with their tasks here.
        self.on_open: list[Callable[[int], None]] = []

    @property
    def width(self) -> int:
        """Number of columns C of the logits."""
        raise NotImplementedError

    def open(self, task: int, first: int, last: int) -> None:
        """Makes outputs [first, last) available to task number `task` (called once, before it is trained)."""
        if task != len(self.ranges):
            raise HoldfastError(
                f"tasks open their outputs in order: expected task {len(self.ranges)}, got {task}"
            )
        for prepare in self.on_open:
            prepare(task)
        self.ranges.append((first, last))
        self.opened = max(self.opened, last)

    def active(self, task: int | None) -> slice:
        """The active outputs, for a row whose task id is known or None."""
        return slice(0, self.opened) if task is None else slice(*self.range_of(task))

    def range_of(self, task: int) -> tuple[int, int]:
        """The outputs of a task."""
        if not 0 <= task < len(self.ranges):
            raise HoldfastError(
                f"task {task} has no outputs yet: {len(self.ranges)} tasks were begun; begin it first"
            )
        return self.ranges[task]

    def active_mask(self, tasks: Tensor) -> Tensor:
        """(N, C) bool: the active outputs of each row, for a tensor of task ids."""
        table = torch.zeros(len(self.ranges), self.width, dtype=torch.bool)
        for t, (first, last) in enumerate(self.ranges):
            table[t, first:last] = True
        return table[tasks.cpu()]

    def take(self, layer: nn.Linear, beside: nn.Module | None = None) -> None:
        """Adopt a trained output layer. New outputs have a bias if it has one.

        Args:
            layer: The layer.
            beside: The network that it comes from, without it.

        Raises:
            HoldfastError: Its weight is also that of another module, and could not stay so in this head.
        """
        raise NotImplementedError

    def check_width(self, model: nn.Module, outputs: int) -> None:
        """Refuse so many outputs if this head could not have them without harm to the rest of its model.

        Args:
            model: The model whose head this is.
            outputs: The number of outputs that the head must come to have.

        Raises:
            HoldfastError: The head would grow out of a weight that it shares.
        """

    def state(self) -> dict:
        """Plain numbers that rebuild the head's shape."""
        return {"kind": self.kind, "ranges": self.ranges, "opened": self.opened}

    def restore(self, state: dict) -> None:
        """Opens what `state` had opened."""
        if state["kind"] != self.kind:
            raise HoldfastError(
                f"the saved head is {state['kind']!r}, this model's is {self.kind!r}; build the same model"
            )
        for task, (first, last) in enumerate(state["ranges"]):
            if task >= len(self.ranges):
                self.open(task, first, last)
        self.opened = max(self.opened, state["opened"])


class MaskedHead(Head):
    """One layer allocated whole; outputs that are not active give -inf."""

    kind = "masked"

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features)
        self.linear = nn.Linear(features, outputs)

    @property
    def width(self) -> int:
        """Number of outputs allocated."""
        return self.linear.out_features

    def take(self, layer: nn.Linear, beside: nn.Module | None = None) -> None:
        """The layer's rows become the first outputs."""
        self.bias = layer.bias is not None
        if self.width > layer.out_features:
            refuse_to_part(layer, beside, f"a {self.kind} head of {self.width} outputs")
            layer = _grown(layer, self.width)
        self.linear = layer

    def open(self, task: int, first: int, last: int) -> None:
        """As `Head.open`; refuses outputs beyond those allocated."""
        if last > self.width:
            raise HoldfastError(
                f"task {task} needs outputs up to {last}, the head has {self.width}; build it with outputs={last}"
            )
        super().open(task, first, last)

    def forward(self, h: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Features (N, D) → logits (N, C)."""
        z = self.linear(h)
        width = z.shape[1]  # a snapshot from before growth has fewer rows
        if isinstance(task, Tensor):
            return z.masked_fill(~self.active_mask(task)[:, :width].to(z.device), -torch.inf)
        keep = self.active(task)
        first, last = keep.start, min(keep.stop, width)
        if (first, last) != (0, width):
            z = F.pad(z[:, first:last], (first, width - last), value=-torch.inf)
        return z if width == self.width else F.pad(z, (0, self.width - width), value=-torch.inf)


class FixedHead(MaskedHead):
    """One layer, every output active from the start."""

    kind = "fixed"

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs)
        self.opened = outputs

    def range_of(self, task: int) -> tuple[int, int]:
        """Every output, whatever the task."""
        return (0, self.width)


class GrowingHead(MaskedHead):
    """One layer that gains rows when a task opens outputs; the rows before keep their bits."""

    kind = "growing"

    def __init__(self, features: int) -> None:
        super().__init__(features, 1)
        self.linear = _empty_linear(features)

    def open(self, task: int, first: int, last: int) -> None:
        """Grows to `last` rows; new ones are initialised as a fresh layer's."""
        if last > self.linear.out_features:
            self.linear = _grown(self.linear, last)
        super().open(task, first, last)

    def check_width(self, model: nn.Module, outputs: int) -> None:
        """As `Head.check_width`."""
        for part in model.children() if outputs > self.width else ():
            if part is not self:
                refuse_to_part(self.linear, part, f"growing to {outputs} outputs")


@torch.no_grad()
def _grown(old: nn.Linear, outputs: int) -> nn.Linear:
    """A layer of more outputs, whose first rows are those of `old`, bit for bit. It has a bias if `old` has one."""
    bias = old.bias is not None
    new = nn.Linear(old.in_features, outputs, bias).to(old.weight.device, old.weight.dtype)
    new.weight[: old.out_features] = old.weight
    if bias:
        new.bias[: old.out_features] = old.bias
    return new


def _empty_linear(features: int) -> nn.Linear:
    """A layer without rows (its initialisation has nothing to do, and would warn)."""
    layer = nn.Linear(features, 1)
    layer.weight = nn.Parameter(torch.empty(0, features))
    layer.bias = nn.Parameter(torch.empty(0))
    layer.out_features = 0
    return layer


class SeparateHead(Head):
    """One layer for each task, made when the task begins."""

    kind = "separate"

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.layers = nn.ModuleList()
        self.taken: list[nn.Linear] = []
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def take(self, layer: nn.Linear, beside: nn.Module | None = None) -> None:
        """The layer becomes the first task's, if that has as many outputs."""
        refuse_to_part(layer, beside, "a separate head, where each task has a layer of its own,")
        self.bias, self.taken = layer.bias is not None, [layer]

    @property
    def width(self) -> int:
        """Outputs of all tasks begun."""
        return self.opened

    def open(self, task: int, first: int, last: int) -> None:
        """Adds a layer of `last - first` outputs."""
        super().open(task, first, last)
        like = self.get_buffer("like")
        if task == 0 and self.taken and self.taken[0].out_features == last - first:
            self.layers.append(self.taken.pop())
            return
        self.layers.append(
            nn.Linear(self.inputs_of(task), last - first, self.bias).to(like.device, like.dtype)
        )

    def inputs_of(self, task: int) -> int:
        """Width of what the layer of a task reads."""
        return self.features

    def forward(self, h: Tensor, task: int | Tensor | None = None) -> Tensor:
        """Features (N, D) → logits (N, C); only the layers of the rows' tasks are computed."""
        if task is None:
            return torch.cat(
                [layer(h) for layer in self.layers[: len(self.ranges)]], 1
            )  # a snapshot has fewer ranges
        if isinstance(task, int):
            first, last = self.range_of(task)
            return F.pad(self.layers[task](h), (first, self.width - last), value=-torch.inf)
        z = h.new_full((len(h), self.width), -torch.inf)
        for t in task.unique().tolist():
            rows = (task == t).nonzero().flatten().to(h.device)
            first, last = self.range_of(t)
            z = z.index_put(
                (rows[:, None], torch.arange(first, last, device=h.device)),
                self.layers[t](h[rows]).to(z.dtype),
            )
        return z


def make_head(kind: str, features: int, outputs: int | None = None) -> Head:
    """A head by name: `separate`, `masked`, `fixed` or `growing`; masked and fixed need the number of outputs."""
    if kind not in HEADS:
        raise unknown("head", kind, HEADS)
    if kind in ("masked", "fixed"):
        if not outputs:
            raise HoldfastError(
                f"a {kind} head needs the number of outputs, got {outputs}; pass outputs="
            )
        positive("the outputs of a head", [outputs])
        return (MaskedHead if kind == "masked" else FixedHead)(features, outputs)
    return (SeparateHead if kind == "separate" else GrowingHead)(features)


def check_head(kind: str, scenario: str) -> None:
    """Refuses a head that contradicts the scenario.

    >>> check_head("separate", "class")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    holdfast.errors.HoldfastError: a separate head contradicts the class scenario: ...; expected growing or masked
    """
    if kind not in FITS[scenario]:
        raise HoldfastError(
            f"a {kind} head contradicts the {scenario} scenario: {REASON[scenario]}; expected {' or '.join(FITS[scenario])}"
        )
