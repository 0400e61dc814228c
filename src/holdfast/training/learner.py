"""The learner: a model, a method and an optimizer, trained on one task after another.

`step` is the only place where training happens. Read `stepping` and then `update` to follow a step
from top to bottom, and `opening` to see what happens between two tasks.
"""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from holdfast.engine.objectives import Objective, OwnLoss, make_objective
from holdfast.errors import HoldfastError
from holdfast.methods import FineTune, Method, parse_method
from holdfast.methods.view import MakeOptimizer
from holdfast.settings import Settings
from holdfast.streams.task import Augment, Task
from holdfast.training.batches import order_of_phase, read
from holdfast.training.compatibility import check_parts
from holdfast.training.default_scorers import default_scorer
from holdfast.training.describing import described
from holdfast.training.evaluation import scores
from holdfast.training.fit import fit as fit_stream
from holdfast.training.later.answers import predict as predict_any
from holdfast.training.later.history import History
from holdfast.training.later.learning import learn as learn_data
from holdfast.training.later.loading import Load
from holdfast.training.later.origin import Origin
from holdfast.training.later.whole_file import save as save_whole
from holdfast.training.opening import Hooks, close_task, open_task, resume_task
from holdfast.training.optimizers import optimizer as named_optimizer
from holdfast.training.rate_search import RateFinder, untouched_copy
from holdfast.training.records import Records
from holdfast.training.scoring import Scorer
from holdfast.training.setup import Log, Setup
from holdfast.training.state import InTask, Resuming, TrainingState
from holdfast.training.stepping import OwnBatch, Stepper
from holdfast.training.view import View
from holdfast.validation import validated

SGD = named_optimizer("sgd", lr=0.01, momentum=0.9)


