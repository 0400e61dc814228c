"""LaMAML: look-ahead MAML for online continual learning (Gupta, Yadav & Paull 2020), first order.

    inner step k:  θ_{k+1} = θ_k − α ∘ ∇L(θ_k; b_k)
    meta:          ∇L̄ = mean_k ∇L(θ_{k+1}; M)
                   ∇_α L̄ = −mean_k ∇L(θ_{k+1}; M) ∘ Σ_{j ≤ k} ∇L(θ_j; b_j)
    then:          α ← α − η ∇_α L̄,   θ ← θ − max(0, α) ∘ ∇L̄

Here b_k are the new rows in `inner` parts, M is the meta batch of new and stored rows, α has a
learning rate for each weight, and η is the rate at which α is learned. α falls where the gradients
of old and new rows disagree. α is kept as its difference from the first value, so that new rows of
a head start there.

- The meta gradients are averaged over all inner weights, as in the authors' code. Algorithm 1 of
  the paper takes them at the last inner weights alone.
- The inner step uses α as it is (algorithm 1). The authors' code uses max(0, α) there as well. The
  two differ for weights whose α has fallen below 0.
- `clip` bounds the norm of every gradient, inner and meta. The authors' code clips no inner one.

LaMAML has its own descent: the change of θ that the optimizer made is replaced.

A step costs `inner` passes over a part of the new rows, `inner` passes over M, and the engine's own
pass over M.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.errors import HoldfastError
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, checked_ratio, stream_rows
from holdfast.methods.view import LearnerView


class LaMAML(Replay):
    """Replay with a learned learning rate for each weight."""

    declaration = Declaration(
        family="meta-learning",
        paper="Gupta et al. 2020",
        summary="replay with a learned learning rate for each weight",
        boundaries=False,  # examples enter the memory as they come
        stores_examples=True,
        ignores=(  # because LaMAML makes the steps itself, at rates of its own
            "training.optimizer",
            "training.lr",
            "training.momentum",
            "training.weight_decay",
            "training.renew_optimizer",
            "training.schedule",
            "training.clip",
            "training.accumulate",
            "model.backbone_lr",
        ),
        keeps="examples and one θ-shaped vector",
        passes=Passes(
            words="5 passes of a fifth, 6 of the doubled batch",
            rows=2,
            gradients=(0.2,) * 5 + (2,) * 5,
        ),
        small=("LaMAML(40, inner=2)",),
        typical="LaMAML(200)",
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
        """Set up the memory and the rates.

        Args:
            capacity: The number of examples in the memory, a reservoir.
            alpha: The first learning rate α ≥ 0 of every weight.
            rate: η ≥ 0, the rate at which α is learned. 0: α stays.
            inner: The parts into which the new rows are split, at least 1.
            ratio: The memory's share of M, in [0, 1). 0: no replay.
            clip: The largest norm of each gradient, above 0. None: no clipping.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> LaMAML(500, alpha=0.05)
            LaMAML(500, alpha=0.05)
        """
        super().__init__(capacity, "reservoir", "stream")
        self.alpha = at_least("alpha", alpha, 0)
        self.rate = at_least("rate", rate, 0)
        self.inner = int(at_least("inner", inner, 1))
        self.ratio = checked_ratio(ratio)
        if clip is not None and not clip > 0:
            raise HoldfastError(
                f"clip is the largest norm of a gradient, above 0, got {clip}; None switches it off"
            )
        self.clip = clip
        self.offset = self.vector_state()  # α minus its first value

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        return self.mixed(batch, self.ratio)

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        theta = learner.space.theta
        if self.offset is None:
            self.offset = torch.zeros_like(theta)
        alpha = self.offset + self.alpha
        path = torch.zeros_like(theta)  # Σ_{j ≤ k} ∇L(θ_j; b_j)
        meta_gradient = torch.zeros_like(theta)  # ∇L̄
        alpha_gradient = torch.zeros_like(theta)  # ∇_α L̄
        parts = _parts(step.batch, self.inner)
        with learner.at(theta.detach().clone()):
            for part in parts:
                # Both gradients use one scratch vector, so the first is spent before the second.
                fast = self._clipped_gradient(learner, part)
                path += fast
                theta.data.addcmul_(alpha, fast, value=-1)
                slow = self._clipped_gradient(learner, step.batch)
                meta_gradient.add_(slow, alpha=1 / len(parts))
                alpha_gradient.addcmul_(slow, path, value=-1 / len(parts))
        self.offset.sub_(alpha_gradient, alpha=self.rate)
        # `update` returns it in place of what the optimizer makes of the gradient.
        rates = (self.offset + self.alpha).clamp_min_(0)
        step.scratch[self.name] = rates.mul_(meta_gradient).neg_()
        return g

    def _clipped_gradient(self, learner: LearnerView, batch: Batch) -> Tensor:
        """Compute the gradient on a batch, with a norm of at most `clip`, in the scratch vector."""
        vector = learner.gradient_on(batch, out=learner.space.scratch)
        if self.clip is None:
            return vector
        # Without a look at the norm's value, for which the host would wait for the device.
        return vector.mul_((self.clip / vector.norm().clamp_min(1e-12)).clamp(max=1))

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        return step.scratch.pop(self.name, delta)


def _parts(batch: Batch, count: int) -> list[Batch]:
    """Split the new rows of a batch into parts, as many as `count` if there are enough rows."""
    places = torch.arange(stream_rows(batch)).tensor_split(count)
    return [Batch.of_stream(batch.rows(index)) for index in places if len(index)]
