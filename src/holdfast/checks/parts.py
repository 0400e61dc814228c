"""What the laws are made of: small streams and learners, and what training leaves behind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from holdfast.engine.stateful import Stateful
from holdfast.methods import Method
from holdfast.models import mlp
from holdfast.models.heads import FITS
from holdfast.streams import Stream, digits, split
from holdfast.training import Learner, optimizer

TASKS = 3
Make = Callable[[], Method]
Law = Callable[[Make, str], None]


class LawBroken(AssertionError):
    """A method breaks a law; the message says which, in which scenario, and what differed."""


def small_stream(scenario: str, validation: float = 0.0) -> Stream:
    """The first tasks of the embedded digits."""
    whole = split(digits(), 5, scenario, validation=validation)
    return replace(whole, tasks=whole.tasks[:TASKS])


def small_learner(
    method: Method,
    s: Stream,
    name: str = "sgd",
    head: str | None = None,
    **options: Any,
) -> Learner:
    """A learner of a small MLP; the backbone is frozen for methods that train nothing."""
    model = mlp(s.shape, head or FITS[s.scenario][0], s.outputs, hidden=(24, 16), seed=0)
    if not all(p.declare().trains for p in method.parts):
        model.freeze()
    rate = {"lr": 0.02, "momentum": 0.9} if name == "sgd" else {"lr": 1e-3, "weight_decay": 0.1}
    settings: dict[str, Any] = {"scenario": s.scenario, "batch_size": 64, "epochs": 2}
    return Learner(model, method, optimizer(name, **rate), **(settings | options))


def trained(method: Method, s: Stream, tasks: int = TASKS, **options: Any) -> Learner:
    """A small learner after the first tasks of a stream."""
    return small_learner(method, s, **options).train(*s.tasks[:tasks])


def state_of(learner: Learner, method: bool = True) -> dict[str, Any]:
    """Everything that training leaves behind."""
    out: dict[str, Any] = {f"model.{k}": v.clone() for k, v in learner.model.state_dict().items()}
    out |= {f"random.{k}": v for k, v in learner.state.random.state().items()}
    out["augmentation"] = learner.state.augmentation.get_state()
    if method:
        out |= {f"method.{k}": v.clone() for k, v in learner.method.state_dict().items()}
        hosts = [(k, m) for k, m in learner.method.named_modules() if isinstance(m, Stateful)]
        out |= {f"host.{k}": repr(m.host) for k, m in hosts}
    return out


def require_same(a: dict[str, Any], b: dict[str, Any], what: str) -> None:
    """Raises `LawBroken` if two states differ in a name or a bit."""
    if a.keys() != b.keys():
        raise LawBroken(f"{what}: {sorted(a.keys() ^ b.keys())[:3]} exist on one side only")
    for key, value in a.items():
        if not (same_bits(value, b[key]) if isinstance(value, Tensor) else value == b[key]):
            raise LawBroken(f"{what}: {key} differs")


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Equal, NaN being equal to NaN (where an output did not exist)."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(((a == b) | ((a != a) & (b != b))).all())
