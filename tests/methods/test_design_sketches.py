"""Five demanding methods as sketches: the eleven places and the helpers suffice for them. The real ones come with their families."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers import ADAMW, SGD, learner, stream
from holdfast.engine.batch import Batch, Rows
from holdfast.engine.snapshot import Snapshot
from holdfast.methods.method import Declaration, Method, Phase
from holdfast.methods.replay import Replay
from holdfast.training import optimizer


class PackNetSketch(Method):
    """Prune after each task, retrain what is kept, freeze it: `update`, `consolidate` with a phase, `predict` with `at`."""

    declaration = Declaration("architecture", "Mallya & Lazebnik 2018", "sketch", scenarios=("task",), isolates=True)

    def __init__(self, keep: float = 0.5):
        super().__init__()
        self.keep = keep
        self.remember("owner", None, vector=True)  # 0 free, t the task that froze a weight, -1 pruned in this phase

    def begin(self, learner, task):
        if self._buffers["owner"] is None:
            self.remember("owner", torch.zeros_like(learner.space.theta), vector=True)
        self.owner[self.owner < 0] = 0
        return task

    def update(self, learner, step, delta):
        return delta * (self.owner == 0)

    def consolidate(self, learner, task):
        theta, free = learner.space.theta, self.owner == 0
        cut = theta[free].abs().quantile(1 - self.keep) if free.any() else 0
        pruned = free & (theta.abs() < cut)
        self.owner[pruned] = -1
        with torch.no_grad():
            theta[pruned] = 0
        yield Phase(task, epochs=1)
        self.owner[self.owner == 0] = task.index + 1

    def predict(self, learner, x, task):
        mine = (self.owner > 0) & (self.owner <= task + 1) if task < learner.task_number else self.owner >= 0
        with learner.at(learner.space.theta * mine):
            return learner.model(x, task)


def test_packnet_fits():
    s = stream("task")
    ours = learner(s, PackNetSketch(), ADAMW)
    first = []
    for task in s.tasks[:3]:
        ours.train(task)
        x, _, _ = s[0].test.fetch(torch.arange(20))
        if task.index:
            first.append(ours.predict(x, 0)[:, :2])
    assert torch.equal(first[0], first[1]), "what task 0 predicts is frozen under AdamW with weight decay"


class GatedFeatures(nn.Module):
    """An attention on the last hidden units for each task."""

    def __init__(self, model, tasks):
        super().__init__()
        self.inner, self.head, self.scale = model, model.head, 1.0
        self.embedding = nn.Parameter(torch.randn(tasks, model.head.features))

    def features(self, x, task=None):
        return self.inner.features(x) * torch.sigmoid(self.scale * self.embedding[task])

    def forward(self, x, task=None):
        return self.head(self.features(x, task), task)


class HATSketch(Method):
    """`attach` wraps the network, `draw` anneals, `loss` keeps the gates sparse, `update` protects, a vector remembers."""

    declaration = Declaration("architecture", "Serra et al. 2018", "sketch", scenarios=("task",), task_id=True, isolates=True)

    def __init__(self, tasks: int = 5):
        super().__init__()
        self.tasks = tasks
        self.remember("protected", None, vector=True)

    def attach(self, model):
        self.net = [GatedFeatures(model, self.tasks)]  # in a list: not a submodule of the method
        return self.net[0]

    def draw(self, learner, batch):
        self.net[0].scale = 1 + 5 * learner.task_steps / learner.order(learner.training_task).steps
        return batch

    def loss(self, learner, step):
        return 0.01 * torch.sigmoid(self.net[0].scale * self.net[0].embedding[step.batch.task]).mean()

    def update(self, learner, step, delta):
        return delta if self._buffers["protected"] is None else delta * (1 - self.protected)

    def consolidate(self, learner, task):
        gate = torch.sigmoid(self.net[0].scale * self.net[0].embedding[task.index]).detach()
        protected = torch.zeros_like(learner.space.theta)
        for name, view in learner.space.views(protected).items():
            if name.endswith("backbone.3.weight"):
                view.copy_(gate[:, None].expand_as(view))
        old = self._buffers["protected"]
        self.remember("protected", protected if old is None else torch.maximum(old, protected), vector=True)


def test_hat_fits():
    s = stream("task")
    ours = learner(s, HATSketch(), ADAMW, epochs=15)
    run = ours.fit(s)
    assert run.matrix.score(s[4].name, after=s[4].name) > 0.8
    assert 0 < ours.method.protected.max() < 1


class DERPlusPlusSketch(Replay):
    """Logits as payloads, two draws, masses outside the mean."""

    declaration = Declaration("replay", "Buzzega et al. 2020", "sketch", stores_examples=True)

    def __init__(self, capacity: int, alpha: float = 0.5, beta: float = 0.5):
        super().__init__(capacity, "reservoir", "stream")
        self.alpha, self.beta = alpha, beta

    def draw(self, learner, batch):
        if not len(self.memory):
            return batch
        n = len(batch)
        return batch.add("logits", self.memory.sample(n), 0.0, averaged=False).add(
            "labels", self.memory.sample(n), self.beta, averaged=False
        )

    def loss(self, learner, step):
        block = step.batch.block("logits")
        return 0.0 if block is None else self.alpha * F.mse_loss(step.logits[step.rows("logits")], block.payloads["z"])

    def offer(self, learner, step):
        rows = step.rows()
        if step.batch.first_epoch:
            self.memory.insert(Rows(step.batch.x[rows], step.batch.y[rows], step.batch.tasks()[rows], {"z": step.logits[rows].detach()}))


def test_der_plus_plus_fits():
    s = stream("domain")
    run = learner(s, DERPlusPlusSketch(100)).fit(s)
    base = learner(s, "FineTune").fit(s)
    assert run.matrix.to_array()[-1, 0] > base.matrix.to_array()[-1, 0]


class MERSketch(Replay):
    """Reptile over single examples: `update` runs the inner loop with `at` and `gradient_on`, and returns its own change of θ."""

    declaration = Declaration("meta", "Riemer et al. 2019", "sketch", stores_examples=True)

    def __init__(self, capacity: int, rate: float = 0.05, beta: float = 0.5):
        super().__init__(capacity, "reservoir", "stream")
        self.rate, self.beta = rate, beta

    def update(self, learner, step, delta):
        start = learner.space.theta - delta
        theta, stored = start.clone(), self.memory.sample(4) if len(self.memory) else None
        for k in range(4):
            x, y, t = step.batch.x[k : k + 1], step.batch.y[k : k + 1], step.batch.tasks()[k : k + 1]
            batch = Batch.of_stream(Rows(x, y, t))
            if stored is not None and k < len(stored):
                batch = batch.add("memory", Rows(stored.x[k : k + 1], stored.y[k : k + 1], stored.task[k : k + 1]), 1.0)
            with learner.at(theta):
                theta = theta - self.rate * learner.gradient_on(batch)
        return self.beta * (theta - start)


def test_mer_fits():
    s = stream("domain")
    run = learner(s, MERSketch(100)).fit(s)
    assert run.matrix.to_array()[-1, -1] > 0.7


class GenerativeReplaySketch(Method):
    """A generator with an optimizer of its own, an old copy of it, and the old network to label what it makes."""

    declaration = Declaration("replay", "Shin et al. 2017", "sketch")

    def __init__(self, codes: int = 8):
        super().__init__()
        self.vae = nn.ModuleDict({"encoder": nn.Linear(64, 2 * codes), "decoder": nn.Linear(codes, 64)})
        self.old = nn.ModuleDict({"decoder": nn.Linear(codes, 64)}).requires_grad_(False)
        self.teacher, self.codes = Snapshot(), codes

    def draw(self, learner, batch):
        if not learner.task_number:
            return batch
        z = torch.randn(len(batch), self.codes, generator=self.generator())
        x = (torch.sigmoid(self.old["decoder"](z)) * 255).to(torch.uint8).view(-1, 1, 8, 8)
        y = self.teacher(learner.model, learner.prepare(x, augment=False), None)[:, : self.teacher.outputs].argmax(1)
        return batch.add("generated", Rows(x, y, 0), float(learner.task_number))

    def after(self, learner, step):
        opt = learner.optimizer_for("vae", self.vae, optimizer("adam", lr=1e-2))
        x = step.x.flatten(1)
        with torch.enable_grad():
            mean, log_var = self.vae["encoder"](x).chunk(2, 1)
            z = mean + torch.randn(mean.shape, generator=self.generator("vae")) * (log_var / 2).exp()
            loss = F.binary_cross_entropy_with_logits(self.vae["decoder"](z), x, reduction="sum") / len(x)
            loss = loss - 0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()

    def consolidate(self, learner, task):
        self.old["decoder"].load_state_dict(self.vae["decoder"].state_dict())
        self.teacher.take(learner.model, learner.space, learner.head.opened)


def test_generative_replay_fits_and_is_kept(tmp_path):
    s = stream("class")
    ours = learner(s, GenerativeReplaySketch(), SGD)
    ours.train(s[0])
    ours.save(tmp_path / "a.safetensors")
    ours.train(s[1])
    there = learner(s, GenerativeReplaySketch(), SGD)
    there.load(tmp_path / "a.safetensors", tasks=s.tasks[:1])
    there.train(s[1])  # the generator's own optimizer goes on as well
    for a, b in zip(ours.method.parameters(), there.method.parameters(), strict=True):
        assert torch.equal(a, b)
