"""What groups say beside each other: ranks with ties, the Pareto front, selections from sweeps, learning speed, two folders compared."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.metrics import (
    AccuracyMatrix,
    Interval,
    average_accuracy,
    forgetting,
    learning_speed_transfer,
    paired_seed_interval,
    seed_interval,
)
from holdfast.reports.results import Group

FRESH = "FromScratch()"
QUICK = 0.95  # the score that `steps` of learning speed counts up to


def ranks(groups: Sequence[Group], key: str = "ACC") -> list[str]:
    """The rank of each group by `key`: 1 + the number of groups whose interval lies wholly above its own; `=` marks a tie.

    Overlapping intervals are no proof of equality: they only say that these seeds do not tell the groups apart. `–` without an interval.
    """
    of = [g.values[key] for g in groups]
    numbers = [0 if math.isnan(v.low) else 1 + sum(other.low > v.high for other in of) for v in of]
    return ["–" if not n else f"={n}" if numbers.count(n) > 1 else str(n) for n in numbers]


def pareto_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Which points no other point beats or equals in every coordinate (higher is better) and beats in one; unknown points are not on it.

    >>> pareto_front([(1, 3), (2, 2), (1, 2)])
    [True, True, False]
    """
    p = np.asarray(points, dtype=float)
    known = ~np.isnan(p).any(1)

    def beaten(i: int) -> bool:
        return any(known[j] and (p[j] >= p[i]).all() and (p[j] > p[i]).any() for j in range(len(p)))

    return [bool(known[i]) and not beaten(i) for i in range(len(p))]


def on_front(groups: Sequence[Group]) -> list[bool]:
    """The front of ACC, BWT and time."""
    return pareto_front(
        [
            (g.values["ACC"].estimate, g.values["BWT"].estimate, -g.values["seconds"].estimate)
            for g in groups
        ]
    )


def hyperparameters(group: Group) -> dict[str, Any]:
    """Every argument of the method's parts (`ER.capacity`) and every setting (`training.lr`), flat."""
    first = group.results[0]
    flat = {
        f"{part}.{k}": v
        for part, arguments in first.get("arguments", {}).items()
        for k, v in arguments.items()
    }
    return flat | {
        f"{part}.{k}": v
        for part in ("training", "model", "data")
        for k, v in first["config"][part].items()
    }


@dataclass(frozen=True)
class Sweep:
    """Groups of one method in one scenario that differ in some hyperparameters: `varied` gives their names."""

    scenario: str
    method: str
    varied: tuple[str, ...]
    groups: tuple[Group, ...]

    def curves(self) -> list[tuple[str, str, list[tuple[float, Group]]]]:
        """(hyperparameter, the others' values, points in ascending order) wherever a number takes three values or more."""
        out = []
        for key in self.varied:
            lines: dict[str, list[tuple[float, Group]]] = {}
            for g in self.groups:
                h = hyperparameters(g)
                if isinstance(h[key], int | float) and not isinstance(h[key], bool):
                    rest = ", ".join(
                        f"{k.rpartition('.')[2]}={h[k]}" for k in self.varied if k != key
                    )
                    lines.setdefault(rest, []).append((float(h[key]), g))
            out += [
                (key, rest, sorted(points, key=lambda p: p[0]))
                for rest, points in lines.items()
                if len(points) > 2
            ]
        return out


def find_sweeps(groups: Sequence[Group]) -> list[Sweep]:
    """The sweeps among groups, found from what was varied."""
    families: dict[tuple[str, str], list[Group]] = {}
    for g in groups:
        if parts := g.results[0].get("arguments"):
            families.setdefault((g.scenario, " + ".join(parts)), []).append(g)
    out = []
    for (scenario, name), members in families.items():
        flat = [hyperparameters(g) for g in members]
        shared = [
            k for k in flat[0] if all(k in f for f in flat)
        ]  # older versions may lack arguments
        varied = tuple(
            k for k in shared if len({json.dumps(f[k], sort_keys=True) for f in flat}) > 1
        )
        if varied and len(members) > 1:
            out.append(Sweep(scenario, name, varied, tuple(members)))
    return out


def on_validation(group: Group) -> tuple[Interval, Interval] | None:
    """ACC and forgetting on the validation parts; None where there were none."""
    if not all(r.get("validation") for r in group.results):
        return None
    m = [AccuracyMatrix.from_json(r["validation"]) for r in group.results]
    return seed_interval([average_accuracy(x) for x in m]), seed_interval(
        [forgetting(x) for x in m]
    )


@dataclass(frozen=True)
class Selection:
    """What a sweep gives: the group selected on validation data, and whether its forgetting is within the tolerance."""

    sweep: Sweep
    group: Group
    tolerance: float
    within: bool

    def sentence(self) -> str:
        """Selected what, by what, and its scores on test data."""
        acc, lost = on_validation(self.group) or (None, None)
        assert acc is not None
        assert lost is not None
        values = ", ".join(
            f"{k.rpartition('.')[2]}={hyperparameters(self.group)[k]}" for k in self.sweep.varied
        )
        rule = (
            f"highest validation ACC, {100 * acc.estimate:.1f}, with forgetting {100 * lost.estimate:.1f} ≤ {100 * self.tolerance:g}"
            if self.within
            else f"no value keeps forgetting ≤ {100 * self.tolerance:g}; this one loses least, {100 * lost.estimate:.1f}"
        )
        test = self.group.values
        return (
            f"{self.sweep.method}, {self.sweep.scenario} scenario: {values} ({rule}); "
            f"on test data ACC {100 * test['ACC'].estimate:.1f}, forgetting {100 * test['forgetting'].estimate:.1f}"
        ).replace(" -", " −")


