"""Streams of your own tables whose targets are rows of numbers."""

from collections.abc import Sequence

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.own_data.examples import Examples
from holdfast.streams.target_build import TargetExamples, build_targets
from holdfast.streams.task import Augment, Stream, Task


def target_task(examples: Examples) -> Task:
    """Make one task of all rows, with the targets of which something is known.

    Args:
        examples: The rows.

    Raises:
        HoldfastError: They have labels instead of targets.
    """
    if examples.targets is None:
        raise HoldfastError(f"{examples.table.name} has labels, and no targets")
    every = np.ones(len(examples), dtype=bool)
    rows = TargetExamples(
        examples.inputs(every), examples.targets, np.zeros(len(examples), int), examples.groups
    )
    # Of each scenario, this one leaves out targets that nothing is known of.
    stream = build_targets(rows, "task", examples.options.objective, test=examples.tested)
    return stream[0]


def target_stream(
    examples: Examples,
    scenario: str,
    *,
    task_order: Sequence[int] | None = None,
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
) -> Stream:
    """Make a stream of a table's rows and their targets.

    Args:
        examples: The rows, whose tasks a column or the time says.
        scenario: "task", "domain" or "class".
        task_order: The numbers of the tasks to learn, in order. None: all of them.
        validation: The share of the training rows to set aside.
        seed: The seed of that draw.
        augment: A random change of whole batches in training.

    Raises:
        HoldfastError: Tasks are made in another way, or one can't be learned.
    """
    tasks = examples.tasks
    if tasks is None or examples.targets is None:
        raise HoldfastError(
            f"objective={examples.options.objective!r} has no classes to make tasks of; say with "
            "task or time which column tells the tasks apart"
        )
    order = [tasks.names[number] for number in task_order or range(len(tasks.names))]
    return build_targets(
        TargetExamples(
            examples.inputs(tasks.of_row == order[0]),
            examples.targets,
            tasks.of_row,
            examples.groups,
        ),
        scenario,
        examples.options.objective,
        order=order,
        test=examples.tested,
        validation=validation,
        seed=seed,
        augment=augment,
        name=examples.table.name,
    )
