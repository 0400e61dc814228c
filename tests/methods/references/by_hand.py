"""A method's run in float64, recorded step by step, and plain tools to compute it again by hand.

A recording holds what chance decided: first weights, the order of rows, the rows that a memory
gave. A reference starts from the first weights and computes every step by the equation of the
paper, with a network of its own (dictionaries of tensors and autograd); `deviation` follows it to
the last step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch, Rows
from holdfast.engine.memory import Memory
from holdfast.methods import parse_method
from holdfast.models import mlp
from holdfast.streams import Stream, from_arrays
from holdfast.training import Learner, optimizer

RATE = 0.125
INPUTS, HIDDEN = 6, (5, 4)
LAYERS = ("backbone.1", "backbone.3")
HEAD = "head.linear"
HEADS = {"task": "separate", "domain": "fixed", "class": "masked"}
Weights = dict[str, Tensor]


@dataclass
class Moment:
    """One step: its rows, the rows that a memory gave meanwhile, and the weights after it."""

    batch: Batch
    sampled: list[Rows]
    after: Weights
    number: int  # within the task
    first_epoch: bool

    @property
    def x(self) -> Tensor:
        """Inputs of the new rows."""
        return self.batch.x[self.batch.stream]

    @property
    def y(self) -> Tensor:
        """Labels of the new rows."""
        return self.batch.y[self.batch.stream]


@dataclass
class Lesson:
    """One task: all its training rows, the weights at its beginning and end, and its steps."""

    number: int
    x: Tensor
    y: Tensor
    outputs: tuple[int, int]
    before: Weights
    moments: list[Moment] = field(default_factory=list)
    after: Weights = field(default_factory=dict)
    phase: int = 0  # steps before the method asked for more training


@dataclass
class Recording:
    """A run of a method."""

    learner: Learner
    stream: Stream
    start: Weights
    lessons: list[Lesson]


def small_stream(scenario: str, tasks: int = 3, rows: int = 18) -> Stream:
    """Random inputs that float32 holds as well; 3 classes, or 2 new ones for each task."""
    chance = torch.Generator().manual_seed(5)
    x = torch.randint(0, 65, (tasks * rows, INPUTS), generator=chance).double() / 64
    task = torch.arange(tasks).repeat_interleave(rows)
    number = torch.arange(tasks * rows)
    same, pairs = number % 3, number % 2 + 2 * task
    y = {"domain": same, "task": same + 3 * task, "class": pairs}[scenario]
    return from_arrays(x, y.tolist(), task.tolist(), scenario, test=1 / 6)


def parameters(model: torch.nn.Module) -> Weights:
    """A copy of all parameters by name."""
    return {n: p.detach().clone() for n, p in model.named_parameters()}


def record(spec: str, scenario: str = "domain", tasks: int = 3, **options: object) -> Recording:
    """Trains a small MLP with plain gradient descent and keeps every step."""
    stream = small_stream(scenario, tasks)
    model = mlp(INPUTS, HEADS[scenario], stream.outputs, hidden=HIDDEN, seed=0).double()
    settings = {"scenario": scenario, "batch_size": 5, "epochs": 2} | options
    method = parse_method(spec)
    if not all(part.declare().trains for part in method.parts):
        model.freeze()
    learner = Learner(model, method, optimizer("sgd", lr=RATE), **settings)  # type: ignore
    run = Recording(learner, stream, parameters(learner.model), [])
    seen, sampled = _listen(learner)
    plain_step = learner.step

    def step(batch: Batch) -> Tensor:
        seen.clear()
        sampled.clear()
        number = learner.view.task_steps
        loss = plain_step(batch)
        kept = Moment(seen[0], list(sampled), parameters(learner.model), number, batch.first_epoch)
        run.lessons[-1].moments.append(kept)
        return loss

    learner.step = step  # type: ignore[method-assign, assignment]
    for task in stream:
        learner.begin(task)
        x, y, _ = task.train.fetch(torch.arange(len(task.train)))
        lesson = Lesson(task.index, x, y, task.outputs, parameters(learner.model))
        run.lessons.append(lesson)
        for batch in learner.view.batches():
            learner.step(batch)
        lesson.phase = len(lesson.moments)
        learner.end()
        lesson.after = parameters(learner.model)
    return run


def _listen(learner: Learner) -> tuple[list[Batch], list[Rows]]:
    """What the method draws for each step, and every sample that its memories give."""
    seen: list[Batch] = []
    sampled: list[Rows] = []
    draw = learner.method.draw

    def drawn(of: Learner, batch: Batch) -> Batch:
        seen.append(draw(of, batch))
        return seen[-1]

    learner.method.draw = drawn  # type: ignore[method-assign]
    for memory in (m for m in learner.method.modules() if isinstance(m, Memory)):
        sample = memory.sample

        def given(*args: object, sample: Callable = sample, **named: object) -> Rows:
            sampled.append(sample(*args, **named))
            return sampled[-1]

        memory.sample = given  # type: ignore[method-assign, assignment]
    return seen, sampled


# ---- following a recording


Begin = Callable[[Weights, Lesson], Weights]
Act = Callable[[Weights, Lesson, Moment], Weights]
End = Callable[[Weights, Lesson], Weights | None]


def deviation(
    run: Recording,
    act: Act,
    end: End | None = None,
    begin: Begin | None = None,
) -> float:
    """Follows a run by hand; the largest difference of any weight after any step or task."""
    worst, w = 0.0, dict(run.start)
    for lesson in run.lessons:
        w = {n: w.get(n, v) for n, v in lesson.before.items()}  # some are drawn for this task
        if begin is not None:
            w = begin(w, lesson)
        for moment in lesson.moments[: lesson.phase]:
            w = act(w, lesson, moment)
            worst = max(worst, distance(w, moment.after))
        if end is not None:
            w = end(w, lesson) or w
        worst = max(worst, distance(w, lesson.after))
    return worst


def distance(a: Weights, b: Weights) -> float:
    """The largest difference of two sets of weights."""
    assert a.keys() == b.keys()
    return max(float((a[n] - b[n]).abs().max()) for n in a if a[n].numel())


def plain(w: Weights, lesson: Lesson, moment: Moment) -> Weights:
    """A step of plain training on the new rows."""
    active = lesson.outputs[1]
    return descend(w, lambda v: F.cross_entropy(logits(v, moment.x)[:, :active], moment.y))


def both(moment: Moment) -> tuple[Tensor, Tensor]:
    """New rows and those of the memory's only draw, if there was one."""
    (old,) = moment.sampled or [None]
    if old is None:
        return moment.x, moment.y
    return torch.cat([moment.x, old.x]), torch.cat([moment.y, old.y])


