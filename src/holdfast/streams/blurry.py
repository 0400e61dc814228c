"""Blurry task boundaries: some of the examples of every task come with other tasks."""

from dataclasses import replace

import numpy as np
import torch

from holdfast.errors import HoldfastError
from holdfast.streams.arguments import whole
from holdfast.streams.parts import JoinedPart, Subset
from holdfast.streams.task import Stream

PURPOSE = 7  # keeps this draw apart from the other draws of the same seed


def blurry(stream: Stream, share: float, *, seed: int = 0) -> Stream:
    """Move a share of each task's training examples to the other tasks (Bang et al. 2021).

    Every other task gets the same number of them. A moved example keeps its task, which the learner
    is told of every row in the task scenario, so only the class and domain scenarios can be
    blurred. In the class scenario all outputs are open from the first task on, because every class
    may come at any time. Test and validation examples stay where they are.

    Args:
        stream: The stream.
        share: The share of each task's training examples to move, in [0, 1).
        seed: The seed that draws these examples.

    Returns:
        A stream with the same tasks and other training parts.

    Raises:
        HoldfastError: The share is out of range, or the scenario is "task".

    Example:
        >>> from holdfast.streams import digits, split
        >>> s = split(digits(), 5, "class")
        >>> len(s[0].train), len(blurry(s, 0.2)[0].train)
        (288, 290)
    """
    if not 0 <= share < 1:
        raise HoldfastError(
            f"share must be the part of each task that moves to other tasks, in [0, 1), got {share}"
        )
    whole("seed", seed)
    if stream.scenario == "task":
        raise HoldfastError(
            "boundaries cannot be blurred in the task scenario, because each row's task is known "
            "there; use the class or the domain scenario"
        )
    # There is no other task to move to, or nothing to move.
    if len(stream) < 2 or not share:
        return stream
    tasks = []
    for task, parts in zip(stream, _blurred(stream, share, seed), strict=True):
        outputs = task.outputs
        if stream.scenario == "class":
            # Any class may come in any task, so all outputs are open from the start.
            outputs = (0, stream.outputs)
        tasks.append(replace(task, train=JoinedPart(parts), outputs=outputs, competing=None))
    return replace(stream, tasks=tuple(tasks), name=f"blurry-{stream.name}")


def _blurred(stream: Stream, share: float, seed: int) -> list[list[Subset]]:
    """For each task, the parts that it trains on: most of its own examples, and some of others."""
    parts: list[list[Subset]] = [[] for _ in stream]
    for number, task in enumerate(stream):
        generator = np.random.default_rng([seed, PURPOSE, number])
        order = torch.from_numpy(generator.permutation(len(task.train)))
        moved = round(share * len(order))
        # Rows are sorted, because reading in order is faster and training shuffles them anyway.
        parts[number].append(Subset(task.train, order[moved:].sort().values))
        others = [other for other in range(len(stream)) if other != number]
        shares = torch.tensor_split(order[:moved], len(others))
        for other, rows in zip(others, shares, strict=True):
            # With few moved examples some tasks get none, and a part without rows serves nobody.
            if len(rows):
                parts[other].append(Subset(task.train, rows.sort().values))
    return parts
