"""From a task to what a memory keeps of it, and from a memory to parts to train on."""

import torch
import torch.nn.functional as F

from holdfast.engine.batch import Rows
from holdfast.engine.memory import GROWING, Memory
from holdfast.engine.ranking import herding, k_centre
from holdfast.errors import HoldfastError
from holdfast.methods.view import LearnerView
from holdfast.streams.task import ArrayPart, Stream, Task

CHUNK = 4096  # examples that are read at once


def ranked(learner: LearnerView, task: Task, memory: Memory) -> dict[str, Rows]:
    """Rank the training examples of a task that a memory may keep, by their features.

    Args:
        learner: The learner, whose network gives the features.
        task: The task that has ended.
        memory: The memory. `herding` policies rank the examples of each class, by how well the
            first of them approximate the class mean (Welling 2009). `coreset` ranks all examples of
            the task, so that the first of them are far apart (k-centre).

    Returns:
        For each group of the memory, at most `capacity` examples, the best first.

    Raises:
        HoldfastError: The memory keeps a coreset that is larger than the task.
    """
    every_row = torch.arange(len(task.train))
    chunks = task.train.batches(every_row.split(CHUNK))
    labels = torch.cat([y for _, y, _ in chunks]).cpu()
    # On the unit sphere, so that distances compare directions, as in iCaRL.
    features = F.normalize(learner.embed(task), dim=1)
    groups = {}
    if memory.policy == "coreset":
        rank = k_centre
        tasks_held = len(memory.host["groups"])
        refuse_larger(memory.capacity // (tasks_held + 1), task)
        groups[str(task.index)] = every_row
    else:
        rank = herding
        for label in labels.unique().tolist():
            groups[f"{task.index}:{label}"] = (labels == label).nonzero().flatten()
    kept = {}
    for key, rows in groups.items():
        best = rows[rank(features[rows.to(features.device)], memory.capacity)]
        kept[key] = Rows(*task.train.fetch(best))
    return kept


def check_capacity(memory: Memory, stream: Stream, method: str) -> None:
    """Refuse a memory without room for one example of each group at the end of a stream.

    Args:
        memory: The memory.
        stream: The tasks that will come.
        method: The name of the method, for the message.

    Raises:
        HoldfastError: The memory is too small, or keeps a coreset that is larger than a task.
    """
    kind = "classes"
    groups = stream.outputs
    # Texts share one vocabulary, and have no classes.
    if memory.policy in ("coreset", "ring") or stream.objective == "language":
        kind = "tasks"
        groups = len(stream)
    elif memory.policy == "herding":
        # A class that several tasks have is ranked anew in each.
        groups = sum(len(task.labels) for task in stream)
    # The capacity of a growing memory counts for each group, so it is never too small.
    if memory.policy not in GROWING and memory.capacity < groups:
        raise HoldfastError(
            f"{method}: a memory of {memory.capacity} is smaller than the number of {kind}, "
            f"{groups}; raise capacity to at least {groups}"
        )
    if memory.policy == "coreset":
        for number, task in enumerate(stream):
            refuse_larger(memory.capacity // (number + 1), task)


def refuse_larger(share: int, task: Task) -> None:
    """Refuse a coreset with more examples than a task has.

    Args:
        share: The number of examples that the coreset of each task has.
        task: The task.

    Raises:
        HoldfastError: The coreset is larger than the task.
    """
    size = len(task.train)
    if share > size:
        raise HoldfastError(
            f"a coreset of {share} examples is larger than task {task.name!r}, which has {size}; "
            f"lower capacity to at most {size}"
        )


def stored_parts(memory: Memory) -> list[ArrayPart]:
    """Return everything that a memory stores as parts to train on, one for each task."""
    rows = memory.everything()
    parts = []
    for number in rows.task.unique().tolist():
        # The tasks of rows are on the CPU, but the rows need not be.
        places = (rows.task == number).nonzero().flatten().to(rows.y.device)
        of_task = rows.take(places)
        parts.append(ArrayPart(of_task.x, of_task.y, number))
    return parts
