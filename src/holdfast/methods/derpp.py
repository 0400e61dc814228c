"""DER++: dark experience replay with labels (Buzzega et al. 2020, eq. 6).

    loss: L(θ) + α mean (z(x_m) − z_m)² + β mean CE(z(x_n), y_n)

The first two terms are DER's. The last one is the cross-entropy on stored examples x_n with their
labels y_n, and β is its weight. Labels keep working where stored logits are poor or lack classes
that came later.

- `draws=2` draws x_n independently of x_m, as the paper does.
- `draws=1` uses the same rows for both terms, which saves a third of the forward pass.

A step costs one pass over the tripled batch with `draws=2`, over the doubled one with `draws=1`.
"""

from holdfast.engine.batch import Batch
from holdfast.errors import HoldfastError
from holdfast.methods.declaration import Passes
from holdfast.methods.der import DER
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import stream_rows
from holdfast.methods.view import LearnerView


class DERpp(DER):
    """Replays stored examples with the logits that the network once gave them and their labels."""

    declaration = Declaration(
        family="replay",
        paper="Buzzega et al. 2020",
        summary="stored examples must give the logits they gave, and their labels",
        boundaries=False,
        stores_examples=True,
        not_for_texts="stores the logits of its examples, which are a whole vocabulary per token",
        keeps="examples and their logits",
        passes=Passes(words="one pass at the tripled batch", rows=3),
        small=(
            "DERpp(40)",
            "DERpp(40, draws=1)",
        ),
        typical="DERpp(200)",
    )

    def __init__(
        self, capacity: int, alpha: float = 0.5, beta: float = 0.5, batch: int = 0, draws: int = 2
    ) -> None:
        """Set up the memory.

        Args:
            capacity: Examples that are stored in all.
            alpha: α ≥ 0, the weight of the distance between logits.
            beta: β ≥ 0, the weight of the cross-entropy on stored labels.
            batch: Rows per draw. 0: as many as the stream's batch.
            draws: 2 draws other rows for the labels than for the logits (the paper), 1 the same.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> DERpp(500, draws=1)
            DERpp(500, draws=1)
        """
        super().__init__(capacity, alpha, batch)
        if draws not in (1, 2):
            raise HoldfastError(f"draws must be 1 or 2, got {draws}")
        self.beta = at_least("beta", beta, 0)
        self.draws = draws

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        if not len(self.memory):
            return batch
        size = self.batch or stream_rows(batch)
        # A mass that is not averaged is the coefficient of the mean over the block: β, or none.
        if self.draws == 1:
            return batch.add(self.name, self.memory.sample(size), self.beta, averaged=False)
        batch = batch.add(self.name, self.memory.sample(size), 0.0, averaged=False)
        return batch.add(f"{self.name} labels", self.memory.sample(size), self.beta, averaged=False)
