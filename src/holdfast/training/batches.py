"""The batches of a task: in which order its examples come, and how they are read."""

from collections import deque
from collections.abc import Iterator

from torch import Tensor

from holdfast.engine.batch import Batch, Rows
from holdfast.engine.stateful import seed_from
from holdfast.errors import HoldfastError
from holdfast.methods.method import Phase
from holdfast.streams.order import BatchOrder
from holdfast.streams.task import ArrayPart, Part, Task
from holdfast.training.setup import Setup
from holdfast.training.state import TrainingState


def order_of(setup: Setup, takes_steps: bool, task: Task) -> BatchOrder:
    """Return the order in which a learner reads a task.

    Args:
        setup: The arguments of the learner, of which its settings and its seed matter here.
        takes_steps: Whether weights are trained. If not, one pass shows every example once, and
            more would show nothing new.
        task: The task.

    Returns:
        The rows of each batch. They follow from the seed and the task's number, so a resumed run
        computes them again.

    Raises:
        HoldfastError: The settings have no number of epochs for the task.
    """
    settings = setup.settings
    if not takes_steps:
        return BatchOrder(
            size=len(task.train),
            batch_size=settings.batch_size,
            seed=setup.seed,
            task=task.index,
            shuffle=settings.shuffle,
        )
    return BatchOrder(
        size=len(task.train),
        batch_size=settings.batch_size,
        seed=setup.seed,
        task=task.index,
        epochs=_epochs_of(setup, task),
        max_steps=settings.steps,
        drop_last=settings.drop_last,
        shuffle=settings.shuffle,
    )


def _epochs_of(setup: Setup, task: Task) -> int | None:
    """Return the epochs of a task, or None if its steps are set instead."""
    settings = setup.settings
    try:
        return settings.epochs_of(task.index)
    except IndexError:
        listed = 1
        if isinstance(settings.epochs, list):
            listed = len(settings.epochs)
        raise HoldfastError(
            f"epochs lists {listed} tasks, {task.name!r} is number {task.index + 1}; give one "
            "number for all tasks, or one number per task"
        ) from None


def order_of_phase(setup: Setup, state: TrainingState, phase: Phase) -> BatchOrder:
    """Return the order of the examples on which a method trains when it closes a task.

    Args:
        setup: The arguments of the learner.
        state: Its state, of which the number of the task matters here.
        phase: The examples, and how long to train on them.

    Returns:
        The rows of each batch.
    """
    epochs = phase.epochs
    if phase.steps:
        epochs = None
    return BatchOrder(
        size=len(phase.task.train),
        batch_size=setup.settings.batch_size,
        # A seed of its own, so that the examples do not come in the order of the task itself.
        seed=seed_from(setup.seed, "phase"),
        task=state.task_number,
        epochs=epochs,
        max_steps=phase.steps,
    )


def read(
    setup: Setup, state: TrainingState, part: Part, order: BatchOrder, first: int = 0
) -> Iterator[Batch]:
    """Read the batches of a part of a task, in order.

    Args:
        setup: The arguments of the learner.
        state: Its state. Its stream of random numbers is active while data sets of the user are
            read.
        part: The examples.
        order: The rows of each batch.
        first: The number of the first batch to read. A resumed task starts in the middle.

    Yields:
        Batches on the learner's device.
    """
    # Parts with workers read batches ahead. Their indices and epochs wait here, and are dropped as
    # they are used: anything small that stayed for every step would lie between the large buffers
    # of later steps, and the heap would grow.
    ahead: deque[tuple[Tensor, int]] = deque()

    def indices() -> Iterator[Tensor]:
        for index, epoch in order.from_step(first):
            ahead.append((index, epoch))
            yield index

    rows = part.batches(indices(), setup.seed, first)
    if not isinstance(part, ArrayPart):  # arrays draw no random numbers, and reading is faster
        rows = state.random.inside(rows)
    for x, y, task in rows:
        index, epoch = ahead.popleft()
        on_device = Rows(x.to(setup.device), y.to(setup.device), task)
        yield Batch.of_stream(on_device, index, first_epoch=epoch == 0)
