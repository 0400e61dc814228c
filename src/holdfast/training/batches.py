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
    """The order in which a learner reads a task.

    Args:
        setup: What the learner was told: its settings and its seed.
        takes_steps: Whether weights are trained. Otherwise one pass over the examples sees all.
        task: The task.

    Raises:
        HoldfastError: The settings have no number of epochs for the task.
    """
    settings = setup.settings
    size = len(task.train)
    if not takes_steps:
        return BatchOrder(
            size, settings.batch_size, setup.seed, task.index, shuffle=settings.shuffle
        )
    try:
        epochs = settings.epochs_of(task.index)
    except IndexError:
        listed = len(settings.epochs) if isinstance(settings.epochs, list) else 1
        raise HoldfastError(
            f"epochs lists {listed} tasks, {task.name!r} is number {task.index + 1}; give one number "
            "for all tasks, or one number per task"
        ) from None
    return BatchOrder(
        size=size,
        batch_size=settings.batch_size,
        seed=setup.seed,
        task=task.index,
        epochs=epochs,
        max_steps=settings.steps,
        drop_last=settings.drop_last,
        shuffle=settings.shuffle,
    )


def order_of_phase(setup: Setup, state: TrainingState, phase: Phase) -> BatchOrder:
    """The order of the examples that a method asked to train on when it closed a task."""
    return BatchOrder(
        size=len(phase.task.train),
        batch_size=setup.settings.batch_size,
        seed=seed_from(setup.seed, "phase"),
        task=state.task_number,
        epochs=None if phase.steps else phase.epochs,
        max_steps=phase.steps,
    )


def read(
    setup: Setup, state: TrainingState, part: Part, order: BatchOrder, first: int = 0
) -> Iterator[Batch]:
    """The batches of a part of a task, in order.

    Args:
        setup: What the learner was told.
        state: Its stream of random numbers is active while data sets of the user are read.
        part: The examples.
        order: Which of them make which batch.
        first: The number of the first batch to read.
    """
    # The batches that were read ahead, dropped as they are used. Anything small that stayed for
    # every step would lie between the large buffers of later steps, and the heap would grow.
    ahead: deque[tuple[Tensor, int]] = deque()

    def indices() -> Iterator[Tensor]:
        for index, epoch in order.from_step(first):
            ahead.append((index, epoch))
            yield index

    rows = part.batches(indices(), setup.seed, first)
    if not isinstance(part, ArrayPart):  # arrays draw no random numbers
        rows = state.random.inside(rows)
    for x, y, task in rows:
        index, epoch = ahead.popleft()
        on_device = Rows(x.to(setup.device), y.to(setup.device), task)
        yield Batch.of_stream(on_device, index, first_epoch=epoch == 0)
