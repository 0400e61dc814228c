"""The learner: a model, a method and an optimizer, trained on one task after another.

`step` is the only place where training happens; `stepping` and `update` show it from top to bottom.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.errors import HoldfastError
from holdfast.methods.finetune import FineTune
from holdfast.methods.method import Method
from holdfast.methods.view import MakeOptimizer
from holdfast.models.classifier import check_model
from holdfast.models.heads import check_head
from holdfast.models.ties import check_ties
from holdfast.settings import Settings
from holdfast.streams.task import Augment, Stream, Task
from holdfast.training import checkpoint
from holdfast.training.batches import order_of_phase, read
from holdfast.training.evaluation import predict, scores
from holdfast.training.fit import Run, fit
from holdfast.training.idle import refuse_idle
from holdfast.training.opening import Hooks, open_task, resume_task
from holdfast.training.optimizers import optimizer as named_optimizer
from holdfast.training.records import Records
from holdfast.training.scoring import Scorer, accuracy
from holdfast.training.setup import Log, Setup
from holdfast.training.state import Between, InTask, Resuming, TrainingState
from holdfast.training.stepping import OwnBatch, Stepper
from holdfast.training.view import View
from holdfast.validation import validated

SGD = named_optimizer("sgd", lr=0.01, momentum=0.9)


class Learner:
    """Trains a model with a method on one task after another.

    Attributes:
        model: The network, as the method wrapped it; at any time a plain module.
        method: The method.
        setup: What the learner was told: scenario, seed, device, settings.
        state: What training changes, and a checkpoint holds: weights, optimizers, progress.
        view: The learner as its method sees it (`methods.view.LearnerView`).

    Example:
        >>> from holdfast.methods import ER
        >>> from holdfast.models import mlp
        >>> from holdfast.streams import digits, split
        >>> stream = split(digits(), 5, "class")
        >>> model = mlp(stream.shape, "growing", seed=0)
        >>> learner = Learner(model, ER(200), scenario="class", epochs=5)
        >>> learner.fit(stream).matrix.tasks
        ('0+1', '2+3', '4+5', '6+7', '8+9')
    """

    def __init__(
        self,
        model: nn.Module,
        method: Method | None = None,
        optimizer: MakeOptimizer | Optimizer | None = SGD,
        *,
        scenario: str,
        augment: Augment | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
        scorer: Scorer = accuracy,
        log: Log | None = None,
        log_every: int = 100,
        **settings: Any,
    ) -> None:
        """Put the parts together. Nothing is trained yet.

        Args:
            model: A classifier, such as `models.mlp` or `models.classifier_from` make.
            method: The method; plain fine-tuning by default.
            optimizer: A function that makes one, such as `optimizer("sgd", lr=0.1)`; an optimizer;
                or None if you step one yourself.
            scenario: "task", "domain" or "class".
            augment: (raw examples, generator) → examples; by default that of the stream of `fit`.
            seed: Decides the batches, the method's choices, and whatever draws random numbers.
            device: Where to train.
            scorer: (logits, labels) → one score per example, higher is better (`training.scoring`).
            log: Receives a dict every `log_every` steps, at the end of a task and after evaluations.
            log_every: Steps between two records of a task.
            **settings: How to train: `epochs`, `batch_size` and so on (`holdfast.Settings`).

        Raises:
            HoldfastError: The parts do not fit together, or an argument would have no effect.
        """
        method = method or FineTune()
        self.setup = Setup(
            scenario=scenario,
            settings=validated(Settings, **settings),
            seed=seed,
            device=torch.device(device),
            augment=augment,
            scorer=scorer,
            log=log,
            log_every=log_every,
        )
        network = check_model(model)
        check_ties(network)
        check_head(network.head.kind, scenario)
        method.refuse(scenario)
        refuse_idle(self.setup, optimizer, network)
        self.state = TrainingState.assembled(network, method, optimizer, self.setup)
        self.model = self.state.model
        self.method = method
        self.view = View(self.setup, self.state)
        self.records = Records(self.setup)
        self._stepper = Stepper(self.view, self.records)
        self._hooks: Hooks = []

    # ---- a task

    def begin(self, task: Task) -> None:
        """Open the outputs of the next task, let the method prepare, and make the optimizer.

        After a checkpoint from the middle of a task was loaded, that task goes on where it was.

        Raises:
            HoldfastError: It is not the task's turn, or it cannot be trained. Nothing has changed.
        """
        phase = self.state.phase
        if isinstance(phase, InTask):
            current = self.state.progress.names[-1]
            raise HoldfastError(
                f"task {current!r} has not ended; call end() before beginning {task.name!r}"
            )
        if isinstance(phase, Resuming):
            self._hooks = resume_task(self.view, task, phase)
        else:
            self._hooks = open_task(self.view, task)

    def end(self) -> None:
        """Let the method close the task, which may include more training."""
        state = self.state
        self.view.need_task()
        self._stepper.finish_task()
        with state.progress.timed("consolidation"):
            with state.random.active():
                for phase in self.method.consolidate(self.view, state.tasks[-1]) or ():
                    order = order_of_phase(self.setup, state, phase)
                    for batch in read(self.setup, state, phase.task.train, order):
                        self.step(batch)
            self._stepper.forget()
            state.phase = Between()
            for hook in self._hooks:
                hook.remove()

    def train(self, *tasks: Task) -> "Learner":
        """Train on tasks without evaluating: `begin`, every batch, `end`."""
        for task in tasks:
            if not isinstance(self.state.phase, InTask):
                self.begin(task)
            with self.state.random.active():
                for batch in self.view.batches():
                    self.step(batch)
            self.end()
        return self

    def fit(self, stream: Stream, **options: Any) -> Run:
        """Train on every task of a stream, evaluate after each (`training.fit` has the options)."""
        return fit(self, stream, **options)

    # ---- a step

    def step(self, batch: OwnBatch) -> Tensor:
        """Take one training step.

        Args:
            batch: One of `view.batches()`, or a pair (inputs, output indices) of your own.

        Returns:
            The loss, as a tensor, so that no step waits for the device.
        """
        return self._stepper.step(batch)

    def loss(self, batch: OwnBatch) -> Tensor:
        """The loss of a batch, for a loop of your own.

        Call `backward()` on it, then `edit_gradient()`, your optimizer, and `after_step()`.
        """
        return self._stepper.loss(batch)

    def edit_gradient(self) -> None:
        """After `backward()` in a loop of your own: add penalties, project and clip the gradient."""
        self._stepper.edit_gradient()

    def after_step(self) -> None:
        """After your optimizer's step: edit the change of θ, let the method observe, count."""
        self._stepper.after_step()

    # ---- answers

    def predict(self, x: Tensor, task: int | None = None) -> Tensor:
        """The logits (N, C) of raw inputs, in evaluation mode, -inf at outputs not in play.

        Args:
            x: Raw inputs (N, ...).
            task: The number of the task, from 0. It is used in the task scenario alone.
        """
        return predict(self.view, x, task)

    def evaluate(self, task: Task, part: str = "test", chunk: int | None = None) -> Tensor:
        """The score of each example of a task.

        Args:
            task: The task.
            part: "test", "validation" or "train".
            chunk: Examples read at once; by default as many as fit into a fixed number of bytes.

        Returns:
            Scores (N,) on the CPU, in the order of the part.
        """
        return scores(self.view, task, part, chunk)[0]

    # ---- keeping

    def save(self, path: str | Path, beside: Any = None) -> None:
        """Write everything that is needed to resume bit for bit into one file, without pickle.

        Args:
            path: The file. It is replaced only once the new one is whole.
            beside: Plain values (JSON) to keep with the learner.
        """
        checkpoint.save(self.state, Path(path), beside)

    def load(self, path: str | Path, tasks: Sequence[Task] = ()) -> Any:
        """Restore what `save` wrote into a learner that was built with the same arguments.

        Args:
            path: The file.
            tasks: The tasks so far, or all of them, for methods that read old data (Joint).

        Returns:
            What was kept beside the learner.

        Raises:
            HoldfastError: The file is damaged or does not fit; the learner stays as it was.
        """
        on_device = [task.to(self.setup.device) for task in tasks]
        return checkpoint.load(self.state, Path(path), on_device)
