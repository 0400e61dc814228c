"""MIR: maximally interfered retrieval (Aljundi et al. 2019, eq. 1).

    s(x) = ℓ(θ − η ∇L_new; x) − ℓ(θ; x)

Here ℓ is the loss of a stored row x, L_new the loss on the new rows, and η the learning rate of the
optimizer, so that s(x) is how much a step on the new rows alone would raise the loss of x. Of
`candidates` random rows, the `rows` with the largest s are replayed. The virtual step is plain
descent, whatever the optimizer. Apart from which rows are replayed, MIR is ER.

The paper, "Online continual learning with maximally interfered retrieval", has another criterion as
well, which compares with the lowest loss so far. It is left out.

A step costs a pass over the new rows, two forward passes over the candidates, and a pass over the
new and replayed rows.
"""

from holdfast.engine.batch import Batch
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, stream_rows
from holdfast.methods.view import LearnerView


class MIR(Replay):
    """Replays the stored examples that the coming step would damage most."""

    declaration = Declaration(
        family="replay",
        paper="Aljundi et al. 2019",
        summary="replays the stored examples that the coming step would damage most",
        boundaries=False,  # examples enter the memory as they come
        stores_examples=True,
        keeps="examples",
        passes=Passes(
            words="one pass at the doubled batch + one pass + two forwards of 128",
            rows=2,
            forwards=(2, 2),
            gradients=(1,),
        ),
        small=("MIR(40, candidates=60)",),
        typical="MIR(200, candidates=128)",
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
        """Set up the memory and the retrieval.

        Args:
            capacity: The number of examples in the memory.
            candidates: The random rows per step among which the most damaged are looked for, at
                least 1 (C in the paper).
            rows: How many of them are replayed (k in the paper). 0: as many as the new rows.
            memory: The policy of the memory, as in `ER`.
            insert: When examples enter the memory, as in `ER`: `stream` or `boundary`.
            store: The name of a memory that several methods of a sum share. None: one of its own.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> MIR(500, candidates=100)
            MIR(500, candidates=100)
        """
        super().__init__(capacity, memory, insert, store)
        self.candidates = int(at_least("candidates", candidates, 1))
        self.rows = int(at_least("rows", rows, 0))

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        if not len(self.memory):
            return batch
        size = self.rows or stream_rows(batch)
        replayed = self.memory.sample(self.candidates)
        # With no more candidates than rows to replay, there is nothing to choose.
        if len(replayed) > size:
            candidates = Batch.of_stream(replayed)  # each row is judged by its own loss
            new_gradient = learner.gradient_on(batch)
            before = learner.losses_on(candidates)
            with learner.at(learner.space.theta - learner.learning_rate * new_gradient):
                raised = learner.losses_on(candidates) - before  # s
            replayed = replayed.take(raised.topk(size).indices)
        return batch.add(self.name, replayed, len(replayed) / stream_rows(batch))
