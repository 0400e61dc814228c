"""GenerativeReplay: deep generative replay (Shin et al. 2017, eq. 1) with a variational autoencoder (Kingma & Welling 2014).

A VAE of the inputs is trained beside the classifier. From the second task on, both learn from new rows and from inputs that the VAE of
the last boundary draws, labelled by the classifier of the last boundary: loss 1/t new + (1 − 1/t) replayed, for both networks.
- `labels`: hard (the most likely output; the paper) or soft (old outputs, by LwF's distillation at `temperature`, without T²).
- Task scenario: a drawn input has no task, so old tasks take turns as its task (the old network labels it among that task's outputs).
- VAE: inputs in [0, 1] → hidden → `latent` means and log-variances → hidden → sigmoid; loss (cross-entropy of pixels + KL to the standard
  normal) / number of pixels; Adam. Passes: one at the doubled batch, one forward of the old network, the VAE's at the doubled batch.
"""

import copy
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch, Rows, Step
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.distillation import distillation
from holdfast.methods.method import Declaration, Method, at_least
from holdfast.methods.replay import stream_rows
from holdfast.methods.teacher import Teacher
from holdfast.methods.view import LearnerView
from holdfast.models.vae import VAE
from holdfast.streams.row_tasks import rows_of_task
from holdfast.streams.task import Task


class GenerativeReplay(Method):
    """Replays inputs that a generator invents; stores no example."""

    declaration = Declaration(
        "replay",
        "Shin et al. 2017",
        "replays inputs drawn from a generative model; stores no example",
    )

    def __init__(
        self,
        hidden: tuple[int, ...] = (400, 400),
        latent: int = 100,
        labels: str = "hard",
        temperature: float = 2.0,
        lr: float = 1e-3,
    ) -> None:
        """`hidden` and `latent` sizes of the VAE; `labels` hard or soft; `temperature` of soft ones; `lr` of the VAE's Adam."""
        super().__init__()
        self.hidden, self.latent = tuple(hidden), int(at_least("latent", latent, 1))
        self.labels, self.lr = one_of("labels", labels, ("hard", "soft")), at_least("lr", lr, 1e-12)
        self.temperature = at_least("temperature", temperature, 1e-6)
        self.old = Teacher()

    def declare(self) -> Declaration:
        """The criterion is its own with soft labels only."""
        if self.labels == "soft":
            return super().declare()
        return replace(super().declare(), unused=("criterion",))

    def _vae(self, inputs: int) -> VAE:
        return VAE((inputs,), self.hidden, self.latent, seed=self.seed)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        for name in ("now", "before"):  # built in the first task, so a fresh method has none
            last = f"{prefix}{name}.decode.{2 * len(self.hidden)}.bias"
            if last in state_dict and name not in self._modules:
                self.add_module(name, self._vae(len(state_dict[last])))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def begin(self, learner: LearnerView, task: Task) -> Task:
        x = learner.prepare(
            task.train.fetch(torch.arange(min(len(task.train), 100)))[0], augment=False
        )
        if not 0 <= float(x.min()) <= float(x.max()) <= 1:
            raise HoldfastError(
                f"the VAE draws inputs in [0, 1], task {task.name!r} has {x.min():.3g} to {x.max():.3g}; scale them"
            )
        if "now" not in self._modules:
            self.now = self._vae(x[0].numel()).to(learner.device)
        return task

    def draw(self, learner: LearnerView, batch: Batch) -> Batch:
        if "before" not in self._modules:
            return batch
        t, n = learner.task_number, stream_rows(batch)
        task = rows_of_task(t - 1, n)
        if learner.scenario == "task":
            task = torch.arange(n) % t
        x = self.before.sample(n, self.generator("replay")).view(n, *batch.x.shape[1:])
        x = (x * 255).round().to(torch.uint8) if batch.x.dtype == torch.uint8 else x
        known = task if learner.scenario == "task" else None
        z = self.old.among_ended(learner.model, learner.prepare(x, augment=False), known)
        return batch.add(
            self.name,
            Rows(x, z.argmax(1), task, {"logits": z} if self.labels == "soft" else {}),
            float(t),
        )

    def criterion(self, learner: LearnerView, step: Step) -> Tensor:
        z = step.competing.of(step.logits)
        target = step.competing.position(step.batch.y)
        w = step.batch.weights()
        if (block := step.batch.block(self.name)) is None:
            return F.cross_entropy(z, target, reduction="none") @ w
        mine = torch.zeros(len(w), dtype=torch.bool, device=w.device)
        mine[step.rows(self.name)] = True
        ours, theirs = (
            step.logits[mine].clamp_min(-1e4),
            block.payloads["logits"].clamp_min(-1e4),
        )  # 0 · -inf would be NaN
        others = F.cross_entropy(z[~mine], target[~mine], reduction="none") @ w[~mine]
        return others + w[mine].sum() * distillation(ours, theirs, self.temperature)

    def after(self, learner: LearnerView, step: Step) -> None:
        with torch.enable_grad():
            opt = learner.optimizer_for("vae", self.now, lambda p: torch.optim.Adam(p, self.lr))
            opt.zero_grad()
            rows = self.now.loss(step.x, self.generator("vae"))
            (rows @ step.batch.weights().to(rows.dtype)).backward()
            opt.step()

    def consolidate(self, learner: LearnerView, task: Task) -> None:
        self.before = copy.deepcopy(self.now).requires_grad_(False)
        self.old.follow(learner, task, learner.seen_outputs)
