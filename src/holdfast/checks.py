"""The conformance suite: laws that every method must keep, ours and yours.

    from holdfast import check_method
    check_method(MyMethod(0.5))

Each law trains small learners on the embedded digits (seconds in all) and raises `LawBroken` where it does not hold.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from holdfast.engine.memory import Memory
from holdfast.engine.snapshot import evaluating
from holdfast.engine.stateful import Stateful
from holdfast.errors import HoldfastError
from holdfast.methods import AGEM, ER, EWC, METHODS, FineTune, LwF, Method, parse_method
from holdfast.models import mlp
from holdfast.models.heads import FITS
from holdfast.streams import Stream, digits, split
from holdfast.training import Learner, optimizer

TASKS = 3
Make = Callable[[], Method]
Law = Callable[[Make, str], None]


class LawBroken(AssertionError):
    """A method breaks a law; the message says which, in which scenario, and what differed."""


def check_method(method: Method | str, scenarios: tuple[str, ...] | None = None) -> list[str]:
    """Checks every law in every scenario that the method declares (or in `scenarios`); returns the names of the laws.

    >>> check_method("FineTune", scenarios=("class",))[:2]
    ['its repr builds it again', 'the same seed gives the same bits']
    """
    method = parse_method(method) if isinstance(method, str) else method

    def make() -> Method:
        fresh = [type(p)(**p.arguments) for p in method.parts]
        return sum(fresh[1:], fresh[0])

    declared = set(method.parts[0].declaration.scenarios).intersection(*(p.declaration.scenarios for p in method.parts))
    for scenario in scenarios or sorted(declared):
        for name, law in LAWS.items():
            try:
                law(make, scenario)
            except LawBroken as broken:
                raise LawBroken(f"{method!r} breaks the law “{name}” in the {scenario} scenario: {broken}") from None
    return list(LAWS)


# ---- what the laws are made of


def _stream(scenario: str) -> Stream:
    whole = split(digits(), 5, scenario)
    return replace(whole, tasks=whole.tasks[:TASKS])


def _learner(method: Method, s: Stream, name: str = "sgd", head: str | None = None, **options: Any) -> Learner:
    model = mlp(s.shape, head or FITS[s.scenario][0], s.outputs, hidden=(24, 16), seed=0)
    if not all(p.declaration.trains for p in method.parts):
        model.freeze()
    rate = {"lr": 0.02, "momentum": 0.9} if name == "sgd" else {"lr": 1e-3, "weight_decay": 0.1}
    settings: dict[str, Any] = {"scenario": s.scenario, "batch_size": 64, "epochs": 2}
    return Learner(model, method, optimizer(name, **rate), **(settings | options))


def _trained(method: Method, s: Stream, tasks: int = TASKS, **options: Any) -> Learner:
    return _learner(method, s, **options).train(*s.tasks[:tasks])


def _state(learner: Learner, method: bool = True) -> dict[str, Any]:
    """Everything that training leaves behind."""
    out: dict[str, Any] = {f"model.{k}": v.clone() for k, v in learner.model.state_dict().items()}
    out |= {f"random.{k}": v for k, v in learner.random.state().items()}
    out["augmentation"] = learner.augmentation.get_state()
    if method:
        out |= {f"method.{k}": v.clone() for k, v in learner.method.state_dict().items()}
        out |= {f"host.{k}": repr(m.host) for k, m in learner.method.named_modules() if isinstance(m, Stateful)}
    return out


def _require_same(a: dict[str, Any], b: dict[str, Any], what: str) -> None:
    if a.keys() != b.keys():
        raise LawBroken(f"{what}: {sorted(a.keys() ^ b.keys())[:3]} exist on one side only")
    for key, value in a.items():
        if not (_same_bits(value, b[key]) if isinstance(value, Tensor) else value == b[key]):
            raise LawBroken(f"{what}: {key} differs")


def _same_bits(a: Tensor, b: Tensor) -> bool:
    """Equal, NaN being equal to NaN (where an output did not exist)."""
    return a.shape == b.shape and a.dtype == b.dtype and bool(((a == b) | ((a != a) & (b != b))).all())


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
    with learner.randomness():
        for batch in learner.batches():
            learner.space.zero_grad()
            learner.loss(batch).backward()
            learner.edit_gradient()
            yield [n for n, p in learner.model.named_parameters() if p.grad is None]
            learner.optimizer.step()
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


# ---- the laws


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
    s = _stream(scenario)
    outside = torch.get_rng_state()
    a = _state(_trained(make(), s))
    if not torch.equal(outside, torch.get_rng_state()):
        raise LawBroken("training moved the global generator")
    torch.rand(3)  # what others do with the global generator must not matter
    _require_same(a, _state(_trained(make(), s)), "two runs")
    torch.set_rng_state(outside)


def sums_commute(make: Make, scenario: str) -> None:
    """a + b equals b + a; an isolating method refuses company."""
    s = _stream(scenario)
    if len(make().parts) > 1:
        return  # a sum is sorted when it is made; its parts are checked by themselves
    if make().declaration.isolates:
        for refused in (ER(30), EWC(1.0)):
            with _expecting_error(f"it isolates tasks but accepts {refused!r} beside it"):
                make() + refused
        return
    for other in _compatible(make()):
        again = type(other)(**other.arguments)
        _require_same(_state(_trained(make() + other, s)), _state(_trained(again + make(), s)), f"its sum with {other!r} in both orders")


def resumes(make: Make, scenario: str) -> None:
    """Saved in the middle of a task, loaded elsewhere, it goes on to the same bits."""
    s = _stream(scenario)
    whole = _learner(make(), s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.safetensors"
        for k, task in enumerate(s.tasks):
            whole.begin(task)
            for n, batch in enumerate(whole.batches()):
                if (k, n) == (1, 3):
                    whole.save(path)
                whole.step(batch)
            whole.end()
        there = _learner(make(), s)
        there.load(path, tasks=s.tasks[:2])
    there.train(*s.tasks[1:])
    _require_same(_state(whole), _state(there), "saved in the middle and loaded")


def grows(make: Make, scenario: str) -> None:
    """When a task opens outputs, old rows of weights and of θ-shaped buffers keep their bits, new rows of buffers are 0."""
    s = _stream(scenario)
    learner = _trained(make(), s, 1)
    if any(p.declaration.restarts for p in learner.method.parts):
        return
    before = {n: p.detach().clone() for n, p in learner.model.named_parameters()}
    layout = learner.space.layout
    vectors = {
        (m, n): m.get_buffer(n).clone()
        for m in learner.method.modules()
        if isinstance(m, Stateful)
        for n in m.vectors
        if m._buffers.get(n) is not None
    }
    learner.begin(s.tasks[1])
    for name, p in learner.model.named_parameters():
        if name in before:
            corner = tuple(slice(0, k) for k in before[name].shape)
            if not torch.equal(p.detach()[corner], before[name]):
                raise LawBroken(f"beginning a task changed the old rows of {name}")
    for (module, name), old in vectors.items():
        new = module.get_buffer(name)
        if new.shape[-1:] != learner.space.theta.shape or new.dim() != old.dim():
            raise LawBroken(f"the θ-shaped buffer {name} has shape {tuple(new.shape)}, θ has length {len(learner.space.theta)}")
        pairs = [(old, new)] if old.dim() == 1 else list(zip(old, new, strict=True))
        for before_growth, after_growth in pairs:
            _require_carried(learner, name, layout.views(before_growth), after_growth)


def _require_carried(learner: Learner, name: str, old_views: dict[str, Tensor], new: Tensor) -> None:
    """Old rows have their bits, new rows are 0."""
    for key, view in learner.space.views(new).items():
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
    s = _stream(scenario)
    for part in make().parts:
        for argument, value in part.declaration.neutral:

            def off(part: Method = part, argument: str = argument, value: Any = value) -> Method:
                return type(part)(**(part.arguments | {argument: value}))

            plain = _trained(FineTune(), s)
            _require_same(_state(plain, False), _state(_trained(off(), s), False), f"{argument}={value} against FineTune")
            other = next(_compatible(off()), None)
            if other is not None:
                alone = _trained(type(other)(**other.arguments), s)
                _require_same(_state(alone, False), _state(_trained(off() + other, s), False), f"{argument}={value} beside {other!r}")


def bytes_as_declared(make: Make, scenario: str) -> None:
    """State: none is 0 bytes, constant does not grow from task to task, linear does."""
    s = _stream(scenario)
    if len(make().parts) > 1 or (scenario != "domain" and "domain" in make().declaration.scenarios):
        return  # where the network itself grows, so does every θ-shaped buffer
    whole = {"head": "masked", "outputs": "all"} if scenario == "class" else {}
    learner = _learner(make(), s, epochs=4, **whole)
    sizes = []
    for task in s.tasks:
        learner.train(task)
        sizes.append(learner.method.state_bytes())
    declared = make().declaration.memory
    if declared == "none" and any(sizes):
        raise LawBroken(f"declared to keep nothing, it keeps {sizes} bytes")
    if declared == "constant" and (not sizes[1] or sizes[2] != sizes[1]):
        raise LawBroken(f"declared constant, its bytes after each task are {sizes}")
    if declared == "linear" and not sizes[0] < sizes[1] < sizes[2]:
        raise LawBroken(f"declared linear, its bytes after each task are {sizes}")


def task_id_hidden(make: Make, scenario: str) -> None:
    """Names of tasks change nothing; where the scenario hides the task, so do predictions; rows are predicted one by one."""
    s = _stream(scenario)
    learner = _trained(make(), s)
    renamed = replace(s, tasks=tuple(replace(t, name=f"other {t.index}") for t in s.tasks))
    _require_same(_state(learner, False), _state(_trained(make(), renamed), False), "tasks under other names")
    x, _, _ = s.tasks[0].test.fetch(torch.arange(6))
    together = learner.predict(x, 0)
    if scenario != "task":
        for t in range(1, TASKS):
            if not torch.equal(together, learner.predict(x, t)):
                raise LawBroken(f"predictions depend on the task id, which the {scenario} scenario hides")
    single = torch.cat([learner.predict(x[k : k + 1], 0) for k in range(6)])
    if not torch.allclose(together, single, atol=1e-5):
        raise LawBroken("a row's prediction depends on the rows beside it")


def evaluation_changes_nothing(make: Make, scenario: str) -> None:
    """Evaluating leaves weights, statistics, state and generators alone, in the middle of training as well."""
    s = _stream(scenario)
    quiet, watched = _trained(make(), s), _learner(make(), s)
    for k, task in enumerate(s.tasks):
        watched.begin(task)
        for batch in watched.batches():
            watched.step(batch)
            watched.evaluate(s.tasks[k])
        watched.end()
        before = _state(watched)
        first = watched.evaluate(s.tasks[0])
        _require_same(before, _state(watched), "before and after an evaluation")
        if not torch.equal(first, watched.evaluate(s.tasks[0])):
            raise LawBroken("two evaluations in a row differ")
    _require_same(_state(quiet), _state(watched), "trained without and with evaluations in between")


def still_parts_stay(make: Make, scenario: str) -> None:
    """Under AdamW with weight decay: what got no gradient does not move; an isolating method's old predictions keep their bits."""
    s = _stream(scenario)
    learner = _learner(make(), s, "adamw")
    x, _, _ = s.tasks[0].test.fetch(torch.arange(20))
    first: Tensor | None = None
    isolates = any(p.declaration.isolates for p in make().parts)
    for task in s.tasks:
        still: dict[str, Tensor] = {}
        for names in _steps(learner, task):
            parameters = dict(learner.model.named_parameters())
            for n, value in still.items():
                if not names and not torch.equal(value, parameters[n]):
                    raise LawBroken(f"{n} got no gradient but moved")
            still = {n: parameters[n].detach().clone() for n in names}
        with torch.no_grad(), evaluating(learner.model):
            now = learner.model(learner.prepare(x, augment=False), 0)[:, : s.tasks[0].outputs[1]]  # given the task, where it is hidden too
        if isolates and first is not None and not torch.equal(first, now):
            raise LawBroken(f"predictions for task 0 changed while {task.name} was trained")
        first = now


