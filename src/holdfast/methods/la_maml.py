"""LaMAML: look-ahead MAML for online continual learning (Gupta, Yadav & Paull 2020), first order.

With the new rows in `inner` parts b_k and the meta batch M = new ∪ stored rows: θ_{k+1} = θ_k − α ∘ ∇L(θ_k; b_k); then
α ← α − η ∇_α L̄ and θ ← θ − max(0, α) ∘ ∇L̄, with ∇L̄ = mean_k ∇L(θ_{k+1}; M) and
∇_α L̄ = −mean_k ∇L(θ_{k+1}; M) ∘ Σ_{j ≤ k} ∇L(θ_j; b_j).
Each weight thus has a learning rate of its own, which falls where old and new disagree.
- The meta gradients are averaged over all inner weights, as in the authors' code; algorithm 1 of the
  paper takes them at the last inner weights alone.
- The inner step uses α as it is (algorithm 1); the authors' code uses max(0, α) there as well. The two
  differ for weights whose α has fallen below 0.
- `clip` bounds the norm of every gradient, inner and meta. The authors' code clips no inner gradient.

LaMAML has its own descent: the change of θ that the optimizer made is replaced. α is kept as its difference from the first value, so
that new rows of a head start there. Passes: `inner` on parts of the new rows, `inner` on M, and the engine's own on M.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.errors import HoldfastError
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, share_to_rows
from holdfast.methods.view import LearnerView


class LaMAML(Replay):
    """Replay with a learnt learning rate for each weight."""

    declaration = Declaration(
        "meta-learning",
        "Gupta et al. 2020",
        "replay with a learnt learning rate for each weight",
        boundaries=False,
        stores_examples=True,
        ignores=(
            "training.optimizer",
            "training.lr",
            "training.momentum",
            "training.weight_decay",
            "training.renew_optimizer",
            "training.schedule",
            "training.clip",
            "training.accumulate",
        ),
    )

    def __init__(
        self,
        capacity: int,
        alpha: float = 0.1,
        rate: float = 0.1,
        inner: int = 5,
        ratio: float = 0.5,
        clip: float | None = 2.0,
    ) -> None:
        """`capacity` examples; `alpha` first learning rate of every weight; `rate` η of α; `inner` parts; `ratio` memory share;
        `clip` largest norm of each gradient (None: off)."""
        super().__init__(capacity, "reservoir", "stream")
        self.alpha, self.rate = at_least("alpha", alpha, 0), at_least("rate", rate, 0)
        self.inner, self.ratio = int(at_least("inner", inner, 1)), ratio
        share_to_rows(ratio, 1)
        if clip is not None and not clip > 0:
            raise HoldfastError(
                f"clip is the largest norm of a gradient, above 0, got {clip}; None switches it off"
            )
        self.clip = clip
        self.offset = self.vector_state()

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        return self.mixed(batch, self.ratio)

    def _gradient_on(self, learner: LearnerView, batch: Batch) -> Tensor:
        g = learner.gradient_on(batch, out=learner.space.scratch)
        return (
            g if self.clip is None else g.mul_((self.clip / g.norm().clamp_min(1e-12)).clamp(max=1))
        )

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        theta = learner.space.theta
        if self.offset is None:
            self.offset = torch.zeros_like(theta)
        alpha = self.offset + self.alpha
        path = torch.zeros_like(theta)
        meta = torch.zeros_like(theta)
        of_alpha = torch.zeros_like(theta)
        parts = _parts(step.batch, self.inner)
        with learner.at(theta.detach().clone()):
            for part in parts:
                fast = self._gradient_on(learner, part)
                path += fast
                theta.data.addcmul_(alpha, fast, value=-1)
                slow = self._gradient_on(learner, step.batch)
                meta.add_(slow, alpha=1 / len(parts))
                of_alpha.addcmul_(slow, path, value=-1 / len(parts))
        self.offset.sub_(of_alpha, alpha=self.rate)
        step.scratch[self.name] = (self.offset + self.alpha).clamp_min_(0).mul_(meta).neg_()
        return g

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        return step.scratch.pop(self.name, delta)


def _parts(batch: Batch, count: int) -> list[Batch]:
    """The stream's rows in `count` parts (fewer where there are fewer rows)."""
    return [
        Batch.of_stream(batch.rows(index))
        for index in torch.arange(len(batch.blocks[0])).tensor_split(count)
        if len(index)
    ]