# ---- a network by hand


def hidden(w: Weights, x: Tensor) -> list[Tensor]:
    """The inputs of every layer, those of the head last."""
    inputs = [x]
    for layer in LAYERS:
        inputs.append(torch.relu(inputs[-1] @ w[f"{layer}.weight"].T + w[f"{layer}.bias"]))
    return inputs


def logits(w: Weights, x: Tensor, head: str = HEAD) -> Tensor:
    """(N, C)."""
    return hidden(w, x)[-1] @ w[f"{head}.weight"].T + w[f"{head}.bias"]


def gradient(w: Weights, loss: Callable[[Weights], Tensor]) -> Weights:
    """∂ loss / ∂ w; 0 where the loss does not depend on a weight."""
    leaves = {n: v.detach().clone().requires_grad_() for n, v in w.items()}
    found = torch.autograd.grad(loss(leaves), list(leaves.values()), allow_unused=True)
    return {n: torch.zeros_like(w[n]) if g is None else g for n, g in zip(w, found, strict=True)}


def of_label(w: Weights, x: Tensor, y: int | Tensor) -> Weights:
    """∂ log p(y|x) / ∂ w for one example."""
    return gradient(w, lambda v: logits(v, x[None]).log_softmax(1)[0, y])


def descend(w: Weights, loss: Callable[[Weights], Tensor], rate: float = RATE) -> Weights:
    """One step of gradient descent."""
    g = gradient(w, loss)
    return {n: w[n] - rate * g[n] for n in w}


def flat(w: Weights) -> Tensor:
    """All weights as one vector."""
    return torch.cat([v.flatten() for v in w.values()])


def unflat(vector: Tensor, like: Weights) -> Weights:
    """The inverse of `flat`."""
    parts = vector.split([v.numel() for v in like.values()])
    return {n: part.view_as(v) for part, (n, v) in zip(parts, like.items(), strict=True)}


def total(terms: Iterable[Tensor]) -> Tensor:
    """The sum, 0 if there are no terms."""
    return sum(terms, torch.zeros(()))


def key(row: Tensor) -> bytes:
    """What tells a row from others."""
    return row.detach().double().numpy().tobytes()
