"""One self-contained HTML file: no network, no script, light and dark, readable on a phone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.reports.figures import over_time_panel, to_svg
from holdfast.reports.results import COLUMNS, Group, show

SCENARIO_TEXT = {
    "task": "Task-incremental: the task is known at test time.",
    "domain": "Domain-incremental: the same outputs for every task; the task is not known.",
    "class": "Class-incremental: all classes seen so far compete; the task is not known.",
}


def write_report(groups: Sequence[Group], path: str | Path, title: str = "Holdfast report", description: str = "") -> Path:
    """Writes the report of some groups; returns its path."""
    text = render(groups, title, description)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise HoldfastError(f"the report {path} could not be written: {error.strerror}") from None
    return path


def render(groups: Sequence[Group], title: str, description: str = "") -> str:
    """The report as HTML; names from the outside are escaped."""
    from jinja2 import Environment, PackageLoader

    env = Environment(loader=PackageLoader("holdfast.reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    scenarios = [
        _section(s, [g for g in groups if g.scenario == s]) for s in ("task", "domain", "class") if any(g.scenario == s for g in groups)
    ]
    first = groups[0].results[0]
    return env.get_template("report.html.j2").render(
        title=title,
        description=description,
        scenarios=scenarios,
        columns=COLUMNS,
        versions=first["versions"],
        machine=first["machine"],
        data=first["config"]["data"],
        training=_settings(first["config"]),
        seeds=sorted({r["seed"] for g in groups for r in g.results}),
        warnings=_warnings(groups),
    )


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    pairs = {f"{part} {k}": v for part in ("data", "model", "training") for k, v in config[part].items() if v is not None}
    return pairs


def _section(scenario: str, groups: list[Group]) -> dict[str, Any]:
    best = max((g.values["ACC"].estimate for g in groups if g.values["ACC"].estimate == g.values["ACC"].estimate), default=0.0)
    rows = [
        {
            "label": g.label,
            "method": g.method,
            "n": len(g.results),
            "cells": {k: show(k, g.values[k]) for k in COLUMNS},
            "bar": 100 * g.values["ACC"].estimate,
            "best": g.values["ACC"].estimate == best,
        }
        for g in groups
    ]
    svg = to_svg(over_time_panel(groups), f"Accuracy of each task over time, {scenario} scenario")
    return {
        "name": scenario,
        "text": SCENARIO_TEXT[scenario],
        "rows": rows,
        "svg": svg,
        "maps": [_map(g) for g in groups],
        "fwt": all(r["outputs_exist"] for g in groups for r in g.results),
    }


def _map(g: Group) -> dict[str, Any]:
    m = g.mean_matrix[1:]
    names = [
        " ".join(map(str, {mm.tasks[j] for mm in g.matrices})) if len({mm.tasks[j] for mm in g.matrices}) == 1 else ""
        for j in range(m.shape[1])
    ]
    rows = [[None if np.isnan(v) else {"value": f"{100 * v:.0f}", "share": round(float(v), 3)} for v in row] for row in m]
    return {"label": g.label, "rows": rows, "names": names}


def _warnings(groups: Sequence[Group]) -> list[str]:
    out = [f"{g.label} ({g.scenario}): {w}" for g in groups for r in g.results[:1] for w in r["warnings"]]
    out += [f"{g.scenario} scenario: {w}" for g in groups for w in g.weak]
    few = sorted({g.scenario for g in groups if len(g.results) < 3})
    if few:
        out.append(f"fewer than 3 seeds in the {', '.join(few)} scenario: intervals are wide or missing")
    return list(dict.fromkeys(out))
