"""From labelled data sets to a stream: labels become outputs, held-out examples are drawn, tasks are cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, one_of
from holdfast.streams.held_out import held_out_of_all, refuse_straddling
from holdfast.streams.inputs import refuse_unfinite
from holdfast.streams.labels import (
    Outputs,
    distinct,
    label_array,
    number_outputs,
    refuse_untrained,
    refuse_untrained_tests,
    translate,
    warn_if_measured,
)
from holdfast.streams.task import SCENARIOS, ArrayPart, Augment, Stream, Task

NO_VALIDATION = (
    "no example can be held out for validation, since that would leave none of its class or its group to "
    "train on; add examples, or leave validation out"
)


@dataclass(frozen=True)
class Source:
    """Labelled examples of a data set, training and test.

    Args:
        train_x: Raw training inputs, (N, ...).
        train_y: Their labels, (N,): whole numbers or text.
        test_x: Raw test inputs, (M, ...).
        test_y: Their labels, (M,).
        name: How messages and streams call the data set.
        label_groups: Label → name of the group of labels that it belongs to (an intent's domain), in
            the order of the groups; `grouped` makes a task of each. None: the labels have no groups.
        groups: The group of relatives that each training example belongs to, (N,): a user, a patient,
            an original image. Validation takes whole groups. None: examples are unrelated.
        test_groups: The same for the test examples, (M,); a group on both sides is refused.

    Raises:
        HoldfastError: Lengths differ, inputs are not finite, or labels are none (see `label_array`).
    """

    train_x: Tensor
    train_y: np.ndarray
    test_x: Tensor
    test_y: np.ndarray
    name: str = "data"
    label_groups: dict[Any, str] | None = None
    groups: np.ndarray | None = None
    test_groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        sides = (
            (self.train_x, self.train_y, self.groups, "training"),
            (self.test_x, self.test_y, self.test_groups, "test"),
        )
        for x, y, groups, what in sides:
            if len(x) != len(y):
                raise HoldfastError(
                    f"{self.name}: expected one label per {what} example, got {len(x)} examples and {len(y)} labels"
                )
            if groups is not None and len(groups) != len(y):
                raise HoldfastError(
                    f"{self.name}: expected one group per {what} example, got {len(y)} examples and {len(groups)} groups"
                )
            refuse_unfinite(x, f"{self.name}: {what} inputs")
        object.__setattr__(
            self, "train_y", label_array(self.train_y, f"{self.name}: training labels")
        )
        object.__setattr__(self, "test_y", label_array(self.test_y, f"{self.name}: test labels"))

    @property
    def labels(self) -> list[Any]:
        """The distinct training labels, sorted (numbers by value)."""
        return distinct(self.train_y)

    def limited(self, examples: int, seed: int) -> "Source":
        """The source with `examples` of its training examples, as many of each label, drawn by `seed`.

        A label keeps at least one example. The test examples stay as they are.
        """
        if examples > len(self.train_y):
            raise HoldfastError(
                f"{self.name} has {len(self.train_y)} training examples, {examples} were asked for; lower data.examples"
            )
        if examples < len(self.labels):
            raise HoldfastError(
                f"{self.name} has {len(self.labels)} classes, so at least as many examples are needed, got {examples}"
            )
        rng, share = np.random.default_rng(whole("seed", seed)), examples / len(self.train_y)
        found = [np.flatnonzero(self.train_y == v) for v in self.labels]
        kept = [rng.permutation(rows)[: max(round(len(rows) * share), 1)] for rows in found]
        rows = np.sort(np.concatenate(kept))
        return replace(
            self,
            train_x=self.train_x[torch.from_numpy(rows)],
            train_y=self.train_y[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


@dataclass(frozen=True)
class Piece:
    """One task before its labels are numbered: a source, the labels it takes from it, and a fixed transform of the inputs."""

    name: str
    source: Source
    labels: tuple[Any, ...]
    transform: Callable[[Tensor], Tensor] | None = None


def build(
    pieces: Sequence[Piece],
    scenario: str,
    *,
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
    name: str = "stream",
    task_order: Sequence[int] | None = None,
    numbering: str = "label",
) -> Stream:
    """Build a stream from pieces.

    Args:
        pieces: The tasks, at least one.
        scenario: task, domain or class.
        validation: Share of the training examples set aside, in [0, 1): of each class of each source,
            drawn once for all tasks that use the source (see `held_out`). 0: none.
        seed: Seed of that draw.
        augment: Random change of whole batches in training. None: none.
        name: The name of the stream.
        task_order: Which pieces are learnt, in which order. None: all, as they come.
        numbering: In the domain scenario, `label`: a label has one output in all tasks; `position`:
            class number k of each task is output k.

    Raises:
        HoldfastError: What can't be trained, validated or tested; the message says which task and why.
    """
    one_of("scenario", scenario, SCENARIOS)
    if not 0 <= validation < 1:
        raise HoldfastError(f"validation must be a share in [0, 1), got {validation}")
    whole("seed", seed)
    pieces = _ordered(pieces, task_order)
    sources = list({id(p.source): p.source for p in pieces}.values())
    _refuse_broken(sources)
    held = _validation_rows(sources, validation, seed)
    outputs = number_outputs([(p.name, p.labels) for p in pieces], scenario, numbering)
    _refuse_untrained_tests(pieces, held, scenario, numbering)
    tasks = tuple(
        _task(k, piece, outputs, held[id(piece.source)], bool(validation))
        for k, piece in enumerate(pieces)
    )
    shape = tuple(tasks[0].test.fetch(torch.tensor([0]))[0].shape[1:]) if len(tasks[0].test) else ()
    return Stream(
        tasks=tasks,
        scenario=scenario,
        outputs=len(outputs.names),
        shape=shape,
        labels=tuple(outputs.names),
        augment=augment,
        name=name,
        by_position=scenario == "domain" and numbering == "position",
    )


def whole(what: str, value: Any, least: int = 0) -> int:
    """`value` as an integer of at least `least`.

    Raises:
        HoldfastError: It is no whole number, or too small.

    Example:
        >>> whole("tasks", np.int64(5))
        5
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise HoldfastError(f"{what} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def _ordered(pieces: Sequence[Piece], task_order: Sequence[int] | None) -> list[Piece]:
    number = (
        range(len(pieces))
        if task_order is None
        else [whole("a number in task_order", k) for k in task_order]
    )
    if not number or len(set(number)) < len(number) or not set(number) <= set(range(len(pieces))):
        raise HoldfastError(
            f"task_order numbers tasks, each once; expected some of 0 to {len(pieces) - 1}, got {list(number)}"
        )
    return [pieces[k] for k in number]


def _refuse_broken(sources: Sequence[Source]) -> None:
    """Refuse what is wrong with the data sets themselves, whatever tasks are made of them."""
    refuse_straddling([s.groups for s in sources], [s.test_groups for s in sources])
    trained = set[Any]().union(*(s.labels for s in sources))
    for s in sources:
        refuse_untrained(s.name, s.test_y, trained, "no training example")


def _validation_rows(sources: Sequence[Source], share: float, seed: int) -> dict[int, np.ndarray]:
    """For each source, by its id, which training rows are held out: one draw for all tasks that use it.

    Tasks that read the same examples in several ways (turned, permuted, under other labels) hold out the
    same ones, since otherwise each would train on the validation examples of the others. Copies of a data
    set give the same draw.
    """
    if not share:
        return {id(s): np.zeros(len(s.train_y), dtype=bool) for s in sources}
    masks = held_out_of_all([s.train_y for s in sources], share, seed, [s.groups for s in sources])
    return {id(s): mask for s, mask in zip(sources, masks, strict=True)}


def _refuse_untrained_tests(
    pieces: Sequence[Piece], held: dict[int, np.ndarray], scenario: str, numbering: str
) -> None:
    trained = [set(distinct(p.source.train_y[~held[id(p.source)]])) & set(p.labels) for p in pieces]
    tested = [p.source.test_y[_rows(p.source.test_y, p.labels)] for p in pieces]
    refuse_untrained_tests([p.name for p in pieces], trained, tested, scenario, numbering)


def _task(number: int, piece: Piece, outputs: Outputs, held: np.ndarray, validated: bool) -> Task:
    """Task number `number`: its training, validation and test rows, and its outputs."""
    s, lookup = piece.source, outputs.lookups[number]
    mine = np.isin(np.arange(len(s.train_y)), _rows(s.train_y, piece.labels))
    hold = held & mine
    if validated and mine.any() and not hold.any():
        raise HoldfastError(f"task {piece.name!r}: {NO_VALIDATION}")

    def part(rows: np.ndarray) -> ArrayPart:
        y = _translated(s.train_y[rows], lookup)
        return ArrayPart(s.train_x, y, number, torch.from_numpy(rows), piece.transform)

    test_rows = _rows(s.test_y, piece.labels)
    test_y = _translated(s.test_y[test_rows], lookup)
    return Task(
        index=number,
        name=piece.name,
        train=part(np.flatnonzero(mine & ~hold)),
        test=ArrayPart(
            s.test_x, test_y, number, torch.from_numpy(test_rows), piece.transform, keep=True
        ),
        outputs=outputs.ranges[number],
        validation=part(np.flatnonzero(hold)) if validated else None,
        competing=outputs.own(number),
        labels=outputs.labels(number),
    )


def _rows(labels: np.ndarray, wanted: Sequence[Any]) -> np.ndarray:
    """The rows whose label is among those wanted."""
    if labels.dtype == object:
        chosen = set(wanted)
        return np.flatnonzero(
            np.fromiter((v in chosen for v in labels), dtype=bool, count=len(labels))
        )
    return np.flatnonzero(np.isin(labels, list(wanted)))


def _translated(labels: np.ndarray, lookup: dict[Any, int]) -> Tensor:
    return translate(labels, lookup) if len(labels) else torch.zeros(0, dtype=torch.long)


def warn_of_measurements(source: Source) -> None:
    """Warn if a user's own labels look like a measurement or an identifier."""
    warn_if_measured(source.train_y, f"{source.name}: labels")
