"""Sweeps: groups of one method that differ in some hyperparameters, found in the results."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from holdfast.results.groups import Group

LEAST_POINTS = 3  # values of a hyperparameter from which a curve is drawn


def hyperparameters(group: Group) -> dict[str, JsonValue]:
    """List every hyperparameter of a group in one flat dict.

    Returns:
        The arguments of the method's parts (`ER.capacity`) and the settings (`training.lr`).
    """
    first = group.results[0]
    flat: dict[str, JsonValue] = {}
    for part, arguments in first.arguments.items():
        # Two parts of a sum may have an argument of the same name.
        flat |= {f"{part}.{name}": value for name, value in arguments.items()}
    settings = first.config.by_part()
    # The order in which hyperparameters vary decides the order of tables and curves.
    for part in ("training", "model", "data"):
        flat |= {f"{part}.{name}": value for name, value in settings[part].items()}
    return flat


def short_name(hyperparameter: str) -> str:
    """Return the name of a hyperparameter without its part: `capacity` for `ER.capacity`."""
    return hyperparameter.rpartition(".")[2]


@dataclass(frozen=True)
class SweepPoint:
    """One value of a swept hyperparameter, and the group that was trained with it."""

    value: float
    group: Group


@dataclass(frozen=True)
class SweepCurve:
    """How results depend on one hyperparameter while the others are fixed.

    Args:
        hyperparameter: Its name, such as `ER.capacity`.
        others: The values of the other hyperparameters that vary in the sweep, as text.
        points: The groups, by rising value.
    """

    hyperparameter: str
    others: str
    points: tuple[SweepPoint, ...]


@dataclass(frozen=True)
class Sweep:
    """Groups of one method in one scenario that differ in some hyperparameters.

    Args:
        scenario: The scenario.
        method: The names of the method's parts.
        varied: The names of the hyperparameters that differ.
        groups: The groups.
    """

    scenario: str
    method: str
    varied: tuple[str, ...]
    groups: tuple[Group, ...]

    @property
    def is_deliberate(self) -> bool:
        """Tell whether it looks like a sweep that a user asked for, rather than like a comparison.

        A sweep calls its runs by their specifications. A suite that compares sizes of a memory has
        labels such as "ER 200", and nobody wants to select among them.
        """
        return all(group.label.startswith(group.method.replace("()", "")) for group in self.groups)

    def curves(self) -> list[SweepCurve]:
        """Return a curve for each number that takes at least three values."""
        curves = []
        for name in self.varied:
            for others, points in self._lines(name).items():
                if len(points) >= LEAST_POINTS:
                    points.sort(key=lambda point: point.value)
                    curves.append(SweepCurve(name, others, tuple(points)))
        return curves

    def _lines(self, name: str) -> dict[str, list[SweepPoint]]:
        """Collect the values of one hyperparameter, by those of the others."""
        lines: dict[str, list[SweepPoint]] = {}
        for group in self.groups:
            values = hyperparameters(group)
            value = values[name]
            # True and False are integers to Python, but no axis.
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            others = [
                f"{short_name(other)}={values[other]}" for other in self.varied if other != name
            ]
            lines.setdefault(", ".join(others), []).append(SweepPoint(float(value), group))
        return lines


def find_sweeps(groups: Sequence[Group]) -> list[Sweep]:
    """Find the sweeps among groups from what was varied."""
    families: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        parts = group.results[0].arguments
        # Files of early versions do not have the arguments.
        if parts:
            families.setdefault((group.scenario, " + ".join(parts)), []).append(group)
    sweeps = []
    for (scenario, method), members in families.items():
        varied = _varied(members)
        if varied and len(members) > 1:
            sweeps.append(Sweep(scenario, method, varied, tuple(members)))
    return sweeps


def _varied(groups: Sequence[Group]) -> tuple[str, ...]:
    """Name the hyperparameters that differ between groups."""
    by_group = [hyperparameters(group) for group in groups]
    varied = []
    for name in by_group[0]:
        # Results of an earlier version may lack an argument that a later one has.
        if not all(name in values for values in by_group):
            continue
        # As text, because lists can be no members of a set.
        texts = {json.dumps(values[name], sort_keys=True) for values in by_group}
        if len(texts) > 1:
            varied.append(name)
    return tuple(varied)
