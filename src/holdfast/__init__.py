"""Holdfast: measure, prevent and gate forgetting in models that keep being trained.

Names below are loaded when they are first used, so that `import holdfast` stays light.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AccuracyMatrix": "holdfast.metrics",
    "Learner": "holdfast.training",
    "Run": "holdfast.training",
    "check_method": "holdfast.checks",
    "parse_method": "holdfast.methods",
    "HoldfastError": "holdfast.errors",
}
__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
