"""Sweeps: the same runs over several values of a hyperparameter of the method, or of a setting of the run."""

import ast
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holdfast.bench.suites import Suite
from holdfast.errors import HoldfastError, reading, unknown
from holdfast.runs.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from holdfast.validation import validated

if TYPE_CHECKING:
    from holdfast.methods import Method

SETTINGS = {
    name: part
    for part, kind in (("training", TrainingConfig), ("model", ModelConfig), ("data", DataConfig))
    for name in kind.model_fields
    if (part, name) not in (("model", "name"), ("data", "name"))
}


def parse_sweep(text: str) -> tuple[str, list[Any]]:
    """`name=v1,v2` → the name and its values.

    >>> parse_sweep("strength=1,1e3"), parse_sweep("ER.ratio=0.25,0.5")
    (('strength', [1, 1000.0]), ('ER.ratio', [0.25, 0.5]))
    """
    name, equals, values = text.partition("=")
    pieces = [v.strip() for v in values.split(",") if v.strip()]
    if not name.strip() or not equals or not pieces:
        raise HoldfastError(
            f"sweep {text!r} cannot be read; expected name=value,value such as strength=1,10,100 or ER.capacity=50,500"
        )
    return name.strip(), [_value(v) for v in pieces]


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text  # a word, such as the name of an optimizer


def swept_names(
    runs: Sequence[tuple[str, RunConfig]], sweeps: Sequence[tuple[str, Sequence[Any]]]
) -> set[str]:
    """What some sweeps vary in some runs: settings such as "training.lr", arguments such as "ER.capacity".

    >>> sorted(swept_names([("", RunConfig(method="EWC(1)"))], [("lr", [0.1]), ("strength", [1, 10])]))
    ['EWC.strength', 'training.lr']
    """
    names = {f"{SETTINGS[name]}.{name}" for name, _ in sweeps if name in SETTINGS}
    for _, config in runs:
        parts = parts_of(config.method)
        for name, _ in sweeps:
            argument = name.rpartition(".")[2]
            names |= {f"{parts[k].name}.{argument}" for k in _parts_with(config.method, name)}
    return names


def swept(
    config: RunConfig, sweeps: Sequence[tuple[str, Sequence[Any]]]
) -> list[tuple[str, RunConfig]]:
    """(label, config) for every combination of values; a name is an argument of the method's parts, else a setting of the run.

    >>> [label for label, _ in swept(RunConfig(method="EWC(1)"), [("strength", [1, 10]), ("lr", [0.1])])]
    ['EWC(1), lr=0.1', 'EWC(10), lr=0.1']
    """
    out = []
    for values in itertools.product(*(v for _, v in sweeps)):
        changed, beside = config, []
        for (name, _), value in zip(sweeps, values, strict=True):
            changed, of_method = _with(changed, name, value)
            beside += [] if of_method else [f"{name}={value}"]
        out.append((", ".join([changed.method.replace("()", ""), *beside]), changed))
    return out


def sweep_suite(
    suite: Suite, sweeps: Sequence[tuple[str, Sequence[Any]]]
) -> list[tuple[str, RunConfig]]:
    """The runs of a suite, those that a sweep has a meaning for over its values; the others as they are."""
    runs, used = [], set()
    for label, config in suite.runs():
        mine = [(n, v) for n, v in sweeps if _parts_with(config.method, n) or n in SETTINGS]
        used |= {n for n, _ in mine}
        runs += swept(config, mine) if mine else [(label, config)]
    for name, _ in sweeps:
        if name not in used:
            raise HoldfastError(
                f"no method of the suite {suite.name} has an argument {name}, and it is no setting of a run"
            )
    return distinct_runs(runs)


def distinct_runs(runs: Sequence[tuple[str, RunConfig]]) -> list[tuple[str, RunConfig]]:
    """The runs without repetition: two entries of a suite that differ in what is swept become the same runs.

    >>> same = RunConfig(method="EWC(1)")
    >>> [label for label, _ in distinct_runs([("first", same), ("second", same)])]
    ['first']
    """
    by_hash: dict[str, tuple[str, RunConfig]] = {}
    for label, config in runs:
        by_hash.setdefault(config.hash, (label, config))
    return list(by_hash.values())


def parts_of(method: str) -> list["Method"]:
    """The parts of a sum of methods."""
    from holdfast.methods import parse_method

    return parse_method(method).parts


def _parts_with(method: str, name: str) -> list[int]:
    """Which parts of the method a name points to: `capacity`, or `ER.capacity` for one of several."""
    owner, dot, argument = name.rpartition(".")
    parts = parts_of(method)
    return [
        k for k, p in enumerate(parts) if argument in p.signature() and (not dot or p.name == owner)
    ]


def _with(config: RunConfig, name: str, value: Any) -> tuple[RunConfig, bool]:
    """The config with another value, and whether it is the method's."""
    values, found = config.model_dump(exclude_unset=True), _parts_with(config.method, name)
    parts = parts_of(config.method)
    if len(found) > 1:
        names = ", ".join(f"{parts[k].name}.{name}" for k in found)
        raise HoldfastError(
            f"several parts of {config.method} have an argument {name}; say which: {names}"
        )
    if found:
        k, argument = found[0], name.rpartition(".")[2]
        with reading(f"{name}={str(value)[:50]}", f"an argument of {parts[k].name}"):
            changed = type(parts[k])(**parts[k].arguments | {argument: value})
        values["method"] = " + ".join(repr(changed if i == k else p) for i, p in enumerate(parts))
    elif name in SETTINGS:
        values[SETTINGS[name]] = values.get(SETTINGS[name], {}) | {name: value}
    else:
        raise unknown(
            "hyperparameter", name, [*(a for p in parts for a in p.signature()), *SETTINGS]
        )
    return validated(RunConfig, **values), bool(found)