def moves_with_its_device(make: Make, scenario: str) -> None:
    """All tensors are buffers or parameters: moved and saved with the method."""
    s = _stream(scenario)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    learner = _trained(make(), s, 2, device=device)
    for path, module in learner.method.named_modules():
        hidden = [n for n, v in vars(module).items() if isinstance(v, Tensor)]
        if hidden:
            raise LawBroken(f"{path or 'the method'} keeps the tensor {hidden[0]} outside its buffers; use remember()")
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.device.type != device and not (isinstance(module, Memory) and name == "task"):
                raise LawBroken(f"buffer {name} is on {buffer.device}, the learner on {device}")
    learner.method.to("meta")
    left = [n for n, b in learner.method.named_buffers() if not b.is_meta and not n.endswith("task")]
    if left:
        raise LawBroken(f"buffer {left[0]} does not move with the method")


LAWS: dict[str, Law] = {
    "its repr builds it again": repr_builds_it,
    "the same seed gives the same bits": deterministic,
    "sums do not depend on their order": sums_commute,
    "saved in the middle, it goes on to the same bits": resumes,
    "growth keeps what was there": grows,
    "strength 0 equals absent": neutral_is_absent,
    "bytes are as declared": bytes_as_declared,
    "the task id is not used where it is hidden": task_id_hidden,
    "evaluation changes nothing": evaluation_changes_nothing,
    "what must not move does not move": still_parts_stay,
    "all state moves with the device": moves_with_its_device,
}
