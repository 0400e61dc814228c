"""The laws of state: growth, bytes, what must not move, and devices."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from holdfast.checks.parts import (
    LawBroken,
    Subject,
    first_rows,
    small_learner,
    trained,
)
from holdfast.engine.memory import Memory
from holdfast.engine.snapshot import evaluating
from holdfast.engine.stateful import Stateful
from holdfast.streams import Task
from holdfast.training import Learner

# Attributes of every module in which torch itself keeps parameters and buffers.
OF_TORCH = ("_parameters", "_buffers", "_modules")


def grows(subject: Subject) -> None:
    """Check that old rows keep their bits when a task opens outputs.

    This concerns the weights and the θ-shaped states of the method. New rows of states are 0.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: An old row changed, or a new row of a state is not 0.
    """
    stream = subject.stream
    learner = trained(subject.method(), stream, 1)
    # A method that restarts replaces all weights when a task begins.
    if any(part.declare().restarts for part in learner.method.parts):
        return
    weights = {name: p.detach().clone() for name, p in learner.model.named_parameters()}
    layout = learner.view.space.layout
    vectors = _vectors_of(learner.method)
    copies = [module.get_buffer(name).clone() for module, name in vectors]
    learner.begin(stream.tasks[1])
    _require_old_weights(learner, weights)
    theta = learner.view.space.theta
    for (module, name), old in zip(vectors, copies, strict=True):
        new = module.get_buffer(name)
        if new.shape[-1:] != theta.shape or new.dim() != old.dim():
            raise LawBroken(
                f"the θ-shaped buffer {name} has shape {tuple(new.shape)}, "
                f"θ has length {len(theta)}"
            )
        # A state may be several θ-shaped vectors, one per row.
        pairs = zip(torch.atleast_2d(old), torch.atleast_2d(new), strict=True)
        for before, after in pairs:
            _require_carried(learner, name, layout.views(before), after)


def _vectors_of(method: nn.Module) -> list[tuple[Stateful, str]]:
    """List the θ-shaped states that hold something, each as its module and its name."""
    vectors: list[tuple[Stateful, str]] = []
    for module in method.modules():
        if isinstance(module, Stateful):
            states = dict(module.named_states())
            filled = [name for name in sorted(module.vectors) if states.get(name) is not None]
            vectors += [(module, name) for name in filled]
    return vectors


def _require_old_weights(learner: Learner, before: dict[str, Tensor]) -> None:
    """Refuse a weight whose old rows changed; one that is new has none."""
    for name, parameter in learner.model.named_parameters():
        if name not in before:
            continue
        corner = _corner(before[name])
        if not torch.equal(parameter.detach()[corner], before[name]):
            raise LawBroken(f"beginning a task changed the old rows of {name}")


def _require_carried(
    learner: Learner, name: str, old_views: dict[str, Tensor], new: Tensor
) -> None:
    """Refuse a θ-shaped vector whose old rows changed or whose new rows are not 0."""
    for parameter, view in learner.view.space.views(new).items():
        fresh = view.clone()
        if parameter in old_views:
            old = old_views[parameter]
            corner = _corner(old)
            if not torch.equal(view[corner], old):
                raise LawBroken(f"growth changed the old rows of {name} at {parameter}")
            fresh[corner] = 0
        if bool(fresh.any()):
            raise LawBroken(f"growth left new rows of {name} at {parameter} other than 0")


def _corner(old: Tensor) -> tuple[slice, ...]:
    """Say where the entries of a tensor are after it grew: at the front of each dimension."""
    return tuple(slice(0, size) for size in old.shape)


def bytes_as_declared(subject: Subject) -> None:
    """Check that the method's state grows with the number of tasks as it declares.

    "none" is 0 bytes, "constant" is the same after each task, and "linear" is more after each.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: The bytes grow in another way.
    """
    stream = subject.stream
    # Where the network itself grows, so does every θ-shaped state. The domain scenario shows the
    # growth with tasks alone. A sum has no declaration of its own.
    if len(subject.method().parts) > 1:
        return
    if subject.scenario != "domain" and "domain" in subject.method().declare().scenarios:
        return
    whole_head = {}
    if subject.scenario == "class":
        whole_head = {"head": "masked", "outputs": "all"}
    learner = small_learner(subject.method(), stream, epochs=4, **whole_head)
    sizes = []
    for task in stream.tasks:
        learner.train(task)
        sizes.append(learner.method.state_bytes())
    declared = subject.method().declare().memory
    if declared == "none" and any(sizes):
        raise LawBroken(f"declared to keep nothing, it keeps {sizes} bytes")
    # The first task is left out: some methods keep nothing before they have a past.
    if declared == "constant" and (not sizes[1] or sizes[2] != sizes[1]):
        raise LawBroken(f"declared constant, its bytes after each task are {sizes}")
    if declared == "linear" and not sizes[0] < sizes[1] < sizes[2]:
        raise LawBroken(f"declared linear, its bytes after each task are {sizes}")


def still_parts_stay(subject: Subject) -> None:
    """Check that what must not move does not move under AdamW with weight decay.

    A parameter without a gradient stays as it is, although momentum or decay could move it. An
    isolating method gives old rows the same predictions bit for bit.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: Something moved.
    """
    stream = subject.stream
    learner = small_learner(subject.method(), stream, "adamw")
    isolates = any(part.declare().isolates for part in subject.method().parts)
    # Rows of the first task: later tasks must not change what it learned.
    x = first_rows(stream.tasks[0], 20)
    outputs = stream.tasks[0].outputs[1]
    first: Tensor | None = None
    for task in stream.tasks:
        _train_watching(learner, task)
        with torch.no_grad(), evaluating(learner.model):
            # The network receives the task, even where the scenario hides it.
            logits = learner.model(learner.view.prepare(x, augment=False), 0)[:, :outputs]
        if isolates and first is not None and not torch.equal(first, logits):
            raise LawBroken(f"predictions for task 0 changed while {task.name} was trained")
        first = logits


def _train_watching(learner: Learner, task: Task) -> None:
    """Train a task, and refuse a step that moves a parameter without a gradient."""
    for still in _steps(learner, task):
        parameters = dict(learner.model.named_parameters())
        for name, value in still.items():
            if not torch.equal(value, parameters[name]):
                raise LawBroken(f"{name} got no gradient but moved")


def _steps(learner: Learner, task: Task) -> Iterator[dict[str, Tensor]]:
    """Train a task, and yield after each step the parameters without a gradient as they were."""
    learner.begin(task)
    # The pieces of a step, because a whole step does not stop between gradient and change.
    with learner.state.random.active():
        for batch in learner.view.batches():
            learner.view.space.zero_grad()
            learner.loss(batch).backward()
            learner.edit_gradient()
            still = {}
            for name, parameter in learner.model.named_parameters():
                if parameter.grad is None:
                    still[name] = parameter.detach().clone()
            # AdamW has moments from earlier steps, and decays what it knows.
            learner.state.optimizers.required.step()
            learner.after_step()
            yield still
    learner.end()


def moves_with_its_device(subject: Subject) -> None:
    """Check that all tensors of a method are states, which are moved and saved with it.

    Args:
        subject: The method under test in one scenario.

    Raises:
        LawBroken: A tensor is hidden in a plain attribute, or is on another device.
    """
    stream = subject.stream
    device = "cuda" if torch.cuda.is_available() else "cpu"
    learner = trained(subject.method(), stream, 2, device=device)
    for path, module in learner.method.named_modules():
        _refuse_hidden_tensors(path, module)
        for name, buffer in module.named_buffers(recurse=False):
            # A memory keeps the tasks of its rows on the host, because choices are made there.
            on_host = isinstance(module, Memory) and name == "task"
            if buffer.device.type != device and not on_host:
                raise LawBroken(f"buffer {name} is on {buffer.device}, the learner on {device}")
    # Machines without an accelerator have this device, and it shows the same faults.
    learner.method.to("meta")
    for name, buffer in learner.method.named_buffers():
        if not buffer.is_meta and not name.endswith("task"):
            raise LawBroken(f"buffer {name} does not move with the method")


def _refuse_hidden_tensors(path: str, module: nn.Module) -> None:
    """Refuse a module that has a tensor in an attribute that torch does not know of."""
    for name, value in vars(module).items():
        if name not in OF_TORCH and _holds_tensor(value):
            raise LawBroken(
                f"{path or 'the method'} keeps the tensor {name} outside its state; declare it "
                "with tensor_state() or vector_state()"
            )


def _holds_tensor(value: object) -> bool:
    """Say whether a value is a tensor, or a tuple, list, set or dict with one in it."""
    if isinstance(value, dict):
        return any(map(_holds_tensor, value.values()))
    if isinstance(value, tuple | list | set | frozenset):
        return any(map(_holds_tensor, value))
    return isinstance(value, Tensor)
