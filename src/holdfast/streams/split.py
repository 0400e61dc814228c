"""A data set cut into tasks by class."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.build import Piece, Source, build, whole
from holdfast.streams.task import Augment, Stream


def class_order(labels: Sequence[Any], seed: int) -> list[Any]:
    """The order of classes that van de Ven's code draws for `seed`: class d takes position p[d], p from numpy's legacy generator.

    >>> class_order(range(10), 2)
    [3, 1, 5, 6, 0, 2, 7, 4, 9, 8]
    >>> class_order(range(10), 0)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    if seed == 0:
        return list(labels)
    p = np.random.RandomState(seed).permutation(len(labels))
    return [labels[d] for d in np.argsort(p)]


def split(
    source: Source,
    tasks: int | Sequence[int],
    scenario: str,
    *,
    order: Sequence[Any] | int | None = None,
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
    task_order: Sequence[int] | None = None,
    numbering: str = "position",
) -> Stream:
    """`tasks` tasks of equally many classes, or tasks of the numbers of classes listed.

    `order` lists the classes, or is the seed that shuffles them (None or 0: sorted). `numbering`: in the domain
    scenario class number k of each task is output k (`position`, as Split MNIST is defined there: the first or
    the second digit of the pair), or each class has an output of its own (`label`).

    >>> from holdfast.streams.sources import digits
    >>> [t.name for t in split(digits(), [5, 3, 2], "class")]
    ['0+1+2+3+4', '5+6+7', '8+9']
    """
    labels = source.labels
    sizes = _sizes(len(labels), tasks)
    if order is None or isinstance(order, int | float | np.number):
        classes = class_order(labels, whole("order as a seed", order or 0))
    else:
        classes = list(order)
        if sorted(map(str, classes)) != sorted(map(str, labels)):
            raise HoldfastError(
                f"order must list each class once; expected a permutation of {labels}, got {classes}"
            )
    if scenario in ("task", "domain") and min(sizes) < 2:
        raise HoldfastError(
            f"the {scenario} scenario needs at least 2 classes a task, got {min(sizes)}; use fewer tasks or scenario='class'"
        )
    ends = list(accumulate(sizes))
    groups = [tuple(classes[end - size : end]) for end, size in zip(ends, sizes, strict=True)]
    pieces = [Piece("+".join(map(str, g)), source, g) for g in groups]
    rest: dict[str, Any] = {
        "validation": validation,
        "seed": seed,
        "augment": augment,
        "task_order": task_order,
    }
    return build(pieces, scenario, numbering=numbering, name=f"split-{source.name}", **rest)


def grouped(
    source: Source,
    scenario: str,
    *,
    validation: float = 0.0,
    seed: int = 0,
    task_order: Sequence[int] | None = None,
    numbering: str = "position",
) -> Stream:
    """A task for each group of the source's labels (intents by domain, say); `numbering` as in `split`."""
    if not source.label_groups:
        raise HoldfastError(f"the labels of {source.name} have no groups; use stream='split'")
    names = list(dict.fromkeys(source.label_groups.values()))
    pieces = [
        Piece(n, source, tuple(v for v in source.labels if source.label_groups[v] == n))
        for n in names
    ]
    rest: dict[str, Any] = {"validation": validation, "seed": seed, "task_order": task_order}
    return build(pieces, scenario, numbering=numbering, name=f"grouped-{source.name}", **rest)


def _sizes(labels: int, tasks: int | Sequence[int]) -> list[int]:
    """The number of classes of each task."""
    if not isinstance(tasks, int | float | np.number):
        tasks = [whole("the number of classes of a task", n) for n in tasks]
        if sum(tasks) != labels or min(tasks, default=0) < 1:
            raise HoldfastError(
                f"the tasks' classes must add up to {labels}, each at least 1; got {list(tasks)}, {sum(tasks)} in all"
            )
        return list(tasks)
    tasks = whole("tasks", tasks, 1)
    if labels % tasks:
        divisors = [d for d in range(1, labels + 1) if labels % d == 0]
        raise HoldfastError(
            f"{labels} classes cannot be cut into {tasks} equal tasks; tasks must be one of {divisors}, or give the size of each: [5, 3, 2]"
        )
    return [labels // tasks] * tasks
