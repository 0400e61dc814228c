"""A learning rate from short trainings on the first task: what `lr="auto"` stands for.

A rate range test (Smith 2017, "Cyclical learning rates for training neural networks") raises the
rate in every step of one training, and reads a good one off the curve of the loss. The curve lags
behind the rate, so the reading is off by a factor of ten or more if the loss begins to fall late,
as it does for features of length 1. Here each rate of a grid gets a short training of its own
instead, from the same weights and on the same batches. The search starts at the usual rate of the
optimizer and climbs, so it tries only about six of them.
"""

import copy
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from holdfast.errors import HoldfastError
from holdfast.methods.finetune import FineTune
from holdfast.models.network import Network
from holdfast.streams.task import Task
from holdfast.training.opening import close_task, open_task
from holdfast.training.optimizers import AutoRate
from holdfast.training.records import Records
from holdfast.training.setup import Setup
from holdfast.training.state import TrainingState
from holdfast.training.stepping import Stepper
from holdfast.training.view import View
from holdfast.training.watch import DivergedTraining

# Two rates per decade: within the factor of 3 between neighbours, most rates do equally well.
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
STEPS = 32  # of each short training
MOST_STEPS = 128  # if no rate has lowered the loss in fewer
LOWERED = 0.9  # share of the first loss that a training which learns falls below


@dataclass(frozen=True)
class RateSearch:
    """What a search for a learning rate has found.

    Attributes:
        lr: The chosen rate.
        losses: For each rate that was tried, the mean loss over the second half of its short
            training. It is infinite if a loss was not finite.
        steps: The steps of each short training.
        first_loss: The loss of the first batch before any step.

    Example:
        >>> RateSearch(0.1, {0.1: 0.3, 0.3: 0.5}, steps=32, first_loss=0.7)
        RateSearch(lr=0.1, steps=32, first_loss=0.7)
    """

    lr: float
    losses: dict[float, float] = field(repr=False)
    steps: int
    first_loss: float


def search_rate(network: Network, task: Task, auto: AutoRate, setup: Setup) -> RateSearch:
    """Find a learning rate on the training examples of the first task, in about 200 steps.

    The method plays no part, so all methods that are compared on the same network, data, optimizer
    and seed get the same rate. Neither the network nor any random generator is changed.

    Args:
        network: The untrained network. It is copied for each short training.
        task: The first task. Only its training examples are read.
        auto: Makes the optimizer with a given rate.
        setup: The arguments of the learner, such as its scenario, its seed and its batch size.

    Returns:
        The rate whose short training has the lowest loss. If training diverges at the next larger
        one, it is the next smaller one, since later tasks may be less stable than the first.

    Raises:
        HoldfastError: The task cannot be trained, or its loss is not finite at any rate.
    """
    search = _Search(network, task, auto, setup, STEPS)
    place = search.lowest(RATES.index(auto.start))
    # While the loss is still flat, the rates differ too little to choose by.
    while not search.learns(place) and search.steps < MOST_STEPS:
        search = _Search(network, task, auto, setup, 2 * search.steps)
        place = search.lowest(place)
    if not math.isfinite(search.loss(place)):
        raise HoldfastError(
            f"lr='auto' found no learning rate: the loss of task {task.name!r} is not finite even "
            f"with {RATES[place]:g}; look for NaN, infinite or very large values in the inputs"
        )
    if place and search.diverges(place + 1):
        place -= 1
    # Measured here if the search has stepped back to a rate that it had not tried.
    search.loss(place)
    losses = {RATES[tried]: loss for tried, loss in sorted(search.by_place.items())}
    return RateSearch(RATES[place], losses, search.steps, search.first_loss)


def untouched_copy(network: Network, optimizer: object) -> Network | None:
    """Copy a network before a method wraps it, if a learning rate is to be found on it later."""
    if isinstance(optimizer, AutoRate):
        return copy.deepcopy(network)
    return None


