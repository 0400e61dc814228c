"""One data set cut into tasks by class, or by the groups of its classes."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.arguments import whole
from holdfast.streams.build import Piece, build
from holdfast.streams.source import Source
from holdfast.streams.task import Augment, Stream
from holdfast.streams.types import Label


def split(
    source: Source,
    tasks: int | Sequence[int],
    scenario: str,
    *,
    order: Sequence[Label] | int | None = None,
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
    task_order: Sequence[int] | None = None,
    numbering: str = "position",
) -> Stream:
    """Cut a data set into tasks by class.

    Args:
        source: The data set.
        tasks: The number of tasks of equally many classes, or the number of classes of each task.
        scenario: What the model knows when it is asked: "task", "domain" or "class".
        order: The classes in order, or the seed that shuffles them. None or 0: sorted.
        validation: The share of each class's training examples to set aside, in [0, 1). 0: none.
        seed: The seed of the validation draw.
        augment: A random change of whole batches in training. None: no change.
        task_order: The numbers of the tasks to learn, in order. None: all of them as they come.
        numbering: How the domain scenario numbers outputs. "position": class number k of each task
            is output k, as Split MNIST is defined there. "label": each class has its own output.

    Raises:
        HoldfastError: The classes can't be cut in this way, or the scenario doesn't allow it.

    Example:
        >>> from holdfast.streams import digits
        >>> [t.name for t in split(digits(), [5, 3, 2], "class")]
        ['0+1+2+3+4', '5+6+7', '8+9']
    """
    sizes = _sizes(len(source.labels), tasks)
    return build(
        _pieces(source, _classes(source.labels, order), sizes, scenario),
        scenario,
        validation=validation,
        seed=seed,
        augment=augment,
        name=f"split-{source.name}",
        task_order=task_order,
        numbering=numbering,
    )


def grouped(
    source: Source,
    scenario: str,
    *,
    validation: float = 0.0,
    seed: int = 0,
    task_order: Sequence[int] | None = None,
    numbering: str = "position",
) -> Stream:
    """Make a task of each group of labels, such as the intents of one domain.

    Args:
        source: A data set whose labels have groups.
        scenario: What the model knows when it is asked: "task", "domain" or "class".
        validation: The share of each class's training examples to set aside, in [0, 1). 0: none.
        seed: The seed of the validation draw.
        task_order: The numbers of the tasks to learn, in order. None: all of them as they come.
        numbering: As in `split`.

    Raises:
        HoldfastError: The labels have no groups.

    Example:
        >>> from dataclasses import replace
        >>> from holdfast.streams import digits
        >>> parity = {digit: ("even", "odd")[digit % 2] for digit in range(10)}
        >>> [(t.name, t.labels) for t in grouped(replace(digits(), label_groups=parity), "class")]
        [('even', (0, 2, 4, 6, 8)), ('odd', (1, 3, 5, 7, 9))]
    """
    if not source.label_groups:
        raise HoldfastError(
            f"the labels of {source.name} have no groups; use split (stream='split') instead"
        )
    # The groups keep the order in which the data set lists them.
    members: dict[str, list[Label]] = {group: [] for group in source.label_groups.values()}
    for label in source.labels:
        members[source.label_groups[label]].append(label)
    return build(
        [Piece(group, source, tuple(labels)) for group, labels in members.items()],
        scenario,
        validation=validation,
        seed=seed,
        name=f"grouped-{source.name}",
        task_order=task_order,
        numbering=numbering,
    )


def class_order(labels: Sequence[Label], seed: int) -> list[Label]:
    """Order classes as the code of van de Ven et al. (2022) does for a seed.

    Class d takes position p[d], where p comes from NumPy's legacy generator.

    Args:
        labels: The classes, sorted.
        seed: The seed. 0: the classes stay sorted.

    Returns:
        The classes in order.

    Example:
        >>> class_order(range(10), 2)
        [3, 1, 5, 6, 0, 2, 7, 4, 9, 8]
        >>> class_order(range(10), 0)
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    if seed == 0:
        return list(labels)
    # The legacy generator, because that is the one that the published runs used.
    positions = np.random.RandomState(seed).permutation(len(labels))
    return [labels[number] for number in np.argsort(positions)]


def first_classes(
    labels: Sequence[Label],
    tasks: int | Sequence[int],
    order: Sequence[Label] | int | None = None,
    first: int = 0,
) -> list[Label]:
    """Return the classes of the task that `split` makes first.

    Args:
        labels: The classes of the data set, sorted.
        tasks: As in `split`.
        order: As in `split`.
        first: The number of the task that is learned first, which a task order may change.

    Example:
        >>> first_classes(["a", "b", "c"], [1, 2], first=1)
        ['b', 'c']
    """
    sizes = _sizes(len(labels), tasks)
    start = sum(sizes[:first])
    return _classes(labels, order)[start : start + sum(sizes[first : first + 1])]


def _classes(labels: Sequence[Label], order: Sequence[Label] | int | None) -> list[Label]:
    """The classes in the order in which they are cut into tasks."""
    if order is None:
        order = 0
    # A float is no seed either, but an error about the seed says more than one about the classes.
    if isinstance(order, int | float | np.number):
        return class_order(labels, whole("order as a seed", order))
    classes = list(order)
    # Compared as text, because labels may be NumPy integers here and Python integers there.
    if sorted(map(str, classes)) != sorted(map(str, labels)):
        raise HoldfastError(
            f"order must list each class once: expected a permutation of {labels}, got {classes}"
        )
    return classes


def _sizes(classes: int, tasks: int | Sequence[int]) -> list[int]:
    """The number of classes of each task."""
    if isinstance(tasks, int | float | np.number):
        return _equal_sizes(classes, whole("tasks", tasks, 1))
    sizes = [whole("the number of classes of a task", size) for size in tasks]
    if sum(sizes) != classes or min(sizes, default=0) < 1:
        raise HoldfastError(
            f"the numbers of classes of the tasks must add up to {classes}, each at least 1, got "
            f"{sizes} with the sum {sum(sizes)}"
        )
    return sizes


def _equal_sizes(classes: int, tasks: int) -> list[int]:
    """The number of classes of each task if all tasks have equally many."""
    if classes % tasks:
        divisors = [number for number in range(1, classes + 1) if classes % number == 0]
        raise HoldfastError(
            f"{classes} classes cannot be cut into {tasks} equal tasks; the number of tasks must "
            f"be one of {divisors}, or give the size of each task, such as [5, 3, 2]"
        )
    return [classes // tasks] * tasks


def _pieces(
    source: Source, classes: Sequence[Label], sizes: Sequence[int], scenario: str
) -> list[Piece]:
    """A piece for each task, which takes the next classes."""
    # A task of one class has nothing to decide between if earlier classes do not compete.
    if scenario in ("task", "domain") and min(sizes) < 2:
        raise HoldfastError(
            f"the {scenario} scenario needs at least 2 classes per task, got {min(sizes)}; use "
            "fewer tasks, or scenario='class'"
        )
    pieces = []
    for end, size in zip(accumulate(sizes), sizes, strict=True):
        labels = tuple(classes[end - size : end])
        pieces.append(Piece("+".join(map(str, labels)), source, labels))
    return pieces
