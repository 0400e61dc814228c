"""The laws of training: determinism, sums, resuming, growth, strength 0, bytes, what must not move, devices."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from holdfast.checks.parts import (
    LawBroken,
    Make,
    require_same,
    small_learner,
    small_stream,
    state_of,
    trained,
)
from holdfast.engine.memory import Memory
from holdfast.engine.snapshot import evaluating
from holdfast.engine.stateful import Stateful
from holdfast.errors import HoldfastError
from holdfast.methods import AGEM, ER, EWC, METHODS, FineTune, LwF, Method, parse_method
from holdfast.training import Learner


def _compatible(method: Method) -> Iterator[Method]:
    """Small methods that may stand beside it."""
    for other in (EWC(1.0), ER(30), LwF(0.5), AGEM(30)):
        if other.name in {p.name for p in method.parts}:
            continue
        try:
            type(method)(**method.arguments) + other
        except HoldfastError:
            continue
        yield other


def _steps(learner: Learner, task: Any) -> Iterator[list[str]]:
    """Trains a task by the finer calls; yields, between gradient and step, the names of parameters without a gradient."""
    learner.begin(task)
    with learner.state.random.active():
        for batch in learner.view.batches():
            learner.view.space.zero_grad()
            learner.loss(batch).backward()
            learner.edit_gradient()
            yield [n for n, p in learner.model.named_parameters() if p.grad is None]
            learner.state.optimizers.required.step()
            learner.after_step()
            yield []
    learner.end()


@contextmanager
def _expecting_error(what: str) -> Iterator[None]:
    try:
        yield
    except HoldfastError:
        return
    raise LawBroken(what)


def repr_builds_it(make: Make, scenario: str) -> None:
    """Arguments are kept, so that config, spec and repr are one; an exported method's repr is its spec."""
    method = make()
    if all(p.name in METHODS for p in method.parts):
        if repr(parse_method(repr(method))) != repr(method):
            raise LawBroken(f"{method!r} is parsed as {parse_method(repr(method))!r}")
    elif repr(make()) != repr(method):
        raise LawBroken(f"built again from its arguments it is {make()!r}")


def deterministic(make: Make, scenario: str) -> None:
    """Two runs of one seed."""
    s = small_stream(scenario)
    outside = torch.get_rng_state()
    a = state_of(trained(make(), s))
    if not torch.equal(outside, torch.get_rng_state()):
        raise LawBroken("training moved the global generator")
    torch.rand(3)  # what others do with the global generator must not matter
    require_same(a, state_of(trained(make(), s)), "two runs")
    torch.set_rng_state(outside)


def sums_commute(make: Make, scenario: str) -> None:
    """a + b equals b + a; an isolating method refuses company."""
    s = small_stream(scenario)
    if len(make().parts) > 1:
        return  # a sum is sorted when it is made; its parts are checked by themselves
    if make().declare().isolates:
        for refused in (ER(30), EWC(1.0)):
            with _expecting_error(f"it isolates tasks but accepts {refused!r} beside it"):
                make() + refused
        return
    for other in _compatible(make()):
        again = type(other)(**other.arguments)
        require_same(
            state_of(trained(make() + other, s)),
            state_of(trained(again + make(), s)),
            f"its sum with {other!r} in both orders",
        )


