"""Sweeps: the same runs over several values of an argument of the method, or of a setting."""

import ast
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.bench.suites import Suite
from holdfast.errors import HoldfastError, reading, unknown
from holdfast.runs.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from holdfast.validation import validated

if TYPE_CHECKING:
    from holdfast.methods import Method

LONGEST_SHOWN = 50  # characters of a value, in an error
LabelledRun = tuple[str, RunConfig]
Sweep = tuple[str, Sequence[object]]  # what is varied, and its values


def _parts_of_settings() -> dict[str, str]:
    """The part of each setting that a sweep may name. "name" alone would be that of two parts."""
    parts: dict[str, str] = {}
    for part, kind in (("training", TrainingConfig), ("model", ModelConfig), ("data", DataConfig)):
        parts |= {name: part for name in kind.model_fields if name != "name"}
    return parts


SETTINGS = _parts_of_settings()


def parse_sweep(text: str) -> tuple[str, list[object]]:
    """Read a sweep as a user writes it.

    Args:
        text: The name and its values, such as "strength=1,10" or "ER.capacity=50,500".

    Returns:
        The name, and the values as Python has them.

    Raises:
        HoldfastError: The text is not of this form.

    Example:
        >>> parse_sweep("strength=1,1e3"), parse_sweep("ER.ratio=0.25,0.5")
        (('strength', [1, 1000.0]), ('ER.ratio', [0.25, 0.5]))
    """
    name, equals, values = text.partition("=")
    pieces = [piece.strip() for piece in values.split(",") if piece.strip()]
    if not name.strip() or not equals or not pieces:
        raise HoldfastError(
            f"sweep {text!r} cannot be read; expected name=value,value such as strength=1,10,100 "
            "or ER.capacity=50,500"
        )
    return name.strip(), [_value(piece) for piece in pieces]


def _value(text: str) -> object:
    """Read a number, or leave a word, such as the name of an optimizer."""
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text
    return value


def swept_names(runs: Sequence[LabelledRun], sweeps: Sequence[Sweep]) -> set[str]:
    """List what some sweeps vary in some runs, by full names.

    Args:
        runs: The label and the settings of each run.
        sweeps: The sweeps.

    Returns:
        Settings such as "training.lr", and arguments such as "ER.capacity".

    Example:
        >>> runs = [("", RunConfig(method="EWC(1)"))]
        >>> sorted(swept_names(runs, [("lr", [0.1]), ("strength", [1, 10])]))
        ['EWC.strength', 'training.lr']
    """
    # Settings exist in every run, arguments only where a method has them.
    names = {f"{SETTINGS[name]}.{name}" for name, _ in sweeps if name in SETTINGS}
    for _, config in runs:
        parts = parts_of(config.method)
        for name, _ in sweeps:
            argument = name.rpartition(".")[2]
            places = _places_of(name, parts)
            names |= {f"{parts[place].name}.{argument}" for place in places}
    return names


def swept(config: RunConfig, sweeps: Sequence[Sweep]) -> list[LabelledRun]:
    """Change a run to every combination of swept values.

    Args:
        config: The settings of the run.
        sweeps: The sweeps. A name is that of an argument of the method, else that of a setting.

    Returns:
        The label and the settings of each combination.

    Raises:
        HoldfastError: There is no such argument or setting, several parts of the method have the
            argument, or a value is wrong.

    Example:
        >>> sweeps = [("strength", [1, 10]), ("lr", [0.1])]
        >>> [label for label, _ in swept(RunConfig(method="EWC(1)"), sweeps)]
        ['EWC(1), lr=0.1', 'EWC(10), lr=0.1']
    """
    runs = []
    for values in itertools.product(*(values for _, values in sweeps)):
        changed = config
        settings = []
        for (name, _), value in zip(sweeps, values, strict=True):
            change = _changed(changed, name, value)
            changed = change.config
            # An argument is part of the method, with which the label begins.
            if not change.of_method:
                settings.append(f"{name}={value}")
        label = ", ".join([changed.method.replace("()", ""), *settings])
        runs.append((label, changed))
    return runs


