"""One self-contained HTML file: no network, no script, light and dark, readable on a phone."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.files import write_page
from holdfast.metrics import UNLEARNT_ADVICE, Interval
from holdfast.reports.comparison import (
    Difference,
    find_sweeps,
    learning_speed,
    on_front,
    ranks,
    select,
)
from holdfast.reports.diagnostics import drawn
from holdfast.reports.figures import (
    figure_of,
    over_time_panel,
    sweep_curve,
    to_svg,
    trade_off_panel,
)
from holdfast.reports.growth import growth
from holdfast.reports.page import page
from holdfast.reports.results import COLUMNS, Group, of_seeds, show, show_bytes, typeset

TOLERANCE = 0.05
MOST_PANELS = 24  # beyond it the members of sweeps get no panel of their own

SCENARIO_TEXT = {
    "task": "Task-incremental: the task is known at test time.",
    "domain": "Domain-incremental: the same outputs for every task; the task is not known.",
    "class": "Class-incremental: all classes seen so far compete; the task is not known.",
}


def write_report(
    groups: Sequence[Group],
    path: str | Path,
    title: str = "Holdfast report",
    description: str = "",
    tolerance: float = TOLERANCE,
    differences: Sequence[Difference] = (),
) -> Path:
    """Writes the report of some groups; returns its path. `tolerance`: forgetting that a selection from a sweep accepts."""
    text = render(groups, title, description, tolerance, differences)
    path = Path(path)
    write_page(path, text)
    return path


def render(
    groups: Sequence[Group],
    title: str,
    description: str = "",
    tolerance: float = TOLERANCE,
    differences: Sequence[Difference] = (),
) -> str:
    """The report as HTML; names from the outside are escaped."""
    present = [s for s in SCENARIO_TEXT if any(g.scenario == s for g in groups)]
    results = [r for g in groups for r in g.results]
    return page(
        "report.html.j2",
        {
            "points": _points,
            "score": lambda v: _points(v, ".1f"),
            "plain": lambda v: "–" if math.isnan(v.estimate) else f"{v:+.1f}".replace("-", "−"),
        },
        title=title,
        description=description,
        scenarios=[_section(s, [g for g in groups if g.scenario == s], tolerance) for s in present],
        columns=COLUMNS,
        differences=[_difference(d) for d in differences],
        data=list(dict.fromkeys(_data(r) for r in results)),
        settings=_settings(results),
        seeds=sorted({r["seed"] for r in results}),
        unlearnt=[g.unlearnt for g in groups if g.unlearnt],
        unlearnt_advice=UNLEARNT_ADVICE,
        intervals=of_seeds(max(len(g.results) for g in groups)),
        warnings=_warnings(groups),
        diagnosed=[
            {
                "title": f"{g.label}, {g.scenario} scenario, seed {r['seed']}",
                "findings": [drawn(f) for f in r["diagnostics"]],
            }
            for g in groups
            for r in g.results
            if r.get("diagnostics")
        ],
    )


def _data(result: dict[str, Any]) -> str:
    d = result["config"]["data"]
    then = "".join(f", then {n}" for n in d.get("then", []))
    return (
        f"{d['name']}{then}"
        if d["stream"] == "sequence"
        else f"{d['name']}, {d['stream']} into {d['tasks']} tasks"
    )


def _settings(results: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Every setting, version and fact of the machine, with all the values it takes in these runs."""
    found: dict[str, list[str]] = {}
    for r in results:
        facts = {
            f"{part} {k}": v
            for part in ("data", "model", "training")
            for k, v in r["config"][part].items()
        }
        for k, v in (facts | r["versions"] | r["machine"]).items():
            if v not in (None, [], {}):
                found.setdefault(k, []).append(str(v))
    return {k: " or ".join(dict.fromkeys(v)) for k, v in found.items()}