def select(sweep: Sweep, tolerance: float) -> Selection | None:
    """The highest ACC subject to forgetting ≤ `tolerance` (both on validation data, means over seeds; a score, so 0.05 is 5 points).

    Where none is within, the one that forgets least. A value that lacks seeds which others have (its runs failed) is not selected: the
    survivors would flatter it. None without validation data: test data select nothing.
    """
    if not tolerance >= 0:
        raise HoldfastError(
            f"tolerance is the largest forgetting accepted, at least 0, got {tolerance}"
        )
    seeds = {s for g in sweep.groups for s in g.by_seed}
    whole = [g for g in sweep.groups if g.by_seed.keys() == seeds]
    found = [(g, v) for g in whole if (v := on_validation(g))]
    if not found or len(found) < len(whole):
        return None
    good = [(g, v) for g, v in found if v[1].estimate <= tolerance]
    if good:
        return Selection(sweep, max(good, key=lambda p: p[1][0].estimate)[0], tolerance, True)
    return Selection(sweep, min(found, key=lambda p: p[1][1].estimate)[0], tolerance, False)


@dataclass(frozen=True)
class LearningSpeed:
    """Of tasks 2..T: area under the learning curve minus a fresh model's, steps to 95 % minus the fresh model's, zero-shot score."""

    label: str
    area: Interval
    steps: Interval
    zero_shot: Interval


def learning_speed(groups: Sequence[Group]) -> list[LearningSpeed]:
    """Learning-speed transfer of every group against FromScratch, paired by seed; empty without curves or without FromScratch.

    A curve begins with the zero-shot score: that of the outputs before their first step.
    """
    fresh = {r["seed"]: r for g in groups if g.method == FRESH for r in g.results if _has_curves(r)}
    out = []
    for g in groups:
        pairs = [(r, fresh[r["seed"]]) for r in g.results if r["seed"] in fresh and _has_curves(r)]
        if not pairs or len(pairs) < len(g.results):
            continue
        per_seed = []
        for ours, theirs in pairs:
            tasks = range(1, len(ours["curves"]["ends"]))
            speeds = [
                learning_speed_transfer(*_curve(ours, j), _curve(theirs, j)[1], threshold=QUICK)
                for j in tasks
            ]
            steps = [s["steps"] for s in speeds if not math.isnan(s["steps"])]
            zero = float(np.mean(ours["curves"]["zero_shot"][1:]))
            per_seed.append(
                (
                    float(np.mean([s["area"] for s in speeds])),
                    float(np.mean(steps)) if steps else math.nan,
                    zero,
                )
            )
        area, steps_, zero_shot = (seed_interval(column) for column in zip(*per_seed, strict=True))
        out.append(LearningSpeed(g.label, area, steps_, zero_shot))
    return out


def _has_curves(result: dict[str, Any]) -> bool:
    return bool(result["curves"] and result["curves"].get("zero_shot"))


def _curve(result: dict[str, Any], j: int) -> tuple[list[float], list[float]]:
    """Steps and scores of task j while it was trained, its zero-shot score first."""
    c = result["curves"]
    first = c["ends"][j - 1] if j else 0
    inside = [
        (s - first, row[j])
        for s, row in zip(c["steps"], c["scores"], strict=True)
        if first < s <= c["ends"][j]
    ]
    return [0.0, *(float(s) for s, _ in inside)], [c["zero_shot"][j], *(v for _, v in inside)]


@dataclass(frozen=True)
class Difference:
    """A group in two folders: second minus first over the seeds that both have, and the settings that differ."""

    scenario: str
    label: str
    seeds: int
    values: dict[str, Interval]
    settings: tuple[str, ...]
    unlearnt: tuple[str, ...] = ()  # warnings about tasks that were not learnt, of either folder

    def verdict(self, key: str) -> str:
        """higher, lower, same or not told apart, from the paired interval.

        Differences that are equal in all seeds give no interval, so that is all that is said of them.
        """
        v = self.values[key]
        if v.low == v.high == 0:
            return "same"
        found = "higher" if v.low > 0 else "lower" if v.high < 0 else "not told apart"
        return f"{found} by the same in all {v.n} seeds" if v.all_equal else found


def compare_folders(
    first: Sequence[Group], second: Sequence[Group], keys: Sequence[str] = ("ACC", "BWT", "seconds")
) -> list[Difference]:
    """Groups of the same scenario and label in two sets of results, paired by seed."""
    out = []
    theirs = {(g.scenario, g.label): g for g in second}
    for a in first:
        b = theirs.get((a.scenario, a.label))
        shared = sorted(a.by_seed.keys() & b.by_seed.keys()) if b else []
        if b is None or not shared:
            continue
        values = {
            k: paired_seed_interval(
                [b.by_seed[s][k] for s in shared], [a.by_seed[s][k] for s in shared]
            )
            for k in keys
        }
        one, two = hyperparameters(a), hyperparameters(b)
        changed = tuple(
            f"{k}: {one.get(k)} → {two.get(k)}"
            for k in sorted(one.keys() | two.keys())
            if one.get(k) != two.get(k)
        )
        said = tuple(
            f"{which} folder: {g.unlearnt}"
            for which, g in (("first", a), ("second", b))
            if g.unlearnt
        )
        out.append(Difference(a.scenario, a.label, len(shared), values, changed, said))
    return out
