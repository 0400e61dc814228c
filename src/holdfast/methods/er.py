"""ER: experience replay (Chaudhry et al. 2019, "On tiny episodic memories"; Robins 1995).

    weights="mean": loss = mean over the new rows and the stored rows together
    weights="task": loss = 1/t mean over new rows + (1 − 1/t) mean over stored rows

Here t is the number of the current task, from 1. Each step mixes rows from a memory of earlier
examples into the batch. The first form treats all rows alike, as in the paper. The second one gives
each task the same weight (van de Ven et al. 2022).

A step costs one pass over the doubled batch, if the memory's share of the batch is 0.5.
"""

from holdfast.engine.batch import Batch
from holdfast.errors import one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration
from holdfast.methods.replay import Replay, checked_ratio, share_to_rows, stream_rows
from holdfast.methods.view import LearnerView


class ER(Replay):
    """Mixes stored examples into every batch. Try it first if new classes arrive over time."""

    declaration = Declaration(
        family="replay",
        paper="Chaudhry et al. 2019",
        summary="stored examples are mixed into every batch",
        boundaries=False,
        stores_examples=True,
        neutral=(("ratio", 0.0),),
        keeps="examples",
        passes=Passes(words="one pass at the doubled batch", rows=2),
        small=(
            "ER(40)",
            "ER(40, memory='herding')",
            "ER(40, memory='coreset')",
            "ER(10, memory='per_class', insert='boundary', weights='task', balance='task')",
        ),
        typical="ER(200)",
    )

    def __init__(
        self,
        capacity: int,
        ratio: float = 0.5,
        weights: str = "mean",
        memory: str = "reservoir",
        insert: str = "stream",
        balance: str = "rows",
        store: str | None = None,
    ) -> None:
        """Set up the memory.

        Args:
            capacity: Examples that are stored in all.
            ratio: The memory's share of the batch, in [0, 1). 0.5 draws as many rows as the stream
                brings.
            weights: `mean` weighs all rows alike, `task` gives each task the same weight.
            memory: The policy of the memory (see `Memory`).
            insert: `stream` stores examples as they come, `boundary` when their task ends.
            balance: `rows` draws stored rows alike, `task` as many of each task.
            store: A name under which parts of a sum share one memory. None: a memory of its own.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> ER(500, memory="class_balanced")
            ER(500, memory='class_balanced')
        """
        super().__init__(capacity, memory, insert, store)
        self.ratio = checked_ratio(ratio)
        self.weights = one_of("weights", weights, ("mean", "task"))
        self.balance = one_of("balance", balance, ("rows", "task"))

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        size = share_to_rows(self.ratio, stream_rows(batch))
        if not size or not len(self.memory):
            return batch
        rows = self.memory.sample(size, per_task=self.balance == "task")
        if self.weights == "mean":
            # Relative to the mass 1 of the new rows, so that each row weighs the same.
            return batch.add(self.name, rows, len(rows) / stream_rows(batch))
        old_tasks = learner.task_number
        # In the first task the memory has rows of that task alone, whose weight 1 − 1/t is 0.
        if not old_tasks:
            return batch
        # Masses 1 and t − 1 are divided by their sum t.
        return batch.add(self.name, rows, float(old_tasks))
