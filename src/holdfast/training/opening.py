"""Beginning a task, or going on in the middle of one that a checkpoint was made in."""

from torch.utils.hooks import RemovableHandle

from holdfast.engine.one_row import take_single_rows
from holdfast.errors import HoldfastError
from holdfast.streams.task import Task
from holdfast.training import checkpoint
from holdfast.training.preflight import check_task
from holdfast.training.randomness import may_draw
from holdfast.training.state import InTask, Resuming
from holdfast.training.succession import check_next
from holdfast.training.view import View

Hooks = list[RemovableHandle]  # of BatchNorm layers, which take batches of one row while they hang


def open_task(view: View, task: Task) -> Hooks:
    """Open the outputs of the next task, let the method prepare, and make the optimizer.

    Returns:
        Hooks to remove when the task ends.

    Raises:
        HoldfastError: It is not the task's turn, or it cannot be trained. Nothing has changed.
    """
    state = view.state
    check_next(view, task)
    view.head.check_width(view.model, task.outputs[1])
    with state.random.aside("check"):
        check_task(view, task)
    with state.random.active():
        view.head.open(task.index, *task.outputs)
        on_device = state.register(task, view.device)
        state.bind(thorough=True)
        if not state.space.parameters:
            raise HoldfastError(
                "the model has no trainable parameter; at least one needs requires_grad=True"
            )
        if state.initial is not None:
            state.initial.put_back(state.space, state.model)
        training_task = _prepared(view, on_device)
    hooks = take_single_rows(state.model)
    renew = view.setup.settings.renew_optimizer or state.restarts
    state.optimizers.make(state.space.parameters, renew, moves=state.takes_steps)
    state.optimizers.start_schedule(view.order(training_task).steps)
    state.progress.names.append(task.name)
    state.progress.task_steps = 0
    state.progress.rows_given = 0
    state.phase = InTask(training_task)
    return hooks


def resume_task(view: View, task: Task, phase: Resuming) -> Hooks:
    """Go on in the middle of the task in which a checkpoint was made.

    Returns:
        Hooks to remove when the task ends.

    Raises:
        HoldfastError: It is another task.
    """
    state = view.state
    current = state.progress.names[-1]
    if task.name != current:
        raise HoldfastError(
            f"the checkpoint is in the middle of task {current!r}, got {task.name!r}; begin that one"
        )
    if len(state.tasks) < len(state.progress.names):
        state.tasks.append(task.to(view.device))
    with state.random.active():
        training_task = _prepared(view, state.tasks[-1])
    hooks = take_single_rows(state.model)
    state.optimizers.start_schedule(view.order(training_task).steps)
    # The method has just begun the task a second time, so the whole state is put back once more.
    checkpoint.restore_again(state, phase)
    state.phase = InTask(training_task)
    return hooks


def _prepared(view: View, task: Task) -> Task:
    """Let the method begin a task; returns what it wants to train on."""
    training_task = view.state.method.begin(view, task)
    view.state.draws_widely = may_draw(view.setup.augment, view.model, view.state.method)
    view.state.bind(thorough=True)
    return training_task