class Learner:
    """Trains a model with a method on one task after another.

    Args:
        model: A classifier, such as `models.mlp` or `models.classifier_from` make. It is trained
            in place.
        method: The method, or its spec such as "ER(500)". None trains without any (`FineTune`).
        optimizer: A function from parameters to an optimizer, such as `optimizer("sgd", lr=0.1)`,
            or an optimizer, or None if you step one yourself.
        scenario: "task", "domain" or "class".
        objective: What to train for: "classification", "multilabel", "regression", "custom" with
            your `loss`, or one of `engine.objectives`.
        loss: (outputs, targets, rows) → losses (B,), for "custom".
        augment: (raw examples, generator) → examples. None uses that of the stream of `fit`.
        seed: Decides the order of the examples, the method's choices, and everything that draws
            random numbers.
        device: Where to train. The model is moved there.
        scorer: (answers, targets) → one score per example, higher is better (`training.scoring`).
            None takes that of the objective.
        log: Receives a dict every `log_every` steps, at the end of a task, and after evaluations.
        log_every: Steps between two such dicts, at least 1.
        **settings: How to train: `epochs`, `batch_size` and so on (`holdfast.Settings`).

    Raises:
        HoldfastError: The parts do not fit together, or an argument would have no effect.

    Attributes:
        model: The network, as the method wrapped it. At any time it is a plain module.
        method: The method.
        setup: The arguments: scenario, seed, device, settings.
        state: What training changes, and a checkpoint holds: weights, optimizers, progress.
        view: The learner as its method sees it (`methods.view.LearnerView`).
        history: The tasks, labels and scores so far, also of earlier processes.
        records: What is sent to `log`.
        rate: Finds the learning rate of an optimizer with `lr="auto"`.

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
        method: Method | str | None = None,
        optimizer: MakeOptimizer | Optimizer | None = SGD,
        *,
        scenario: str,
        objective: Objective | str = "classification",
        loss: OwnLoss | None = None,
        augment: Augment | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
        scorer: Scorer | None = None,
        log: Log | None = None,
        log_every: int = 100,
        **settings: object,
    ) -> None:
        self.method = parse_method(method) if isinstance(method, str) else method or FineTune()
        goal = make_objective(objective, loss)
        self.setup = Setup(
            scenario=scenario,
            objective=goal,
            settings=validated(Settings, **settings),
            seed=seed,
            device=torch.device(device),
            augment=augment,
            scorer=scorer or default_scorer(goal),
            log=log,
            log_every=log_every,
        )
        network = check_parts(self.setup, model, self.method, optimizer)
        untouched = untouched_copy(network, optimizer)  # the method may wrap the network
        origin = Origin.of(network, optimizer)
        self.state = TrainingState.assembled(network, self.method, optimizer, self.setup)
        self.model = self.state.model
        self.view = View(self.setup, self.state)
        self.history = History(self.setup, self.state, origin)
        self.records = Records(self.setup)
        self.rate = RateFinder(untouched, self.setup, self.state)
        self._stepper = Stepper(self.view, self.records)
        self._hooks: Hooks = []  # of the current task

    def __repr__(self) -> str:
        return described(self.state)

    def begin(self, task: Task) -> None:
        """Open the outputs of the next task, let the method prepare, and make the optimizer.

        If a checkpoint from the middle of a task was loaded, that task is resumed where it was.

        Raises:
            HoldfastError: It is not the task's turn, or it cannot be trained.
        """
        self.rate.settle(task)
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
        self.view.need_task()
        self._stepper.finish_task()
        with self.state.progress.timed("consolidation"):
            with self.state.random.active():
                phases = self.method.consolidate(self.view, self.state.tasks[-1])
                for phase in phases or ():
                    order = order_of_phase(self.setup, self.state, phase)
                    for batch in read(self.setup, self.state, phase.task.train, order):
                        self.step(batch)
            self._stepper.forget()
            close_task(self.view, self._hooks)

    def train(self, *tasks: Task) -> "Learner":
        """Train on tasks without evaluating, and return the learner.

        Each task takes `begin`, unless it has begun, a `step` for every batch, and `end`.
        """
        for task in tasks:
            if not isinstance(self.state.phase, InTask):
                self.begin(task)
            with self.state.random.active():
                for batch in self.view.batches():
                    self.step(batch)
            self.end()
        return self

    fit = fit_stream  # trains on every task of a stream, and evaluates after each

    def step(self, batch: OwnBatch) -> Tensor:
        """Take one training step.

        Args:
            batch: One of `view.batches()`, or a pair (inputs, output indices) of your own.

        Returns:
            The loss, as a tensor, so that no step waits for the device.
        """
        return self._stepper.step(batch)

    def loss(self, batch: OwnBatch) -> Tensor:
        """Compute the loss of a batch, for a loop of your own.

        Call `backward()` on it, then `edit_gradient()`, your optimizer, and `after_step()`.
        """
        return self._stepper.loss(batch)

    def edit_gradient(self) -> None:
        """Add penalties, project and clip the gradient, after `backward()` in your own loop."""
        # Methods compute gradients on other rows here, for which dropout draws.
        with self.state.random.active(self.state.draws_widely):
            self._stepper.edit_gradient()

    def after_step(self) -> None:
        """Edit the change of θ, let the method observe, and count, after your optimizer's step."""
        with self.state.random.active(self.state.draws_widely):
            self._stepper.after_step()

    learn = learn_data  # appends new data of any kind as a task, or as several

    # ---- answers

    predict = predict_any  # logits of tensors, or the names of labels

    def evaluate(self, task: Task, part: str = "test", chunk: int | None = None) -> Tensor:
        """Score each example of a task.

        Args:
            task: The task.
            part: "test", "validation" or "train".
            chunk: Examples read at once. None reads as many as fit into a fixed number of bytes.

        Returns:
            Scores (N,) on the CPU, in the order of the part.
        """
        return scores(self.view, task, part, chunk)[0]

    # ---- checkpoints

    save = save_whole  # one file, which also holds what `Learner.load` needs
    load = Load()  # of the class: a new learner from a file. Of a learner: restores it.
