"""LatentReplay: replay of activations (Pellegrini et al. 2020, section IV).

The first layers, the trunk, are frozen after the first task (`freeze="first"`) or from the start ("start", for pretrained networks; the
paper slows its trunk down instead, and lets stored activations age). The memory holds the trunk's outputs: no raw input is kept, and replay
passes through the layers above alone. Loss: the mean over new and stored rows. Passes: one, and one of the stored rows through the top.
With BatchNorm above the trunk, new and stored rows are normalised apart.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.replay import Replay, share_to_rows, stream_rows
from holdfast.methods.stored import CHUNK
from holdfast.methods.view import LearnerView
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.trunk import Trunk
from holdfast.streams.task import Task


class LatentReplay(Replay):
    """Replays what a frozen trunk made of old inputs; stores no raw example."""

    declaration = Declaration(
        "replay",
        "Pellegrini et al. 2020",
        "replays activations of a frozen trunk; stores no raw example",
        stores_examples=True,
        ignores=("training.groups",),
    )

    def __init__(
        self,
        capacity: int,
        depth: int = 1,
        ratio: float = 0.5,
        freeze: str = "first",
        memory: str = "class_balanced",
    ) -> None:
        """`capacity` activations; `depth` weight layers (or blocks) of the backbone are the trunk; `ratio` memory share of the batch;
        `freeze` first or start; `memory` policy."""
        super().__init__(
            capacity,
            one_of("memory policy", memory, ("reservoir", "class_balanced", "ring")),
            "boundary",
        )
        self.depth, self.ratio = int(at_least("depth", depth, 1)), ratio
        self.freeze = one_of("freeze", freeze, ("first", "start"))
        share_to_rows(ratio, 1)

    def attach(self, model: Network) -> Network:
        return Trunk(
            need_classifier(model, self.name), self.depth, 0 if self.freeze == "start" else 1
        )

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        w = step.batch.weights()
        loss = step.competing.losses(step.logits, step.batch.y) @ w
        n = stream_rows(step.batch)
        size = share_to_rows(self.ratio, n)
        if not size or not len(self.memory):
            return loss
        rows = self.memory.sample(size)
        batch, task = Batch.of_stream(rows), rows.task if learner.scenario == "task" else None
        z = learner.head(self._trunk(learner).top(rows.x), task)
        stored = learner.competing(batch).losses(z, batch.y).mean()
        return (n * loss + len(rows) * stored) / (n + len(rows))

    def offer_task(self, learner: LearnerView, task: Task) -> None:
        order = torch.randperm(len(task.train), generator=self.generator("boundary"))
        for x, y, t in task.train.batches(order.split(CHUNK)):
            self.memory.insert(Rows(self.latent(learner, x), y.to(learner.device), t))

    @torch.no_grad()
    def latent(self, learner: LearnerView, x: Tensor) -> Tensor:
        """What the trunk makes of raw inputs, in eval mode, not augmented."""
        inputs = learner.prepare(x.to(learner.device), augment=False)
        return self._trunk(learner).latent(inputs)

    def _trunk(self, learner: LearnerView) -> Trunk:
        if not isinstance(learner.model, Trunk):
            raise HoldfastError(
                "another part of the sum replaced the network; LatentReplay needs its trunk"
            )
        return learner.model
