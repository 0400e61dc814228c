"""MIR: maximally interfered retrieval (Aljundi et al. 2019, "Online continual learning with maximally interfered retrieval", eq. 1).

ER, whose stored rows are those whose loss a virtual step on the new rows would raise most: of `candidates` random ones the
`rows` with the largest ℓ(θ − η ∇L_new) − ℓ(θ), η the optimizer's learning rate and the virtual step plain descent.
The paper's other criterion, against the lowest loss so far, is left out. Passes: one on the new rows, two forward passes on the
candidates, one at the doubled batch.
"""

from holdfast.engine.batch import Batch
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView


class MIR(Replay):
    """Replays what the coming step would damage most."""

    declaration = Declaration(
        "replay",
        "Aljundi et al. 2019",
        "replays the stored examples that the coming step would damage most",
        boundaries=False,
        stores_examples=True,
    )

    def __init__(
        self,
        capacity: int,
        candidates: int = 50,
        rows: int = 0,
        memory: str = "reservoir",
        insert: str = "stream",
        store: str | None = None,
    ) -> None:
        """`capacity` examples; `candidates` drawn a step; `rows` of them replayed (0: as many as the stream's); the rest as in ER."""
        super().__init__(capacity, memory, insert, store)
        self.candidates, self.rows = (
            int(at_least("candidates", candidates, 1)),
            int(at_least("rows", rows, 0)),
        )

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        if not len(self.memory):
            return batch
        size, found = self.rows or stream_rows(batch), self.memory.sample(self.candidates)
        if len(found) > size:
            old = Batch.of_stream(found)
            g = learner.gradient_on(batch)
            before = learner.losses_on(old)
            with learner.at(learner.space.theta - learner.learning_rate * g):
                raised = learner.losses_on(old) - before
            found = found.take(raised.topk(size).indices)
        return batch.add(self.name, found, len(found) / stream_rows(batch))
