"""From data sets to a stream: number the outputs, draw the validation examples, make the tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError, one_of
from holdfast.streams.arguments import check_validation, whole
from holdfast.streams.held_out import held_out_of_all, refuse_straddling
from holdfast.streams.labels import distinct
from holdfast.streams.outputs import OutputNumbers, number_outputs, translate
from holdfast.streams.parts import ArrayPart
from holdfast.streams.source import Source
from holdfast.streams.task import SCENARIOS, Augment, Stream, Task
from holdfast.streams.types import Label, Transform
from holdfast.streams.untrained import refuse_untrained, refuse_untrained_tests

NO_VALIDATION = (
    "no example can be held out for validation, because its class or its group would have no "
    "training examples left; add examples, or leave validation out"
)


@dataclass(frozen=True)
class Piece:
    """One task before its labels are numbered.

    Args:
        name: The name of the task.
        source: The data set that the task takes its examples from.
        labels: The labels of the examples that it takes.
        transform: A fixed change of the inputs. None: they stay as they are.
    """

    name: str
    source: Source
    labels: tuple[Label, ...]
    transform: Transform | None = None


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
        scenario: "task", "domain" or "class".
        validation: The share of the training examples to set aside, in [0, 1). It is drawn from
            each class of each source, once for all tasks that use the source.
        seed: The seed of that draw.
        augment: A random change of whole batches in training.
        name: The name of the stream.
        task_order: The numbers of the pieces to learn, in order. None: all of them as they come.
        numbering: How the domain scenario numbers outputs, see `number_outputs`.

    Raises:
        HoldfastError: Some task can't be trained, validated or tested; the message says why.
    """
    one_of("scenario", scenario, SCENARIOS)
    check_validation(validation)
    whole("seed", seed)
    # Only the pieces that are learned count from here on: in the checks and in the numbering.
    pieces = _ordered(pieces, task_order)
    # Tasks often share a source, which is then checked and drawn from only once.
    sources = list({id(piece.source): piece.source for piece in pieces}.values())
    _refuse_broken(sources)
    held_out = _validation_masks(sources, validation, seed)
    numbers = number_outputs([(piece.name, piece.labels) for piece in pieces], scenario, numbering)
    _check_tests(pieces, held_out, scenario, numbering)
    tasks = []
    for number, piece in enumerate(pieces):
        # Without a validation share the task has no validation part, rather than an empty one.
        mask = held_out[id(piece.source)] if validation else None
        tasks.append(_task(number, piece, numbers, mask))
    return assemble(tasks, numbers, scenario, numbering, augment=augment, name=name)


def assemble(
    tasks: Sequence[Task],
    numbers: OutputNumbers,
    scenario: str,
    numbering: str,
    *,
    augment: Augment | None = None,
    name: str = "stream",
) -> Stream:
    """Put finished tasks together as a stream, with its outputs and the shape of one input."""
    first_test = tasks[0].test
    shape: tuple[int, ...] = ()
    if len(first_test):  # else the stream refuses the task with an error of its own
        x, _, _ = first_test.fetch(torch.tensor([0]))
        if isinstance(x, Tensor):  # several tensors have no shape in common
            shape = tuple(x.shape[1:])
    return Stream(
        tasks=tuple(tasks),
        scenario=scenario,
        outputs=len(numbers.names),
        shape=shape,
        labels=tuple(numbers.names),
        augment=augment,
        name=name,
        by_position=scenario == "domain" and numbering == "position",
    )


def _ordered(pieces: Sequence[Piece], task_order: Sequence[int] | None) -> list[Piece]:
    """The pieces that are learned, in the order in which they are learned."""
    order = list(range(len(pieces)))
    if task_order is not None:
        order = [whole("a number in task_order", number) for number in task_order]
    is_unique = len(set(order)) == len(order)
    if not order or not is_unique or max(order) >= len(pieces):
        raise HoldfastError(
            f"task_order must list numbers from 0 to {len(pieces) - 1}, each at most once, got "
            f"{order}"
        )
    return [pieces[number] for number in order]


