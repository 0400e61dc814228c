"""Beginning a task, resuming in the middle of one, and closing one."""

from torch.utils.hooks import RemovableHandle

from holdfast.engine.one_row import take_single_rows
from holdfast.errors import HoldfastError
from holdfast.streams.task import Task
from holdfast.training import checkpoint
from holdfast.training.preflight import check_task
from holdfast.training.randomness import may_draw
from holdfast.training.state import Between, InTask, Resuming
from holdfast.training.succession import check_next
from holdfast.training.view import View

Hooks = list[RemovableHandle]  # of BatchNorm layers, which take batches of one row until removal


def open_task(view: View, task: Task) -> Hooks:
    """Open the outputs of the next task, let the method prepare, and make the optimizer.

    Args:
        view: The learner, between two tasks.
        task: The next task of its stream.

    Returns:
        Hooks for `close_task`.

    Raises:
        HoldfastError: It is not the task's turn, or it cannot be trained.
    """
    state = view.state
    # Everything that can be refused is refused before the first change.
    check_next(view, task)
    view.head.check_network(view.model)
    view.head.check_width(view.model, task.outputs[1])
    with state.random.aside("check"):
        check_task(view, task)

    # New outputs are initialised at random, from the learner's own stream.
    with state.random.active():
        view.head.open(task.index, *task.outputs)
        on_device = state.register(task, view.device)
        # θ must contain the new outputs before the method prepares.
        state.bind(thorough=True)
        if not state.space.parameters:
            raise HoldfastError(
                "the model has no trainable parameter; at least one needs requires_grad=True"
            )
        if state.initial is not None:
            state.initial.put_back(state.space, state.model)
        training_task = _prepared(view, on_device)

    # After the method's preparation, which may have added layers.
    hooks = take_single_rows(state.model)
    renew = view.setup.settings.renew_optimizer or state.restarts
    state.optimizers.make(state.space.named, renew, takes_steps=state.takes_steps)
    state.optimizers.start_schedule(view.order(training_task).steps)
    state.progress.begin_task(task.name)
    state.phase = InTask(training_task)
    return hooks


def resume_task(view: View, task: Task, phase: Resuming) -> Hooks:
    """Resume in the middle of the task in which a checkpoint was made.

    Args:
        view: The learner, into which the checkpoint was loaded.
        task: The task that was being trained when it was saved.
        phase: What the checkpoint holds.

    Returns:
        Hooks for `close_task`.

    Raises:
        HoldfastError: The checkpoint was made in another task.
    """
    state = view.state
    current = state.progress.names[-1]
    if task.name != current:
        raise HoldfastError(
            f"the checkpoint was made in the middle of task {current!r}, got {task.name!r}; "
            f"begin {current!r}"
        )
    # `load` may have been called without the tasks, and then the current one is missing.
    if len(state.tasks) < len(state.progress.names):
        state.tasks.append(task.to(view.device))
    with state.random.active():
        training_task = _prepared(view, state.tasks[-1])
    hooks = take_single_rows(state.model)
    state.optimizers.start_schedule(view.order(training_task).steps)
    # A checkpoint lacks what `begin` of the method builds (hooks, optimizers of its parts), so the
    # task was begun a second time. This changed what had been loaded, so it is loaded once more.
    checkpoint.restore_again(state, phase)
    state.phase = InTask(training_task)
    return hooks


def _prepared(view: View, task: Task) -> Task:
    """Let the method begin a task, and return the examples that it wants to train on."""
    training_task = view.state.method.begin(view, task)
    view.state.draws_widely = may_draw(view.setup.augment, view.model, view.state.method)
    # The method may have changed the network, for example by a column or an adapter for the task.
    view.state.bind(thorough=True)
    return training_task


def close_task(view: View, hooks: Hooks) -> None:
    """End a task, after its method has consolidated it.

    Args:
        view: The learner, in a task.
        hooks: What `open_task` or `resume_task` returned.
    """
    view.state.phase = Between()
    for hook in hooks:
        hook.remove()
