"""LatentReplay: replay of activations (Pellegrini et al. 2020, section IV).

    loss: (n L_new + m L_stored) / (n + m)

Here L_new is the mean loss of the n new rows, and L_stored that of m stored rows. The memory holds
what the first layers of the network, the trunk, made of old inputs. No raw input is kept, and
replay passes through the layers above the trunk alone.

The trunk is frozen after the first task (`freeze="first"`), or from the start for a pretrained
network (`freeze="start"`). The paper slows its trunk down instead, and lets stored activations age.
With BatchNorm above the trunk, new and stored rows are normalised apart.

A step costs one pass, and a pass of the stored rows through the layers above the trunk.
"""

import torch
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.errors import one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, at_least
from holdfast.methods.needed import need_wrapper
from holdfast.methods.replay import Replay, checked_ratio, share_to_rows, stream_rows
from holdfast.methods.view import LearnerView
from holdfast.models.classifier import need_classifier
from holdfast.models.network import Network
from holdfast.models.trunk import Trunk
from holdfast.named_inputs import Inputs


class LatentReplay(Replay):
    """Replays what a frozen trunk made of old inputs; stores no raw example."""

    declaration = Declaration(
        family="replay",
        paper="Pellegrini et al. 2020",
        summary="replays activations of a frozen trunk; stores no raw example",
        stores_examples=True,
        ignores=("training.groups",),  # stored rows have a forward pass of their own anyway,
        needs="a backbone that is a sequence of layers",
        not_for_texts="stores one feature vector per example, not one per token",
        keeps="activations, no raw input",
        passes=Passes(
            words="one pass + a pass through the top (here: through all)", gradients=(1,)
        ),
        small=(
            "LatentReplay(40)",
            "LatentReplay(40, freeze='start', depth=2)",
        ),
        typical="LatentReplay(200)",
    )

    def __init__(
        self,
        capacity: int,
        depth: int = 1,
        ratio: float = 0.5,
        freeze: str = "first",
        memory: str = "class_balanced",
    ) -> None:
        """Set up the memory and the trunk.

        Args:
            capacity: The number of activations in the memory. They enter it at a boundary.
            depth: How many layers (or blocks) with weights of the backbone are the trunk, at
                least 1.
            ratio: The memory's share of the rows of a step, in [0, 1). 0: no replay.
            freeze: When the trunk is frozen: after the `first` task, or from the `start`.
            memory: The policy of the memory: `reservoir`, `class_balanced` or `ring`.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> LatentReplay(500, depth=2)
            LatentReplay(500, depth=2)
        """
        policy = one_of("memory policy", memory, ("reservoir", "class_balanced", "ring"))
        super().__init__(capacity, policy, "boundary")
        self.depth = int(at_least("depth", depth, 1))
        self.ratio = checked_ratio(ratio)
        self.freeze = one_of("freeze", freeze, ("first", "start"))

    def attach(self, model: Network) -> Network:
        # The number of the task from which the trunk is frozen: the first or the second.
        frozen_from = int(self.freeze == "first")
        return Trunk(need_classifier(model, self.name), self.depth, frozen_from)

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        weights = step.batch.weights()
        new = Rows(step.x, step.batch.y, step.batch.task)
        new_loss = learner.objective.losses(step.logits, new, step.competing) @ weights
        new_rows = stream_rows(step.batch)
        size = share_to_rows(self.ratio, new_rows)
        if not size or not len(self.memory):
            return new_loss  # before the first boundary, nothing is stored
        rows = self.memory.sample(size)
        stored_loss = self._loss_on_stored(learner, rows)
        total = new_rows * new_loss + len(rows) * stored_loss
        return total / (new_rows + len(rows))

    def _loss_on_stored(self, learner: LearnerView, rows: Rows) -> Tensor:
        """Compute the mean loss of stored activations, through the layers above the trunk."""
        batch = Batch.of_stream(rows)
        # In the task scenario, each row is told apart among the outputs of its own task.
        task = None
        if learner.scenario == "task":
            task = rows.task
        # Only the layers above the trunk, because that is where stored activations enter.
        features = self._trunk(learner).top(rows.x)
        logits = learner.head(features, task)
        return learner.objective.losses(logits, rows, learner.competing(batch)).mean()

    def kept(self, learner: LearnerView, rows: Rows) -> Rows:
        """Return raw rows with their activations in place of the inputs."""
        return Rows(self.latent(learner, rows.x), rows.y.to(learner.device), rows.task)

    @torch.no_grad()
    def latent(self, learner: LearnerView, x: Inputs) -> Tensor:
        """Compute what the trunk makes of raw inputs, in evaluation mode, not augmented."""
        # An augmentation would be drawn once, and then be the same in every replay.
        inputs = learner.prepare(x.to(learner.device), augment=False)
        return self._trunk(learner).latent(inputs)

    def _trunk(self, learner: LearnerView) -> Trunk:
        """Return the network, which `attach` divided into the trunk and what is above it."""
        return need_wrapper(learner.model, Trunk, self.name)