def sweep_suite(suite: Suite, sweeps: Sequence[Sweep]) -> list[LabelledRun]:
    """Change the runs of a suite to every combination of swept values.

    Args:
        suite: The suite.
        sweeps: The sweeps. A method without a swept argument stays as it is.

    Returns:
        The label and the settings of each run, without repetition.

    Raises:
        HoldfastError: No method of the suite has a swept argument, or a value is wrong.
    """
    runs = []
    used: set[str] = set()
    for label, config in suite.runs():
        # A setting can be swept for any method.
        parts = parts_of(config.method)
        usable = [sweep for sweep in sweeps if sweep[0] in SETTINGS or _places_of(sweep[0], parts)]
        used |= {name for name, _ in usable}
        if usable:
            runs += swept(config, usable)
        else:
            # The label of the suite stays if the method is not swept.
            runs.append((label, config))
    for name, _ in sweeps:
        if name not in used:
            raise HoldfastError(
                f"no method of the suite {suite.name} has an argument {name}, and it is no setting "
                "of a run"
            )
    return distinct_runs(runs)


def distinct_runs(runs: Sequence[LabelledRun]) -> list[LabelledRun]:
    """Drop repetitions: entries of a suite that differ in what is swept become the same runs.

    Args:
        runs: The label and the settings of each run.

    Returns:
        The first run of each kind.

    Example:
        >>> same = RunConfig(method="EWC(1)")
        >>> [label for label, _ in distinct_runs([("first", same), ("second", same)])]
        ['first']
    """
    by_hash: dict[str, LabelledRun] = {}
    for label, config in runs:
        by_hash.setdefault(config.hash, (label, config))
    return list(by_hash.values())


def parts_of(spec: str) -> list["Method"]:
    """Make the parts of a sum of methods from its spec."""
    # Methods need PyTorch, which the list of suites does without.
    from holdfast.methods import parse_method

    return parse_method(spec).parts


def _places_of(name: str, parts: Sequence["Method"]) -> list[int]:
    """The places of the parts that have an argument: `capacity`, or `ER.capacity` for one."""
    owner, dot, argument = name.rpartition(".")
    # A class of the user's may be named with its module, as in a spec.
    owner = owner.rpartition(":")[2]
    places = []
    for place, part in enumerate(parts):
        if argument in part.signature() and (not dot or part.name == owner):
            places.append(place)
    return places


@dataclass(frozen=True)
class Change:
    """A run with another value, and whether the value is an argument of its method."""

    config: RunConfig
    of_method: bool


def _changed(config: RunConfig, name: str, value: object) -> Change:
    """Give an argument of the method, or a setting of the run, another value."""
    values = config.model_dump(exclude_unset=True)
    parts = parts_of(config.method)
    places = _places_of(name, parts)
    # Changing all of them would sweep two things at once.
    if len(places) > 1:
        names = ", ".join(f"{parts[place].name}.{name}" for place in places)
        raise HoldfastError(
            f"several parts of {config.method} have an argument {name}; say which: {names}"
        )
    if places:
        values["method"] = _spec_with(parts, places[0], name, value)
    elif name in SETTINGS:
        part = SETTINGS[name]
        values[part] = values.get(part, {}) | {name: value}
    else:
        arguments = [argument for part in parts for argument in part.signature()]
        raise unknown("hyperparameter", name, [*arguments, *SETTINGS])
    return Change(validated(RunConfig, **values), of_method=bool(places))


def _spec_with(parts: Sequence["Method"], place: int, name: str, value: object) -> str:
    """The spec of a sum in which one argument of one part has another value."""
    part = parts[place]
    argument = name.rpartition(".")[2]
    # The method checks the value when it is made, as it does for a spec that a user writes.
    shown = str(value)[:LONGEST_SHOWN]
    with reading(f"{name}={shown}", f"an argument of {part.name}"):
        changed = type(part)(**part.arguments | {argument: value})
    specs = [repr(other) for other in parts]
    specs[place] = repr(changed)
    return " + ".join(specs)