def resumes(make: Make, scenario: str) -> None:
    """Saved in the middle of a task, loaded elsewhere, it goes on to the same bits."""
    s = small_stream(scenario)
    whole = small_learner(make(), s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.safetensors"
        for k, task in enumerate(s.tasks):
            whole.begin(task)
            for n, batch in enumerate(whole.view.batches()):
                if (k, n) == (1, 3):
                    whole.save(path)
                whole.step(batch)
            whole.end()
        there = small_learner(make(), s)
        there.load(path, tasks=s.tasks[:2])
    there.train(*s.tasks[1:])
    require_same(state_of(whole), state_of(there), "saved in the middle and loaded")


def grows(make: Make, scenario: str) -> None:
    """When a task opens outputs, old rows of weights and of θ-shaped buffers keep their bits, new rows of buffers are 0."""
    s = small_stream(scenario)
    learner = trained(make(), s, 1)
    if any(p.declare().restarts for p in learner.method.parts):
        return
    before = {n: p.detach().clone() for n, p in learner.model.named_parameters()}
    layout = learner.view.space.layout
    vectors = {
        (m, n): m.get_buffer(n).clone()
        for m in learner.method.modules()
        if isinstance(m, Stateful)
        for n in m.vectors
        if dict(m.named_states()).get(n) is not None
    }
    learner.begin(s.tasks[1])
    for name, p in learner.model.named_parameters():
        if name in before:
            corner = tuple(slice(0, k) for k in before[name].shape)
            if not torch.equal(p.detach()[corner], before[name]):
                raise LawBroken(f"beginning a task changed the old rows of {name}")
    for (module, name), old in vectors.items():
        new = module.get_buffer(name)
        if new.shape[-1:] != learner.view.space.theta.shape or new.dim() != old.dim():
            raise LawBroken(
                f"the θ-shaped buffer {name} has shape {tuple(new.shape)}, θ has length {len(learner.view.space.theta)}"
            )
        pairs = [(old, new)] if old.dim() == 1 else list(zip(old, new, strict=True))
        for before_growth, after_growth in pairs:
            _require_carried(learner, name, layout.views(before_growth), after_growth)


def _require_carried(
    learner: Learner, name: str, old_views: dict[str, Tensor], new: Tensor
) -> None:
    """Old rows have their bits, new rows are 0."""
    for key, view in learner.view.space.views(new).items():
        corner = tuple(slice(0, k) for k in old_views[key].shape) if key in old_views else ()
        rest = view.clone()
        if key in old_views:
            if not torch.equal(view[corner], old_views[key]):
                raise LawBroken(f"growth changed the old rows of {name} at {key}")
            rest[corner] = 0
        if bool(rest.any()):
            raise LawBroken(f"growth left new rows of {name} at {key} other than 0")


def neutral_is_absent(make: Make, scenario: str) -> None:
    """At strength 0 weights and generators are those of FineTune, alone and in a sum."""
    s = small_stream(scenario)
    for part in make().parts:
        for argument, value in part.declare().neutral:

            def off(part: Method = part, argument: str = argument, value: Any = value) -> Method:
                return type(part)(**(part.arguments | {argument: value}))

            plain = trained(FineTune(), s)
            require_same(
                state_of(plain, False),
                state_of(trained(off(), s), False),
                f"{argument}={value} against FineTune",
            )
            other = next(_compatible(off()), None)
            if other is not None:
                alone = trained(type(other)(**other.arguments), s)
                require_same(
                    state_of(alone, False),
                    state_of(trained(off() + other, s), False),
                    f"{argument}={value} beside {other!r}",
                )


def bytes_as_declared(make: Make, scenario: str) -> None:
    """State: none is 0 bytes, constant does not grow from task to task, linear does."""
    s = small_stream(scenario)
    if len(make().parts) > 1 or (scenario != "domain" and "domain" in make().declare().scenarios):
        return  # where the network itself grows, so does every θ-shaped buffer
    whole = {"head": "masked", "outputs": "all"} if scenario == "class" else {}
    learner = small_learner(make(), s, epochs=4, **whole)
    sizes = []
    for task in s.tasks:
        learner.train(task)
        sizes.append(learner.method.state_bytes())
    declared = make().declare().memory
    if declared == "none" and any(sizes):
        raise LawBroken(f"declared to keep nothing, it keeps {sizes} bytes")
    if declared == "constant" and (not sizes[1] or sizes[2] != sizes[1]):
        raise LawBroken(f"declared constant, its bytes after each task are {sizes}")
    if declared == "linear" and not sizes[0] < sizes[1] < sizes[2]:
        raise LawBroken(f"declared linear, its bytes after each task are {sizes}")


def still_parts_stay(make: Make, scenario: str) -> None:
    """Under AdamW with weight decay: what got no gradient does not move; an isolating method's old predictions keep their bits."""
    s = small_stream(scenario)
    learner = small_learner(make(), s, "adamw")
    x, _, _ = s.tasks[0].test.fetch(torch.arange(20))
    first: Tensor | None = None
    isolates = any(p.declare().isolates for p in make().parts)
    for task in s.tasks:
        still: dict[str, Tensor] = {}
        for names in _steps(learner, task):
            parameters = dict(learner.model.named_parameters())
            for n, value in still.items():
                if not names and not torch.equal(value, parameters[n]):
                    raise LawBroken(f"{n} got no gradient but moved")
            still = {n: parameters[n].detach().clone() for n in names}
        with torch.no_grad(), evaluating(learner.model):
            now = learner.model(learner.view.prepare(x, augment=False), 0)[
                :, : s.tasks[0].outputs[1]
            ]  # given the task, where it is hidden too
        if isolates and first is not None and not torch.equal(first, now):
            raise LawBroken(f"predictions for task 0 changed while {task.name} was trained")
        first = now


# Attributes of every module in which torch itself keeps parameters and buffers.
OF_TORCH = ("_parameters", "_buffers", "_modules")


def _holds_tensor(value: object) -> bool:
    """Whether a value is a tensor, or a tuple, list, set or dict with one in it."""
    if isinstance(value, dict):
        return any(map(_holds_tensor, value.values()))
    if isinstance(value, tuple | list | set | frozenset):
        return any(map(_holds_tensor, value))
    return isinstance(value, Tensor)


def moves_with_its_device(make: Make, scenario: str) -> None:
    """All tensors are buffers or parameters: moved and saved with the method."""
    s = small_stream(scenario)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    learner = trained(make(), s, 2, device=device)
    for path, module in learner.method.named_modules():
        hidden = [n for n, v in vars(module).items() if n not in OF_TORCH and _holds_tensor(v)]
        if hidden:
            raise LawBroken(
                f"{path or 'the method'} keeps the tensor {hidden[0]} outside its state; declare it with tensor_state() or vector_state()"
            )
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.device.type != device and not (isinstance(module, Memory) and name == "task"):
                raise LawBroken(f"buffer {name} is on {buffer.device}, the learner on {device}")
    learner.method.to("meta")
    left = [
        n for n, b in learner.method.named_buffers() if not b.is_meta and not n.endswith("task")
    ]
    if left:
        raise LawBroken(f"buffer {left[0]} does not move with the method")