class RateFinder:
    """Finds the learning rate of a learner whose optimizer is made by `optimizer(..., lr="auto")`.

    Args:
        network: A copy of the untrained network, or None if the rate is known.
        setup: The arguments of the learner.
        state: What the learner trains.

    Example:
        >>> from holdfast.models import mlp
        >>> from holdfast.streams import digits, split
        >>> from holdfast.training import Learner, optimizer
        >>> stream = split(digits(), 5, "class")
        >>> model = mlp(stream.shape, "growing", hidden=[16], seed=0)
        >>> learner = Learner(model, None, optimizer("adam", lr="auto"), scenario="class")
        >>> learner.rate.find(stream[0]).lr
        0.03
    """

    def __init__(self, network: Network | None, setup: Setup, state: TrainingState) -> None:
        self._network = network
        self._setup = setup
        self._state = state

    def find(self, task: Task) -> RateSearch:
        """Find a learning rate on training examples of a task, and leave the learner as it is.

        `begin` of the first task does this itself, and uses what it finds.

        Args:
            task: The first task of the stream.

        Returns:
            The rate, and the loss of every rate that was tried.

        Raises:
            HoldfastError: The rate is known, or the learner has begun a task.
        """
        auto = self._state.optimizers.unknown_rate
        if auto is None or self._network is None:
            raise HoldfastError(
                "a learning rate is looked for with optimizer('sgd', lr='auto'), or another "
                "optimizer by name, and before the first task begins"
            )
        return search_rate(self._network, task, auto, self._setup)

    def settle(self, task: Task) -> None:
        """Find the rate and use it, if it is not known and this is the first task."""
        if self._network is not None and not self._state.progress.names:
            self._state.optimizers.settle(self.find(task).lr)
        # The copy is as large as the network, and is not needed again.
        self._network = None


class _Search:
    """Short trainings of one length, each of which is done once and when it is asked for."""

    def __init__(
        self, network: Network, task: Task, auto: AutoRate, setup: Setup, steps: int
    ) -> None:
        self.network = network
        # The checks before training look at a row of each part, so test rows are left out.
        self.task = replace(task, test=task.train, validation=None)
        self.auto = auto
        self.steps = steps
        # A schedule would need the length of the real training.
        changes = {"steps": steps, "schedule": "constant", "renew_optimizer": False}
        settings = setup.settings.model_copy(update=changes)
        self.setup = replace(setup, settings=settings, log=None)
        self.by_place: dict[int, float] = {}
        self.first_loss = math.nan

    def lowest(self, start: int) -> int:
        """Climb from a place of the grid to the rate with the lowest loss."""
        best = start
        while self.loss(best + 1) < self.loss(best):
            best += 1
        if best > start:
            return best
        # If training diverges at both rates, a smaller one may still do.
        while best and (self.loss(best - 1) < self.loss(best) or self.loss(best) == math.inf):
            best -= 1
        return best

    def learns(self, place: int) -> bool:
        """Whether training with a rate has lowered the loss noticeably."""
        loss = self.loss(place)
        return loss < LOWERED * self.first_loss or loss == math.inf

    def diverges(self, place: int) -> bool:
        """Whether training with a rate ends with a higher loss than it began with."""
        return self.loss(place) > self.first_loss

    def loss(self, place: int) -> float:
        """Return the mean loss over the second half of the training with a rate of the grid."""
        if not 0 <= place < len(RATES):
            return math.inf
        if place not in self.by_place:
            self.by_place[place] = self._train(RATES[place])
        return self.by_place[place]

    def _train(self, rate: float) -> float:
        """Train a copy of the network for some steps, and return the mean of its later losses."""
        later = []
        # The real training gives the same warnings.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for number, loss in enumerate(self._losses(rate)):
                if not number:
                    self.first_loss = loss
                if not math.isfinite(loss):
                    return math.inf
                if number >= self.steps // 2:
                    later.append(loss)
        return sum(later) / len(later)

    def _losses(self, rate: float) -> Iterator[float]:
        """Train a copy of the network, and yield each loss; infinity if one is not finite."""
        method = FineTune()
        state = TrainingState.assembled(
            copy.deepcopy(self.network), method, self.auto.at(rate), self.setup
        )
        view = View(self.setup, state)
        hooks = open_task(view, self.task)
        stepper = Stepper(view, Records(self.setup))
        with state.random.active():
            for batch in view.batches():
                try:
                    loss = float(stepper.step(batch))
                except DivergedTraining:
                    loss = math.inf
                yield loss
        close_task(view, hooks)
