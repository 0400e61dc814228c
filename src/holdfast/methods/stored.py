"""From a task to what a memory keeps of it, and from a memory to parts to train on."""

import torch
import torch.nn.functional as F

from holdfast.engine.batch import Rows
from holdfast.engine.memory import Memory
from holdfast.engine.ranking import herding, k_centre
from holdfast.errors import HoldfastError
from holdfast.methods.view import LearnerView
from holdfast.streams.task import ArrayPart, Task

CHUNK = 4096


def ranked(learner: LearnerView, task: Task, memory: Memory) -> dict[str, Rows]:
    """The training examples of a task that a ranked memory may keep, best first: by class (herding), or as a whole (coreset)."""
    y = torch.cat(
        [y for _, y, _ in task.train.batches(torch.arange(len(task.train)).split(CHUNK))]
    ).cpu()
    features = F.normalize(learner.embed(task), dim=1)
    if memory.policy == "coreset":
        refuse_larger(memory.capacity // (len(memory.host["groups"]) + 1), task)
        groups = {str(task.index): (torch.arange(len(y)), k_centre)}
    else:
        groups = {
            f"{task.index}:{v}": ((y == v).nonzero().flatten(), herding)
            for v in y.unique().tolist()
        }
    out = {}
    for key, (rows, rank) in groups.items():
        best = rows[rank(features[rows.to(features.device)], memory.capacity)]
        x, labels, t = task.train.fetch(best)
        out[key] = Rows(x, labels, t)
    return out


def refuse_larger(share: int, task: Task) -> None:
    """Error where a coreset of `share` examples is more than the task has."""
    if share > (n := len(task.train)):
        raise HoldfastError(
            f"a coreset of {share} examples is larger than task {task.name!r}, which has {n}; lower capacity to at most {n}"
        )


def stored_parts(memory: Memory) -> list[ArrayPart]:
    """Everything stored, as parts to train on: one for each task."""
    rows = memory.everything()
    found = {
        t: rows.take((rows.task == t).nonzero().flatten().to(rows.y.device))
        for t in rows.task.unique().tolist()
    }
    return [ArrayPart(r.x, r.y, t) for t, r in found.items()]
