"""The order of tasks: a learner takes each task of one stream once, in the order of the stream."""

from holdfast.errors import HoldfastError
from holdfast.streams.task import Stream, Task
from holdfast.training.state import InTask
from holdfast.training.view import View

ADVICE = (
    "continue with the stream that it was trained on, in the same order, append new tasks with "
    "learner.learn(data), or make a new learner"
)
# How to train again on the data of a task that was learnt, by scenario.
AGAIN = {
    "class": (
        "To train on its classes again, put their examples into the stream as a further task with "
        "another name, or append them with learner.learn(data)"
    ),
    "domain": (
        "To train on its data again, put them into the stream as a further task with another name"
    ),
    "task": (
        "To train on its data again, put them into the stream as a further task with another name, "
        "which gets outputs of its own"
    ),
}


def check_next(view: View, task: Task) -> None:
    """Refuse a task whose turn it is not.

    Args:
        view: The learner, between two tasks.
        task: The task that it is to begin.

    Raises:
        HoldfastError: The task was learnt, or others come first. The message says what to do.
    """
    names = view.state.progress.names
    done = len(names)
    if task.index == done:
        return
    if task.name in names:
        raise HoldfastError(
            f"tasks come in order, each once: task {task.name!r} was learnt already (number "
            f"{names.index(task.name)} of {done}). {AGAIN[view.scenario]}"
        )
    advice = "build one stream of all tasks"
    if task.index > done:
        advice = "train the tasks before it first"
    raise HoldfastError(
        f"tasks come in order: expected task number {done}, got {task.index} ({task.name!r}); "
        f"{advice}"
    )


def check_begun(view: View, stream: Stream) -> None:
    """Refuse to continue with a stream that is not the one that a learner was trained on.

    Args:
        view: A learner that may have begun tasks, in this process or before it was saved.
        stream: The stream that it is to continue with.

    Raises:
        HoldfastError: The tasks that it has begun are not the first tasks of the stream.
    """
    begun = view.state.progress.names
    if len(begun) > len(stream):
        raise HoldfastError(
            f"the learner has begun {len(begun)} tasks, the stream has {len(stream)}; {ADVICE}"
        )
    for number, name in enumerate(begun):
        task = stream[number]
        if name != task.name:
            raise HoldfastError(
                f"task number {number} of the stream is {task.name!r}, but the learner was trained "
                f"on {name!r} there; {ADVICE}"
            )
        trained = tuple(view.head.ranges[number])  # a list if it comes from a file
        if trained != tuple(task.outputs):
            raise HoldfastError(
                f"task {name!r} of the stream has the outputs {_span(task.outputs)}, but the "
                f"learner was trained with {_span(trained)}; {ADVICE}"
            )
    if isinstance(view.state.phase, InTask):
        raise HoldfastError(f"task {begun[-1]!r} has not ended; call end() before fit")


def check_left(view: View, stream: Stream) -> None:
    """Refuse a run over a stream of which every task was learnt: it would train nothing.

    Args:
        view: The learner.
        stream: The stream.

    Raises:
        HoldfastError: No task is left.
    """
    if len(view.state.progress.names) == len(stream) and not view.state.active:
        raise HoldfastError(
            f"the learner has learnt all {len(stream)} tasks of the stream, so nothing is left to "
            "train; score it with evaluate(task), append new data with learner.learn(data), or "
            "make a new learner"
        )


def _span(outputs: tuple[int, ...]) -> str:
    """Write outputs [first, last) as messages show them."""
    return f"{outputs[0]} to {outputs[1] - 1}"
