"""ER: experience replay (Chaudhry et al. 2019, "On tiny episodic memories"; Robins 1995).

batch = new ∪ memory batch. Loss weights: `mean` (all rows equal) or `task` (1/t new, 1 − 1/t memory; van de Ven 2022).
Passes: one at the doubled batch (`ratio` 0.5).
"""

from holdfast.engine.batch import Batch
from holdfast.errors import one_of
from holdfast.methods.method import Declaration
from holdfast.methods.replay import Replay, share_to_rows, stream_rows
from holdfast.methods.view import LearnerView


class ER(Replay):
    """Mixes stored examples into every batch."""

    declaration = Declaration(
        "replay",
        "Chaudhry et al. 2019",
        "stored examples are mixed into every batch",
        boundaries=False,
        stores_examples=True,
        neutral=(("ratio", 0.0),),
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
        """`capacity` examples; `ratio` memory share of the batch; `weights` mean or task.

        `balance` draws rows alike, or as many of each old task (task). `memory` is the policy, `insert` stream or boundary, `store` a name
        under which parts of a sum share one memory.
        """
        super().__init__(capacity, memory, insert, store)
        self.ratio, self.weights = ratio, one_of("weights", weights, ("mean", "task"))
        self.balance = one_of("balance", balance, ("rows", "task"))
        share_to_rows(ratio, 1)

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        size = share_to_rows(self.ratio, stream_rows(batch))
        if not size or not len(self.memory):
            return batch
        rows = self.memory.sample(size, per_task=self.balance == "task")
        old_tasks = learner.task_number
        if self.weights == "task" and not old_tasks:
            return batch
        mass = len(rows) / stream_rows(batch) if self.weights == "mean" else float(old_tasks)
        return batch.add(self.name, rows, mass)
