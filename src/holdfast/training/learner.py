"""The learner: a model, a method and an optimizer, trained task after task. `Learner.step` is the only place where training happens."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.batch import Batch, Rows, Step, rejoined
from holdfast.engine.chunks import MOST_ROWS, bytes_per_row, rows_within
from holdfast.engine.loss import cross_entropy
from holdfast.engine.one_row import take_single_rows
from holdfast.engine.parameters import ParameterSpace, carry, trainable
from holdfast.engine.snapshot import evaluating
from holdfast.engine.stateful import Stateful, seed_from
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.finetune import FineTune
from holdfast.methods.method import Method, Phase
from holdfast.models.classifier import as_input, check_model, float_type
from holdfast.models.heads import check_head
from holdfast.models.ties import check_ties
from holdfast.streams.order import BatchOrder
from holdfast.streams.task import SCENARIOS, ArrayPart, Augment, Part, Task
from holdfast.training import checkpoint, records
from holdfast.training.dry_run import takes_integers
from holdfast.training.idle import refuse_idle
from holdfast.training.optimizer_state import restore_optimizers
from holdfast.training.optimizers import Factory, check_moves, optimizer, schedule, swap_parameters
from holdfast.training.preflight import check_task, own_batch
from holdfast.training.probing import Probing
from holdfast.training.randomness import Randomness, may_draw
from holdfast.training.scoring import Scorer, accuracy, scores_of
from holdfast.training.succession import check_next
from holdfast.training.watch import LossWatch, warn_if_unstable

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
OUTPUTS = ("seen", "all", "current")
GROUPS = ("joint", "separate")


class Learner(Probing):
    """Trains `model` with `method` on one task after another.

    >>> from holdfast.models import mlp
    >>> from holdfast.streams import digits, split
    >>> from holdfast.methods import ER
    >>> stream = split(digits(), 5, "class")
    >>> learner = Learner(mlp(stream.shape, "growing", seed=0), ER(200), scenario="class", epochs=5)
    >>> learner.fit(stream).matrix.tasks
    ('0+1', '2+3', '4+5', '6+7', '8+9')
    """

    def __init__(
        self,
        model: nn.Module,
        method: Method | None = None,
        optimizer: Factory | Optimizer | None = optimizer("sgd", lr=0.01, momentum=0.9),  # noqa: B008
        *,
        scenario: str,
        epochs: int | Sequence[int] = 1,
        steps: int | None = None,
        batch_size: int = 64,
        drop_last: bool = False,
        shuffle: bool = True,
        outputs: str = "seen",
        groups: str = "joint",
        renew_optimizer: bool = False,
        schedule: str = "constant",
        clip: float | None = None,
        accumulate: int = 1,
        precision: str = "float32",
        augment: Augment | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
        scorer: Scorer = accuracy,
        log: Callable[[dict[str, Any]], None] | None = None,
        log_every: int = 100,
    ) -> None:
        """A task is trained for `epochs` (one number, or a list with those of each task), or for `steps` where given.

        `optimizer`: a function from parameters to an optimizer, or an optimizer that you step yourself, or None.
        `shuffle=False`: examples come in their own order (of time, say). `outputs`: which compete in the loss of the class scenario (seen,
        all, current). `groups`: stream and stored rows in one joint forward, or separate ones (with BatchNorm the results differ). `clip`:
        largest gradient norm. `accumulate`: micro-batches a step. `scorer(logits, y)` → one score a row, higher is better
        (`training.scoring`). `log` receives a dict every `log_every` steps, at the end of every task, and after every evaluation of
        `fit` (docs/learner.md has its keys).
        """
        self.scenario = one_of("scenario", scenario, SCENARIOS)
        check_model(model)
        check_ties(model)
        check_head(model.head.kind, scenario)  # type: ignore[union-attr, arg-type]
        self.method = method or FineTune()
        self.method.refuse(scenario)
        self.outputs, self.groups = (
            one_of("outputs", outputs, OUTPUTS),
            one_of("groups", groups, GROUPS),
        )
        self.device, self.seed = torch.device(device), seed
        self.epochs, self.steps, self.batch_size, self.drop_last, self.shuffle = (
            epochs,
            steps,
            batch_size,
            drop_last,
            shuffle,
        )
        self.renew_optimizer, self.schedule_name = renew_optimizer, schedule
        if clip is not None and not clip > 0:
            raise HoldfastError(
                f"clip is the largest gradient norm, above 0, got {clip}; leave it out to switch it off"
            )
        if accumulate < 1:
            raise HoldfastError(f"accumulate must be at least 1, got {accumulate}")
        if log_every < 1:
            raise HoldfastError(
                f"log_every is a number of steps of at least 1, got {log_every}; leave out log to switch logging off"
            )
        refuse_idle(self, optimizer, model)
        self.clip, self.accumulate = clip, accumulate
        self.dtype = PRECISIONS[one_of("precision", precision, PRECISIONS)]
        self.scaler = (
            torch.amp.GradScaler(self.device.type) if self.dtype is torch.float16 else None
        )
        self.augment, self.scorer, self.log, self.log_every = augment, scorer, log, log_every

        for part in self.method.parts:
            part.reseed(seed, part.name)  # before attach: gates and masks are drawn there
        given = trainable(model)
        self.model = self.method.attach(model.to(self.device))
        if outputs == "all" and scenario == "class":
            self.head.opened = self.head.width
        self.space = ParameterSpace(self.model, may_be_empty=True)
        self._factory = optimizer if not isinstance(optimizer, Optimizer) else None
        self._optimizer = optimizer if isinstance(optimizer, Optimizer) else None
        if self._optimizer is not None:
            swap_parameters(
                self._optimizer, given, self.model
            )  # what the method added is trained as well
        self._foreign = isinstance(optimizer, Optimizer) or optimizer is None
        self._own_optimizers: dict[str, Optimizer] = {}
        self.scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
        self.random = Randomness(seed, self.device)
        self._wide = (
            True  # whether a step may draw from NumPy's or Python's generators; known in begin
        )
        self.augmentation = torch.Generator().manual_seed(seed_from(seed, "augment"))

        self.tasks: list[Task] = []  # those begun, in order
        self.names: list[str] = []
        self.seen_outputs = 0  # outputs of the tasks begun so far
        self.task_steps = 0  # steps done in the current task
        self.steps_done = 0  # steps done in all tasks
        self.rows_given = 0  # rows of it that came as (x, y) from the user's own loop
        self.active = False  # between begin and end
        self.training_task: Task | None = None
        self.seconds = {"training": 0.0, "consolidation": 0.0, "evaluation": 0.0}
        self._initial = self.space.theta.clone() if self._restarts else None
        self._initial_buffers = (
            {n: b.clone() for n, b in self.model.named_buffers()} if self._restarts else {}
        )
        self._watch = LossWatch()
        self._step: Step | None = None
        self._unlogged: dict[str, Any] | None = (
            None  # the newest step, while its record was not logged
        )
        self._integers: bool | None = None  # whether the model takes integers; None before any came
        self._one_row: list[Any] = []  # hooks of BatchNorm layers, between begin and end
        self._chunks: dict[tuple[str, str, int], int] = {}  # rows read at once in evaluation
        self._before: Tensor | None = None  # θ before the step, then its change
        self._raw: Tensor | None = None
        self._resume: dict[str, Any] | None = None
        self._late: dict[str, Any] | None = None
        parts = self.method.parts
        use = {
            place
            for place in ("penalty", "gradient", "update", "criterion", "loss", "predict", "draw")
            if self.method.uses(place)
        }
        self._uses = use
        self._wants_raw = any(p.declaration.raw_gradient for p in parts)
        self._wants_delta = "update" in use or any(p.declaration.delta for p in parts)
        self._wants_vector = bool(use & {"penalty", "gradient"}) or self._wants_raw
        self._trains = all(p.declaration.trains for p in parts)

    # ---- facts

    @property
    def task_number(self) -> int:
        """Number of tasks before the current one (0 during the first)."""
        return len(self.names) - 1

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; exists from the first `begin` on."""
        if self._optimizer is None:
            raise HoldfastError(
                "no optimizer yet: it is made in begin(task), once the head has its outputs (or you gave optimizer=None)"
            )
        return self._optimizer

    @property
    def _restarts(self) -> bool:
        return any(p.declaration.restarts for p in self.method.parts)

    def randomness(self) -> AbstractContextManager[None]:
        """Global generators hold the learner's own state inside, and theirs again afterwards. May be nested."""
        return self.random.active()

    # ---- a task

    def begin(self, task: Task) -> None:
        """Opens the task's outputs, lets the method say what is trained on, makes or renews the optimizer."""
        if self._resume and self.active:
            self._reenter(task)
            return
        if self.active:
            raise HoldfastError(
                f"task {self.names[-1]!r} has not ended; call end() before beginning {task.name!r}"
            )
        check_next(self, task)
        self.head.check_width(self.model, task.outputs[1])
        with self.random.aside("check"):
            check_task(self, task)
        with self.randomness():
            self.head.open(task.index, *task.outputs)
            self._register(task)
            self._bind(thorough=True)
            if not self.space.parameters:
                raise HoldfastError(
                    "the model has no trainable parameter; expected at least one with requires_grad=True"
                )
            if self._restarts:
                self._start_anew()
            self.training_task = self.method.begin(self, self.tasks[-1])
            self._wide = may_draw(self.augment, self.model, self.method)
            self._bind(thorough=True)
        self._one_row = take_single_rows(self.model)
        self._make_optimizer(renew=self.renew_optimizer or self._restarts)
        self._make_schedule()
        self.names.append(task.name)
        self.active, self.task_steps, self.rows_given = True, 0, 0

    def _register(self, task: Task) -> None:
        self.tasks.append(task.to(self.device))
        self.seen_outputs = max(self.seen_outputs, task.outputs[1])

    def _make_optimizer(self, renew: bool) -> None:
        if self._factory is not None and (self._optimizer is None or renew):
            self._optimizer = self._factory(self.space.parameters)
        if self._optimizer is not None and self._trains:
            check_moves(self._optimizer, self.space.parameters)

    def _make_schedule(self) -> None:
        """A fresh schedule over the task, from the optimizer's first learning rate."""
        if self._optimizer is None or self.schedule_name == "constant":
            return
        for group in self._optimizer.param_groups:
            group["lr"] = group.get("initial_lr", group["lr"])
        self.scheduler = schedule(
            self.schedule_name, self.order(self.training_task).steps, self._optimizer
        )

    def _start_anew(self) -> None:
        assert self._initial is not None
        with torch.no_grad():
            self.space.theta.copy_(self._initial)
            for name, buffer in self.model.named_buffers():
                if name in self._initial_buffers:
                    buffer.copy_(self._initial_buffers[name])

    def end(self) -> None:
        """Consolidates: the method closes the task, with phases of more training where it asks for them."""
        self._need_active()
        self._watch.look(self.task_steps, self.names[-1])
        records.last_step(self)
        start = perf_counter()
        task = self.tasks[-1]
        with self.randomness():
            for phase in self.method.consolidate(self, task) or ():
                self._run_phase(phase)
        records.last_step(self)
        self.space.zero_grad()
        self._step = self._before = None
        self.active, self.training_task = False, None
        for hook in self._one_row:
            hook.remove()
        self.seconds["consolidation"] += perf_counter() - start

    def _run_phase(self, phase: Phase) -> None:
        order = BatchOrder(
            len(phase.task.train),
            self.batch_size,
            seed_from(self.seed, "phase"),
            self.task_number,
            None if phase.steps else phase.epochs,
            phase.steps,
        )
        for batch in self._read(phase.task.train, order, 0):
            self.step(batch)

    def train(self, *tasks: Task) -> "Learner":
        """Trains on tasks without evaluating: `begin`, every batch, `end`. Goes on in the middle of a task that was loaded."""
        for task in tasks:
            if not self.active or self._resume:
                self.begin(task)
            with self.randomness():
                for batch in self.batches():
                    self.step(batch)
            self.end()
        return self

    def adopt(self, task: Task) -> None:
        """Takes a task as already learnt: consolidates it without training (for a model that was trained elsewhere)."""
        self.begin(task)
        self.end()

    def order(self, task: Task | None) -> BatchOrder:
        """The batch order of a task under this learner's seed."""
        assert task is not None
        if not self._trains:  # one pass sees everything
            return BatchOrder(
                len(task.train), self.batch_size, self.seed, task.index, shuffle=self.shuffle
            )
        epochs = None if self.steps else self.epochs
        if isinstance(epochs, Sequence):
            if task.index >= len(epochs):
                raise HoldfastError(
                    f"epochs lists {len(epochs)} tasks, {task.name!r} is number {task.index + 1}; give one number or as many"
                )
            epochs = epochs[task.index]
        return BatchOrder(
            len(task.train),
            self.batch_size,
            self.seed,
            task.index,
            epochs,
            self.steps,
            self.drop_last,
            self.shuffle,
        )

    def batches(self) -> Iterator[Batch]:
        """The current task's batches, from the step reached so far."""
        self._need_active()
        assert self.training_task is not None
        return self._read(self.training_task.train, self.order(self.training_task), self.task_steps)

    def _read(self, part: Part, order: BatchOrder, first: int) -> Iterator[Batch]:
        # What was read ahead, dropped as it is used: anything small that stays for every step would sit between the large buffers of the
        # next steps, and the heap would grow with their number.
        ahead: deque[tuple[Tensor, int]] = deque()

        def remembered() -> Iterator[Tensor]:
            for index, epoch in order.from_step(first):
                ahead.append((index, epoch))
                yield index

        rows = part.batches(remembered(), self.seed, first)
        for x, y, task in (
            rows if isinstance(part, ArrayPart) else self.random.inside(rows)
        ):  # arrays draw nothing
            index, epoch = ahead.popleft()
            yield Batch.of_stream(
                Rows(x.to(self.device), y.to(self.device), task), index, epoch == 0
            )

    def _need_active(self) -> None:
        if not self.active:
            raise HoldfastError("no task is being trained; call begin(task) first")

    # ---- a step

    def step(self, batch: "Batch | tuple[Tensor, Tensor]") -> Tensor:
        """One training step; returns the loss (a tensor, so that no step waits for the device)."""
        start = perf_counter()
        if not self._trains:
            return self._observe(batch)
        with self.random.active(self._wide):
            self.space.zero_grad(vector=self._wants_vector)
            drawn = self._draw(batch)
            loss = self._backward(drawn)
            self.edit_gradient()
            if self.scaler:
                self.scaler.step(self.optimizer)
                self.scaler.update()
            else:
                self.optimizer.step()
            self.after_step()
        self.seconds["training"] += perf_counter() - start
        return loss

    def _backward(self, batch: Batch) -> Tensor:
        """Loss and backward pass of a batch, in micro-batches if there are several; returns the loss."""
        micro, total, steps = batch.split(self.accumulate), None, []
        for part in micro:
            loss = self._loss(part)
            if len(micro) > 1:
                loss = loss / (len(batch) / len(part))
                assert self._step is not None
                steps.append(self._step)
            (self.scaler.scale(loss) if self.scaler else loss).backward()
            total = loss.detach() if total is None else total + loss.detach()
        assert total is not None
        if len(micro) > 1:  # what methods observe is the step of the whole batch
            self._step = rejoined(batch, self.accumulate, steps, self.competing(batch))
            self._step.loss = total
        return total

    @torch.no_grad()
    def _observe(self, batch: "Batch | tuple[Tensor, Tensor]") -> Tensor:
        """A step of a method that reads features and trains no weight: one forward pass in eval mode, then `after`."""
        start = perf_counter()
        with self.random.active(self._wide), evaluating(self.model):
            step = self.forward(self._draw(batch))
            step.number, step.loss = self.task_steps, torch.zeros((), device=self.device)
            self.method.after(self, step)
        records.after_step(self, None)
        self.seconds["training"] += perf_counter() - start
        assert step.loss is not None
        return step.loss

    def loss(self, batch: "Batch | tuple[Tensor, Tensor]") -> Tensor:
        """The loss of a batch, for a loop of your own: call `backward()`, `edit_gradient()`, your optimizer, `after_step()`."""
        with self.random.active(self._wide):
            self._bind()
            return self._loss(self._draw(batch))

    def _draw(self, batch: "Batch | tuple[Tensor, Tensor]") -> Batch:
        self._need_active()
        if not isinstance(batch, Batch):
            x, y = own_batch(batch, self.head.opened)
            assert self.training_task is not None
            self.rows_given += len(y)
            rows = Rows(x.to(self.device), y.to(self.device), self.task_number)
            batch = Batch.of_stream(
                rows, first_epoch=self.rows_given <= len(self.training_task.train)
            )
        return self.method.draw(self, batch)

    def _loss(self, batch: Batch) -> Tensor:
        step = self.forward(batch)
        if "criterion" in self._uses:
            loss = self.method.criterion(self, step)
        else:
            loss = cross_entropy(step.logits, batch.y, step.competing, batch)
        if "loss" in self._uses:
            loss = loss + self.method.loss(self, step)
        step.number, step.loss, self._step = self.task_steps, loss.detach(), step
        self._watch.see(step.loss, self.task_steps, self.names[-1])
        return loss

    def forward(self, batch: Batch) -> Step:
        """Raw rows → network input, features and logits."""
        if self.groups == "separate" and len(batch.blocks) > 1:
            steps = [self.forward(b) for b in batch.blockwise()]
            x, features, logits = (
                torch.cat([getattr(s, what) for s in steps]) for what in ("x", "features", "logits")
            )
            return Step(batch, x, features, logits, self.competing(batch))
        x = self.prepare(batch.x)
        task = batch.task if self.scenario == "task" else None
        with self.casting():
            features = self.model.features(x, task)  # type: ignore[operator]
            logits = self.head(features, task)
        if self.dtype:
            features, logits = features.float(), logits.float()
        if logits.dtype != batch.precision:
            batch = replace(batch, precision=logits.dtype)
        return Step(batch, x, features, logits, self.competing(batch))

    def casting(self) -> AbstractContextManager[Any]:
        """Forward passes inside are computed in the learner's precision."""
        return torch.autocast(self.device.type, self.dtype) if self.dtype else nullcontext()

    def prepare(self, x: Tensor, augment: bool = True) -> Tensor:
        """Raw rows on the device as the network takes them.

        Args:
            x: Raw rows (N, ...).
            augment: Whether they are augmented, as in training, if the learner augments.

        Returns:
            uint8 as numbers in [0, 1], floats in the floating type of the model; integers as they are
            if the model takes them (an embedding), else as floats.
        """
        if augment and self.augment is not None:
            x = self.augment(x, self.augmentation)
        dtype = float_type(self.model)
        if x.is_floating_point() or x.dtype == torch.uint8:
            return as_input(x, dtype)
        return x if self.keeps_integers(x[:1]) else x.to(dtype)

    def keeps_integers(self, x: Tensor, outputs: tuple[int, int] = (0, 1)) -> bool:
        """Whether integer inputs reach the model as integers; decided once, by rows of them (see `takes_integers`)."""
        if self._integers is None:
            self._integers = takes_integers(self, x, outputs)
        return self._integers

    def all_logits(self, features: Tensor) -> Tensor:
        """Logits of every output opened so far, whatever the task."""
        return self.head(features, None)

    def competing(self, batch: Batch) -> Any:
        """The outputs that compete in the loss of each row."""
        if self.scenario == "task":
            return slice(*self.head.range_of(batch.task)) if isinstance(batch.task, int) else None
        if self.scenario == "domain" or self.outputs != "current":
            return None
        table = torch.zeros(len(self.tasks), self.head.width, dtype=torch.bool)
        first = 0
        for k, t in enumerate(self.tasks):
            table[k, slice(first, t.outputs[1]) if t.competing is None else t.competing] = True
            first = t.outputs[1]
        mask = table[batch.tasks()]
        mask[batch.blocks[0].stop :, : self.seen_outputs] = True  # stored rows: all classes seen
        return mask.to(self.device)

    def edit_gradient(self) -> None:
        """After your `backward()`: adds penalties, projects, clips; the parameters' `.grad` are then what the optimizer shall see."""
        self._need_active()
        if self._step is None:
            raise HoldfastError(
                "edit_gradient() comes after loss(batch) and backward(); there was no loss yet"
            )
        self._bind()
        if self.scaler and self._optimizer is not None:
            self.scaler.unscale_(self._optimizer)
        if self._wants_vector:
            g = self.space.collect()
            if self._wants_raw:
                self._raw = _into(self._raw, g)
                self._step.raw_gradient = self._raw
            if "penalty" in self._uses:
                self.method.penalty(self, g)
            if "gradient" in self._uses:
                self.space.set_grad(self.method.gradient(self, self._step, g))
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.space.parameters, self.clip, foreach=True)
        if self._wants_delta:
            self._before = _into(self._before, self.space.theta)

    def after_step(self) -> None:
        """After your optimizer's step: edits the change of θ, lets the method observe, counts the step."""
        assert self._step is not None
        with torch.no_grad():
            if self._wants_delta and self._before is not None:
                if "update" in self._uses:
                    delta = self.method.update(self, self._step, self.space.theta - self._before)
                    self.space.still(delta)
                    torch.add(self._before, delta, out=self.space.theta)
                else:
                    delta = torch.sub(self.space.theta, self._before, out=self._before)
                self._step.delta = delta
            self.method.after(self, self._step)
        if self.scheduler is not None:
            self.scheduler.step()
        records.after_step(self, self._step.loss)
        self._step = None

    def warn_if_unstable(self, strength: float, largest: float) -> None:
        """Warns where strength × learning rate × largest curvature exceeds 2: plain gradient descent then diverges."""
        warn_if_unstable(self._optimizer, strength, largest)

    # ---- what methods ask for

    def _generators(self) -> list[Any]:
        """Those that a forward pass in training draws from."""
        shared = self.random.all_generators() if self._wide else self.random.generators()
        return [*shared, *([self.augmentation] if self.augment is not None else [])]

    def _bind(self, thorough: bool = False) -> None:
        """Follows the model where its parameters moved, grew or were replaced: θ-shaped vectors and optimizers go along by name."""
        before = dict(
            zip([s.name for s in self.space.layout.slots], self.space.parameters, strict=True)
        )
        old = self.space.bind(thorough)
        if old is None:
            return
        new = self.space.layout
        for module in self.method.modules():
            for name in module.vectors if isinstance(module, Stateful) else ():
                if (vector := module._buffers.get(name)) is not None:
                    module._buffers[name] = carry(vector, old, new).to(self.space.theta.device)
        if self._initial is not None:
            self._initial = carry(self._initial, old, new, fill=self.space.theta)
        for opt in [self._optimizer, *self._own_optimizers.values()]:
            if opt is not None:
                swap_parameters(opt, before, self.model)

    @property
    def learning_rate(self) -> float:
        """The optimizer's present learning rate (of its first group)."""
        return float(self.optimizer.param_groups[0]["lr"])

    def optimizer_for(self, name: str, module: nn.Module, make: Factory) -> Optimizer:
        """An optimizer for a method's own trainable parts, checkpointed with the learner; made once for each name."""
        if name not in self._own_optimizers:
            self._own_optimizers[name] = make(module.parameters())
            if self._late is not None:  # a checkpoint was loaded before this optimizer existed
                restore_optimizers(self, self._late, only=f"own.{name}")
        return self._own_optimizers[name]

    # ---- reading

    @torch.no_grad()
    def predict(self, x: Tensor, task: int | None = None) -> Tensor:
        """Logits (N, C) of raw inputs in eval mode, -inf at outputs that are not in play. The task id is used in the task scenario only."""
        if self.scenario == "task" and task is None:
            raise HoldfastError(
                "the task scenario knows the task at test time: pass task=<its number>"
            )
        known = task if self.scenario == "task" else None
        with evaluating(self.model):
            inputs = self.prepare(x.to(self.device), augment=False)
            z = (
                self.method.predict(self, inputs, known)
                if "predict" in self._uses
                else self.model(inputs, known)
            )
        if self.scenario == "class" and self.seen_outputs < z.shape[1]:
            z[:, self.seen_outputs :] = -torch.inf
        return z

    def evaluate(self, task: Task, part: str = "test", chunk: int | None = None) -> Tensor:
        """Score of each example of a task's `part` (test, validation or train), (N,) on the CPU, in order.

        `chunk`: how many examples are read at once; by default as many as `engine.chunks.BUDGET` bytes
        allow, at most 2,048.
        """
        return self.scores(task, part, chunk)[0]

    def scores(
        self, task: Task, part: str = "test", chunk: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `evaluate`, with the output index of each example beside its score."""
        start = perf_counter()
        rows: Part | None = getattr(task, part)
        if rows is None:
            raise HoldfastError(
                f"task {task.name!r} has no {part} part; build the stream with validation=0.1, say"
            )
        with self.random.aside(
            "evaluation", task.name, part
        ):  # the same numbers however often, and training goes on as without
            order = torch.arange(len(rows)).split(chunk or self.rows_at_once(task, part, rows))
            batches = rows.batches(order, self.seed)
            found = [
                (scores_of(self.scorer, self.predict(x, task.index), y.to(self.device)), y.cpu())
                for x, y, _ in batches
            ]
        self.seconds["evaluation"] += perf_counter() - start
        return torch.cat([s for s, _ in found]), torch.cat([y for _, y in found])

    @torch.no_grad()
    def rows_at_once(self, task: Task, part: str, rows: Part) -> int:
        """The number of rows that one forward pass of an evaluation takes, by their bytes."""
        key = (task.name, part, len(self.names))
        if key not in self._chunks:
            x = self.prepare(rows.fetch(torch.arange(1))[0].to(self.device), augment=False)
            known = task.index if self.scenario == "task" else None
            try:
                size = bytes_per_row(self.model, lambda one: self.model(one, known), x)
            except Exception:  # whatever is wrong with the model is said where it is used
                return MOST_ROWS
            self._chunks[key] = rows_within(size)
        return self._chunks[key]

    def fit(self, stream: Any, **options: Any) -> Any:
        """Trains on every task of a stream and evaluates after each; see `holdfast.training.fit`."""
        from holdfast.training.fit import fit

        return fit(self, stream, **options)

    # ---- keeping

    def save(self, path: str | Path, beside: Any = None) -> None:
        """Everything needed to go on to the same bits, in one file without pickle, written atomically; `beside`: plain values to keep."""
        checkpoint.save(self, Path(path), beside)

    def load(self, path: str | Path, tasks: Sequence[Task] = ()) -> Any:
        """Restores what `save` wrote into a learner built with the same arguments; returns what was kept beside it.

        `tasks`: those begun so far or all, for methods that read old data (Joint). Saved in the middle of a task, the next `begin` of
        that task goes on where it was.
        """
        self._resume, beside = checkpoint.load(self, Path(path), [t.to(self.device) for t in tasks])
        return beside

    def _reenter(self, task: Task) -> None:
        state, self._resume = self._resume, None
        if task.name != self.names[-1]:
            raise HoldfastError(
                f"the checkpoint is in the middle of task {self.names[-1]!r}, got {task.name!r}; begin that one"
            )
        if len(self.tasks) < len(self.names):
            self.tasks.append(task.to(self.device))
        with self.randomness():
            self.training_task = self.method.begin(self, self.tasks[-1])
            self._wide = may_draw(self.augment, self.model, self.method)
        self._bind(thorough=True)
        self._one_row = take_single_rows(self.model)
        self._make_schedule()
        assert state is not None
        checkpoint.restore(self, state)


def _into(kept: Tensor | None, value: Tensor) -> Tensor:
    """`value` copied into `kept`, or cloned where that is none of its shape (detached; no new memory at each step)."""
    if (
        kept is None
        or kept.shape != value.shape
        or kept.dtype != value.dtype
        or kept.device != value.device
    ):
        return value.detach().clone()
    return kept.copy_(value.detach())
