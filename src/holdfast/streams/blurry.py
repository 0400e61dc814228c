"""Blurry boundaries: some examples of every task come with other tasks."""

from dataclasses import replace

import numpy as np
import torch

from holdfast.errors import HoldfastError
from holdfast.streams.build import whole
from holdfast.streams.task import JoinedPart, Stream, Subset, Task


def blurry(stream: Stream, share: float, *, seed: int = 0) -> Stream:
    """The stream with `share` of each task's training examples moved to the other tasks, the same number to each (Bang et al. 2021).

    Test parts stay as they were. All outputs are open from the first task on, since every class may come at any time; a moved example
    keeps its task, which the task scenario knows of every row, so only the class and domain scenarios may be blurred.

    >>> from holdfast.streams import digits, split
    >>> s = split(digits(), 5, "class")
    >>> [len(t.train) for t in s] == [len(t.train) for t in blurry(s, 0.0)]
    True
    """
    if not 0 <= share < 1:
        raise HoldfastError(
            f"share is how much of each task moves to the others, in [0, 1), got {share}"
        )
    whole("seed", seed)
    if stream.scenario == "task":
        raise HoldfastError(
            "boundaries cannot be blurred in the task scenario, where each row's task is known; use class or domain"
        )
    if len(stream) < 2 or not share:
        return stream
    parts: list[list[Subset]] = [[] for _ in stream]
    for k, task in enumerate(stream):
        order = torch.from_numpy(np.random.default_rng([seed, 7, k]).permutation(len(task.train)))
        moved = round(share * len(order))
        parts[k].append(Subset(task.train, order[moved:].sort().values))
        others = [j for j in range(len(stream)) if j != k]
        for j, rows in zip(others, order[:moved].tensor_split(len(others)), strict=True):
            if len(rows):
                parts[j].append(Subset(task.train, rows.sort().values))
    return replace(
        stream,
        tasks=tuple(_with(t, parts[k], stream) for k, t in enumerate(stream)),
        name=f"blurry-{stream.name}",
    )


def _with(task: Task, parts: list[Subset], stream: Stream) -> Task:
    outputs = (0, stream.outputs) if stream.scenario == "class" else task.outputs
    return replace(task, train=JoinedPart(parts), outputs=outputs, competing=None)