def _section(scenario: str, groups: list[Group], tolerance: float) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {
            "label": g.label,
            "method": g.method,
            "n": len(g.results),
            "rank": rank,
            "front": best,
            "cells": {k: show(k, g.values[k]) for k in COLUMNS},
            "bar": 100 * g.values["ACC"].estimate,
        }
        for g, rank, best in zip(groups, ranks(groups), on_front(groups), strict=True)
    ]
    sweeps = find_sweeps(groups)
    selections = [s for sweep in sweeps if (s := select(sweep, tolerance))]
    chosen = {id(s.sweep): s.group for s in selections}
    curves = []
    for sweep in sweeps:
        for key, rest, points in sweep.curves():
            name = f"{sweep.method}: {key.rpartition('.')[2]}" + (f", {rest}" if rest else "")
            curves.append(
                {
                    "name": name,
                    "svg": to_svg(figure_of(sweep_curve, points, key, chosen.get(id(sweep))), name),
                }
            )
    shown = (
        groups
        if len(groups) <= MOST_PANELS
        else [g for g in groups if not any(g in s.groups for s in sweeps)] or groups[:MOST_PANELS]
    )
    return {
        "name": scenario,
        "text": SCENARIO_TEXT[scenario],
        "rows": rows,
        "tied": any(r["rank"].startswith("=") for r in rows),
        "fwt": all(r["outputs_exist"] for g in groups for r in g.results),
        "trade_off": to_svg(
            trade_off_panel(groups),
            f"Accuracy against backward transfer and time, {scenario} scenario",
        ),
        "over_time": to_svg(
            over_time_panel(shown), f"Accuracy of each task over time, {scenario} scenario"
        ),
        "maps": [_map(g) for g in shown],
        "transfers": [_transfers(g) for g in shown if g.transfers],
        "segments": _segments(shown),
        "speed": [
            {"label": s.label, **{k: getattr(s, k) for k in ("area", "steps", "zero_shot")}}
            for s in learning_speed(groups)
        ],
        "growth": _growth(groups),
        "curves": curves,
        "selections": [s.sentence() for s in selections],
        "unselected": [s.method for s in sweeps if id(s) not in chosen],
    }


def _points(v: Interval, spec: str = "+.1f") -> str:
    """A score as points with its interval; an en dash where unknown."""
    return typeset(v.scaled(100), spec)


def _transfers(g: Group) -> dict[str, Any]:
    names = [sorted({str(m.tasks[j]) for m in g.matrices}) for j in range(len(g.transfers))]
    cells = [
        {"text": _points(v), "share": min(abs(v.estimate) * 2, 1.0), "lost": v.estimate < 0}
        for v in g.transfers
    ]
    return {"label": g.label, "cells": cells, "names": [n[0] if len(n) == 1 else "" for n in names]}


def _growth(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """A row a group: each cost after the second and the last task, its fit, and whether that is as declared."""
    rows: dict[str, dict[str, Any]] = {}
    for g in growth(groups):
        shown = {"time": lambda v: f"{1000 * v:.0f} ms", "parameters": lambda v: f"{v:,.0f}"}.get(
            g.cost, show_bytes
        )
        text = f"{shown(g.values[0])} → {shown(g.values[-1])}"
        rows.setdefault(g.label, {})[g.cost] = {
            "text": text,
            "fitted": g.fitted,
            "declared": g.declared,
            "agrees": g.agrees,
        }
    return [
        {"label": label, "costs": [c[k] for k in ("time", "parameters", "bytes", "peak")]}
        for label, c in rows.items()
    ]


def _segments(groups: Sequence[Group]) -> dict[str, Any]:
    """Transfer per segment, the columns being the segments of all groups."""
    found = [(g.label, g.segment_transfers) for g in groups]
    names = list(dict.fromkeys(name for _, s in found for name in s))
    rows = [
        {"label": label, "cells": [_points(s[n]) if n in s else "–" for n in names]}
        for label, s in found
        if s
    ]
    return {"names": names, "rows": rows}


def _difference(d: Difference) -> dict[str, Any]:
    cells = [
        (_points(v) if k != "seconds" else typeset(v, "+.1f"), d.verdict(k))
        for k, v in d.values.items()
    ]
    return {
        "scenario": d.scenario,
        "label": d.label,
        "seeds": d.seeds,
        "cells": cells,
        "settings": d.settings,
    }


def _map(g: Group) -> dict[str, Any]:
    m = g.mean_matrix[1:]
    names = [
        " ".join(map(str, {mm.tasks[j] for mm in g.matrices}))
        if len({mm.tasks[j] for mm in g.matrices}) == 1
        else ""
        for j in range(m.shape[1])
    ]
    rows = [
        [
            None if np.isnan(v) else {"value": f"{100 * v:.0f}", "share": round(float(v), 3)}
            for v in row
        ]
        for row in m
    ]
    return {"label": g.label, "rows": rows, "names": names}


def _warnings(groups: Sequence[Group]) -> list[str]:
    out = [
        f"{g.label} ({g.scenario}): {w}"
        for g in groups
        for r in g.results[:1]
        for w in r["warnings"]
    ]
    out += [f"{g.scenario} scenario: {w}" for g in groups for w in g.weak]
    for scenario in dict.fromkeys(g.scenario for g in groups):
        members = [g for g in groups if g.scenario == scenario]
        most = max(len(g.results) for g in members)
        short = [f"{g.label} ({len(g.results)})" for g in members if len(g.results) < most]
        if short:
            out.append(
                f"{scenario} scenario: fewer seeds than the {most} of others, because runs failed or are not finished: {', '.join(short)}"
            )
    few = sorted({g.scenario for g in groups if len(g.results) < 3})
    if few:
        out.append(
            f"fewer than 3 seeds in the {', '.join(few)} scenario: intervals are wide or missing, and ranks mean little"
        )
    return list(dict.fromkeys(out))