def _refuse_broken(sources: Sequence[Source]) -> None:
    """Refuse faults of the data sets themselves, which no choice of tasks can mend."""
    refuse_straddling(
        [source.groups for source in sources], [source.test_groups for source in sources]
    )
    # A sequence may test a label in one data set and train it in another.
    trained: set[Label] = set()
    for source in sources:
        trained.update(source.labels)
    for source in sources:
        refuse_untrained(source.name, source.test_y, trained, "no training example")


def _validation_masks(sources: Sequence[Source], share: float, seed: int) -> dict[int, np.ndarray]:
    """For each source, by its id, the mask of the training rows that are held out.

    There is one draw for all tasks that use a source. Tasks that read the same examples in several
    ways (rotated, permuted, under other labels) must hold out the same ones, because otherwise each
    of them would train on the validation examples of the others. Copies of a data set give the same
    draw.
    """
    if not share:
        return {id(source): np.zeros(len(source.train_y), dtype=bool) for source in sources}
    labels = [source.train_y for source in sources]
    groups = [source.groups for source in sources]
    masks = held_out_of_all(labels, share, seed, groups)
    return {id(source): mask for source, mask in zip(sources, masks, strict=True)}


def _check_tests(
    pieces: Sequence[Piece], held_out: dict[int, np.ndarray], scenario: str, numbering: str
) -> None:
    """Refuse test labels that are not trained in time; validation examples don't count."""
    trained = []
    tested = []
    for piece in pieces:
        source = piece.source
        # Examples that are held out for validation are not trained on.
        trained_labels = distinct(source.train_y[~held_out[id(source)]])
        trained.append(set(trained_labels) & set(piece.labels))
        tested.append(source.test_y[_has_label(source.test_y, piece.labels)])
    names = [piece.name for piece in pieces]
    refuse_untrained_tests(names, trained, tested, scenario, numbering)


def _task(number: int, piece: Piece, numbers: OutputNumbers, held_out: np.ndarray | None) -> Task:
    """Make a task of a piece; `held_out` marks its source's validation rows, if there are any."""
    source = piece.source
    belongs = _has_label(source.train_y, piece.labels)
    validation = None
    train_rows = belongs
    if held_out is not None:
        train_rows = belongs & ~held_out
        validation_rows = belongs & held_out
        # A task without training examples is refused by the stream, with an error that fits.
        if belongs.any() and not validation_rows.any():
            raise HoldfastError(f"task {piece.name!r}: {NO_VALIDATION}")
        validation = _training_part(number, piece, numbers, validation_rows)
    test_rows = np.flatnonzero(_has_label(source.test_y, piece.labels))
    return Task(
        index=number,
        name=piece.name,
        train=_training_part(number, piece, numbers, train_rows),
        test=ArrayPart(
            source.test_x,
            translate(source.test_y[test_rows], numbers.lookups[number]),
            number,
            torch.from_numpy(test_rows),
            piece.transform,
            keep=True,  # test examples are read after every task
        ),
        outputs=numbers.ranges[number],
        validation=validation,
        competing=numbers.competing(number),
        labels=numbers.labels(number),
    )


def _training_part(
    number: int, piece: Piece, numbers: OutputNumbers, mask: np.ndarray
) -> ArrayPart:
    """Some of the training examples of a piece, under their output numbers."""
    rows = np.flatnonzero(mask)
    y = translate(piece.source.train_y[rows], numbers.lookups[number])
    return ArrayPart(piece.source.train_x, y, number, torch.from_numpy(rows), piece.transform)


def _has_label(labels: np.ndarray, wanted: Sequence[Label]) -> np.ndarray:
    """The mask of the rows with one of the wanted labels."""
    if labels.dtype != object:
        return np.isin(labels, list(wanted))
    # NumPy compares objects one by one with each wanted label, which takes long for many labels.
    lookup = set(wanted)
    return np.fromiter((label in lookup for label in labels), dtype=bool, count=len(labels))
