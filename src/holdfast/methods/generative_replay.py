"""GenerativeReplay: deep generative replay (Shin et al. 2017, eq. 1), here with a VAE.

    loss of the classifier: 1/t CE on new rows + (1 − 1/t) CE on drawn rows with their labels
    loss of the generator:  the same weights, with the autoencoder's loss of each row

Here t is the number of the current task. A generator of inputs is trained beside the classifier.
From the second task on, both also learn from inputs that the generator of the last boundary draws,
and that the classifier of the last boundary labels.

- The paper has a GAN. Here it is a VAE (Kingma & Welling 2014) of inputs in [0, 1].
- `labels`: `hard` is the most likely output (the paper), `soft` all old ones, as LwF without T².
- In the task scenario old tasks take turns as the task of drawn inputs, which have none.

A step costs one pass over the doubled batch, one of the VAE, and a forward pass of the old network.
"""

import copy
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.engine.distillation import distillation
from holdfast.errors import Unsuitable, one_of
from holdfast.methods.declaration import Passes
from holdfast.methods.method import Declaration, Method, at_least
from holdfast.methods.replay import stream_rows
from holdfast.methods.teacher import Teacher
from holdfast.methods.view import LearnerView
from holdfast.models.vae import VAE
from holdfast.named_inputs import need_one_tensor
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.task import Stream, Task


class GenerativeReplay(Method):
    """Replays inputs that a generator draws, and stores no example."""

    declaration = Declaration(
        family="replay",
        paper="Shin et al. 2017",
        summary="replays inputs drawn from a generative model; stores no example",
        classification_only="labels what it draws with the most likely class",
        needs="inputs of one tensor with values in [0, 1]",
        keeps="a generator and a teacher, no example",
        passes=Passes(
            words="one pass at the doubled batch + one forward + VAE", rows=2, forwards=(1,)
        ),
        small=(
            "GenerativeReplay(hidden=(32,), latent=8)",
            "GenerativeReplay(hidden=(32,), latent=8, labels='soft')",
        ),
    )

    def __init__(
        self,
        hidden: tuple[int, ...] = (400, 400),
        latent: int = 100,
        labels: str = "hard",
        temperature: float = 2.0,
        lr: float = 1e-3,
    ) -> None:
        """Set up the generator, which is built in the first task.

        Args:
            hidden: Units of each hidden layer of the VAE's encoder; the decoder has them reversed.
            latent: Latent variables of the VAE, at least 1.
            labels: `hard` or `soft` labels of drawn inputs.
            temperature: T > 0 of soft labels.
            lr: Learning rate of the VAE's Adam, > 0.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> GenerativeReplay(latent=20)
            GenerativeReplay(hidden=(400, 400), latent=20)
        """
        super().__init__()
        self.hidden = tuple(hidden)
        self.latent = int(at_least("latent", latent, 1))
        self.labels = one_of("labels", labels, ("hard", "soft"))
        self.lr = at_least("lr", lr, 1e-12)
        self.temperature = at_least("temperature", temperature, 1e-6)
        self.old = Teacher()

    def declare(self) -> Declaration:
        """Declare a criterion of its own, but only with soft labels."""
        if self.labels == "soft":
            return super().declare()
        return replace(super().declare(), unused=("criterion",))

    def _vae(self, inputs: int) -> VAE:
        """Build a generator of inputs with so many features."""
        return VAE((inputs,), self.hidden, self.latent, seed=self.seed)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        # Generators are built in the first task, so a fresh method that loads has none yet.
        for name in ("now", "before"):
            last_bias = f"{prefix}{name}.decode.{2 * len(self.hidden)}.bias"
            if last_bias in state_dict and name not in self._modules:
                self.add_module(name, self._vae(len(state_dict[last_bias])))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def check(self, learner: LearnerView, stream: Stream) -> None:
        # The tasks that have begun were checked then, and their examples may be gone.
        for task in list(stream)[len(learner.tasks) :]:
            self._need_range(learner, task)

    def begin(self, learner: LearnerView, task: Task) -> Task:
        inputs = self._need_range(learner, task)
        if "now" not in self._modules:
            self.now = self._vae(inputs).to(learner.device)
        return task

    def _need_range(self, learner: LearnerView, task: Task) -> int:
        """Refuse inputs that a VAE cannot draw, by the first rows; return the size of an input."""
        first = torch.arange(min(len(task.train), 100))
        raw = need_one_tensor(task.train.fetch(first)[0], self.name)
        x = learner.prepare(raw, augment=False)
        if not 0 <= float(x.min()) <= float(x.max()) <= 1:
            raise Unsuitable(
                f"the VAE draws inputs in [0, 1], task {task.name!r} has {x.min():.3g} to "
                f"{x.max():.3g}; scale them"
            )
        return x[0].numel()

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        if "before" not in self._modules:
            return batch
        old_tasks = learner.task_number
        size = stream_rows(batch)
        tasks = rows_of_task(old_tasks - 1, size)
        if learner.scenario == "task":
            tasks = torch.arange(size) % old_tasks
        known_tasks = tasks if learner.scenario == "task" else None
        raw = need_one_tensor(batch.x, self.name)
        x = self.before.sample(size, self.generator("replay")).view(size, *raw.shape[1:])
        if raw.dtype == torch.uint8:  # drawn rows join the raw ones, which are prepared later
            x = (x * 255).round().to(torch.uint8)
        z = self.old.among_ended(learner.model, learner.prepare(x, augment=False), known_tasks)
        payloads = {"logits": z} if self.labels == "soft" else {}
        # Masses 1 and t − 1 are divided by their sum t.
        return batch.add(self.name, Rows(x, z.argmax(1), tasks, payloads), float(old_tasks))

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        z = step.competing.of(step.logits)
        target = step.competing.position(step.batch.y)
        weights = step.batch.weights()
        block = step.batch.block(self.name)
        if block is None:
            return F.cross_entropy(z, target, reduction="none") @ weights
        drawn = torch.zeros(len(weights), dtype=torch.bool, device=weights.device)
        drawn[step.rows(self.name)] = True
        labelled = F.cross_entropy(z[~drawn], target[~drawn], reduction="none") @ weights[~drawn]
        # A probability of 0 times a logit of -inf would be NaN; at -1e4 it is 0 as well.
        now = step.logits[drawn].clamp_min(-1e4)
        before = block.payloads["logits"].clamp_min(-1e4)
        return labelled + weights[drawn].sum() * distillation(now, before, self.temperature)

    def after(self, learner: LearnerView, step: Step) -> None:
        with torch.enable_grad():
            adam = learner.optimizer_for("vae", self.now, lambda p: torch.optim.Adam(p, self.lr))
            adam.zero_grad()
            losses = self.now.loss(need_one_tensor(step.x, self.name), self.generator("vae"))
            (losses @ step.batch.weights().to(losses.dtype)).backward()
            adam.step()

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self.before = copy.deepcopy(self.now).requires_grad_(False)
        self.old.follow(learner, task, learner.seen_outputs)
