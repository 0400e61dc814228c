"""Mix: a fixed outside data set at a ratio of each batch (as in Ibrahim et al. 2024).

    with labels:    loss = mean over the n new rows and the m outside rows together
    without labels: loss = mean over the n new rows; teachers of the sum answer all n + m rows

Outside rows make up a share r of the batch, so that m = n r / (1 − r) on average ("Simple and
scalable strategies to continually pre-train large language models" replays 0.5 to 50 % of earlier
data). If m is no whole number, its fraction is carried on to the next batches: after N new rows,
⌊u + N r / (1 − r)⌋ outside rows were used, where u in [0, 1) comes from the seed. Outside rows come
in shuffled passes over the whole set, so each is used equally often.

- Unlike a memory, the set is not collected from the tasks, and does not change.
- A row without a label has the weight 0 in the loss. KLAnchor and LwF compare their answers on it
  as on new rows, so one of them must be in the sum. BatchNorm sees such rows in any case.
- Rows keep the outputs of their own labels. A label that the network has no output for is refused.

A step costs one pass over the longer batch.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows
from holdfast.engine.stateful import Derived, seed_from
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, Method
from holdfast.methods.outside_set import FIRST, Dataset, OutsideSet
from holdfast.methods.replay import checked_ratio, stream_rows
from holdfast.methods.view import LearnerView
from holdfast.streams.own_data.digests import digest_of
from holdfast.streams.own_data.files import existing, is_own
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.task import Stream, Task

SEEDS = 2**48  # `seed_from` gives a number below this


class Mix(Method):
    """Mixes rows of a fixed data set into every batch, such as general texts into special ones."""

    declaration = Declaration(
        family="replay",
        paper="Ibrahim et al. 2024",
        summary="rows of a fixed outside data set are mixed into every batch",
        boundaries=False,
        memory="none",
        neutral=(("ratio", 0.0),),
        keeps="– (reads an outside data set)",
        passes=Passes(words="one pass at the doubled batch", rows=2),
        small=(
            "Mix('first', 0.3)",
            "KLAnchor(1.0) + Mix('first', 0.2, labels=False)",
        ),
        typical="Mix('first', 0.5)",
    )

    def __init__(
        self,
        dataset: Dataset,
        ratio: float,
        labels: bool = True,
        classes: Sequence[str | int] | None = None,
        tokenizer: str | None = None,
    ) -> None:
        """Set up the mixture.

        Args:
            dataset: A name or a path as `--data` takes it: digits, a data set in HOLDFAST_DATA, a
                folder of images, or a table of texts. "first" is the training examples of the first
                task, from the second one on. In Python also a task, a part of one, a pair (inputs,
                outputs), or inputs alone with `labels=False`.
            ratio: r in [0, 1), the share of outside rows in a batch. 0: none.
            labels: Whether the rows' labels are learnt. If not, they need KLAnchor or LwF.
            classes: The labels of a named data set whose rows are used. None: all.
            tokenizer: The folder of a language model whose tokens texts become. None: texts become
                hashed features.

        Raises:
            HoldfastError: An argument is outside its range, or has no effect.

        Example:
            >>> Mix("digits", 0.05, labels=False)
            Mix('digits', 0.05, labels=False)
        """
        super().__init__()
        self.ratio = checked_ratio(ratio)
        self.labels = labels
        self.outside = OutsideSet(dataset, classes, labels, tokenizer)
        self.host["seen"] = 0  # new rows so far
        self._order = Derived[Tensor]()

    def written(self, name: str) -> str:
        """Write a call of `name`, with the number of rows for a data set that has no name."""
        text = super().written(name)
        dataset = self.arguments.get("dataset", self.outside.name)
        return text.replace(repr(dataset), repr(self.outside.name), 1)

    def declare(self) -> Declaration:
        """Declare that rows without labels need a part that distils, and "first" a boundary."""
        return replace(
            super().declare(),
            unlabelled=not self.labels and self.ratio > 0,
            boundaries=self.outside.name == FIRST,
        )

    def data_digests(self) -> dict[str, str]:
        """What the user's own files are known by, so that a run notices that they changed."""
        name = self.outside.name
        if name == FIRST or not isinstance(self.arguments["dataset"], str) or not is_own(name):
            return {}
        return {name: digest_of(existing(name))}

    def check(self, learner: LearnerView, stream: Stream) -> None:
        if self.ratio:
            begun = len(learner.head.ranges)
            self.outside.prepare(learner, stream.tasks[: begun + 1])

    def begin(self, learner: LearnerView, task: Task) -> Task:
        if self.ratio:
            self.outside.prepare(learner, [*learner.tasks[:-1], task])
        return task

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        # The first task's examples are in its own batches already.
        if not self.ratio or (self.outside.name == FIRST and not learner.task_number):
            return batch
        new = stream_rows(batch)
        given = self._due()
        self.host["seen"] += new
        size = self._due() - given
        if not size:
            return batch
        part = self.outside.part
        x, y, tasks = part.fetch(self._places(given, size, len(part)))
        x = x.to(learner.device)
        if self.labels:
            rows = Rows(x, y.to(learner.device), self._tasks(learner, y, tasks))
            return batch.add(self.name, rows, size / new, sparse=True)
        # Target and task of any row of the batch will do, because they have no weight in the loss.
        y = batch.y[:1].expand(size, *batch.y.shape[1:])
        rows = Rows(x, y, rows_of_task(int(batch.task[0]), size))
        return batch.add(self.name, rows, 0.0, labelled=False, sparse=True)

    def _due(self) -> int:
        """Return how many outside rows belong to the new rows so far."""
        start = seed_from(self.seed, "start") / SEEDS
        seen: int = self.host["seen"]
        return math.floor(start + seen * self.ratio / (1 - self.ratio))

    def _places(self, given: int, size: int, rows: int) -> Tensor:
        """Return the next places in the outside set, of which `given` were used."""
        places = []
        while size:
            number, first = divmod(given, rows)
            taken = self._pass(number, rows)[first : first + size]
            places.append(taken)
            given += len(taken)
            size -= len(taken)
        return torch.cat(places)

    def _pass(self, number: int, rows: int) -> Tensor:
        """Return the order of the outside rows in a pass over all of them."""
        generator = torch.Generator().manual_seed(seed_from(self.seed, "pass", number))
        return self._order.get((number, rows), lambda: torch.randperm(rows, generator=generator))

    def _tasks(self, learner: LearnerView, y: Tensor, tasks: Tensor) -> Tensor:
        """Return the number of the task of each row, which only the task scenario asks for."""
        if self.outside.name == FIRST:
            return tasks
        if learner.scenario != "task" or learner.objective.sequences:
            return rows_of_task(learner.task_number, len(y))
        # The task is the one that has the output of the label, or of the first known target.
        output = y if learner.objective.takes_labels else (~y.isnan()).int().argmax(1)
        ends = torch.tensor([last for _, last in learner.head.ranges])
        return torch.bucketize(output.cpu(), ends, right=True)
