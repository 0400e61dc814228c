"""Holdfast: measure, prevent and gate forgetting in models that keep being trained.

Everything that a program usually needs is reached from here:

    import holdfast as hf

    stream = hf.streams.split(hf.streams.digits(), tasks=5, scenario="class")
    model = hf.models.mlp(stream.shape, "growing", seed=0)
    learner = hf.Learner(model, hf.methods.ER(200), scenario="class", epochs=5)
    print(hf.metrics.backward_transfer(learner.fit(stream).matrix))

Names are loaded when they are first used, so `import holdfast` takes milliseconds and needs no
PyTorch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {  # name → the module that it comes from
    "AccuracyMatrix": "holdfast.metrics",
    "Batch": "holdfast.engine.batch",
    "Custom": "holdfast.engine.objectives",
    "HoldfastError": "holdfast.errors",
    "Learner": "holdfast.training",
    "Multilabel": "holdfast.engine.objectives",
    "Regression": "holdfast.engine.objectives",
    "Run": "holdfast.training",
    "Settings": "holdfast.settings",
    "Step": "holdfast.engine.batch",
    "Task": "holdfast.streams.task",
    "check_method": "holdfast.checks",
    "optimizer": "holdfast.training",
    "parse_method": "holdfast.methods",
}
_MODULES = (
    "checks",
    "diagnostics",
    "gate",
    "ledger",
    "methods",
    "metrics",
    "models",
    "planning",
    "reports",
    "results",
    "streams",
    "training",
)
__all__ = ["__version__", *sorted(_HOMES), *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"holdfast.{name}")
    raise AttributeError(f"module 'holdfast' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, also those that are not loaded yet, so that editors can complete them."""
    return sorted({*globals(), *__all__})
