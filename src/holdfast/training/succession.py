"""The order of tasks: a learner takes each task of one stream once, in the order of the stream."""

from holdfast.errors import HoldfastError
from holdfast.streams.task import Stream, Task
from holdfast.training.state import InTask
from holdfast.training.view import View

GO_ON = "go on with the stream that it was trained on, in the same order, or make a new learner"
AGAIN = {  # how to train again on what was learnt
    "class": "To train on its classes again, give their examples to a later task that also has a new class, or pass "
    "them to step((x, y)) while a later task is being trained",
    "domain": "To train on its data again, put them into the stream as a further task with another name",
    "task": "To train on its data again, put them into the stream as a further task with another name, which gets outputs of its own",
}


def check_next(view: View, task: Task) -> None:
    """Refuse a task whose turn it is not.

    Args:
        view: The learner, between two tasks.
        task: The task that it is to begin.

    Raises:
        HoldfastError: It was learnt, or others come first. The message says what to do.
    """
    done = len(view.state.progress.names)
    if task.index == done:
        return
    if task.name in view.state.progress.names:
        raise HoldfastError(
            f"tasks come in order, each once: task {task.name!r} was learnt already (number "
            f"{view.state.progress.names.index(task.name)} of {done}). {AGAIN[view.scenario]}"
        )
    advice = (
        "train the tasks before it first" if task.index > done else "build one stream of all tasks"
    )
    raise HoldfastError(
        f"tasks come in order: expected task number {done}, got {task.index} ({task.name!r}); {advice}"
    )


def check_begun(view: View, stream: Stream) -> None:
    """Refuse to go on with a stream that is not the one that a learner has been trained on.

    Args:
        view: A learner that may have begun tasks, in this process or before it was saved.
        stream: The stream that it is to go on with.

    Raises:
        HoldfastError: The tasks that it has begun are not the first tasks of the stream.
    """
    begun, given = view.state.progress.names, [t.name for t in stream]
    if len(begun) > len(given):
        raise HoldfastError(
            f"the learner has begun {len(begun)} tasks, the stream has {len(given)}; {GO_ON}"
        )
    for k, name in enumerate(begun):
        if name != given[k]:
            raise HoldfastError(
                f"task number {k} of the stream is {given[k]!r}, but the learner was trained on {name!r} there; {GO_ON}"
            )
        mine, theirs = view.head.ranges[k], stream[k].outputs
        if tuple(mine) != tuple(theirs):  # lists, if they come from a file
            raise HoldfastError(
                f"task {name!r} of the stream has the outputs {_span(theirs)}, but the learner was trained with {_span(mine)}; {GO_ON}"
            )
    if isinstance(view.state.phase, InTask):
        raise HoldfastError(f"task {begun[-1]!r} has not ended; call end() before fit")


def check_left(view: View, stream: Stream) -> None:
    """Refuse a run over a stream of which every task was learnt: it would train and evaluate nothing.

    Raises:
        HoldfastError: No task is left.
    """
    if len(view.state.progress.names) == len(stream) and not view.state.active:
        raise HoldfastError(
            f"the learner has learnt all {len(stream)} tasks of the stream, so nothing is left to train; "
            "score it with evaluate(task), or make a new learner"
        )


def _span(outputs: tuple[int, int]) -> str:
    return f"{outputs[0]} to {outputs[1] - 1}"
