"""DER++: dark experience replay with labels (Buzzega et al. 2020, eq. 6).

DER + β cross-entropy on stored rows. `draws=2`: the labels' rows are a second draw, independent of the logits' (the paper); `draws=1`:
the same rows serve both, one forward less.
Passes: one at the tripled batch (`draws=2`), or the doubled one.
"""

from holdfast.engine.batch import Batch
from holdfast.errors import HoldfastError
from holdfast.methods.der import DER
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import stream_rows
from holdfast.methods.view import LearnerView


class DERpp(DER):
    """DER, and the labels of stored examples."""

    declaration = Declaration(
        "replay",
        "Buzzega et al. 2020",
        "stored examples must give the logits they gave, and their labels",
        boundaries=False,
        stores_examples=True,
    )

    def __init__(
        self, capacity: int, alpha: float = 0.5, beta: float = 0.5, batch: int = 0, draws: int = 2
    ) -> None:
        """As DER; `beta` β ≥ 0; `draws` 2: labels from a second draw (the paper), 1: from the same."""
        super().__init__(capacity, alpha, batch)
        if draws not in (1, 2):
            raise HoldfastError(f"draws must be 1 or 2, got {draws}")
        self.beta, self.draws = at_least("beta", beta, 0), draws

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        if not len(self.memory):
            return batch
        size = self.rows or stream_rows(batch)
        if self.draws == 1:
            return batch.add(self.name, self.memory.sample(size), self.beta, averaged=False)
        batch = batch.add(self.name, self.memory.sample(size), 0.0, averaged=False)
        return batch.add(f"{self.name} labels", self.memory.sample(size), self.beta, averaged=False)
