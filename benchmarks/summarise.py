"""Write the results of a suite as a page of Markdown.

    holdfast bench three-scenarios
    python benchmarks/summarise.py runs/three-scenarios \\
        --write benchmarks/results/three-scenarios.md

The page has the method table, and for each scenario the accuracy in the end, the transfer, the
learning speed and the growth of cost, as far as the suite has measured them. If the folder of the
page has notes (`three-scenarios.notes.md`), they are added at its end.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from holdfast.bench.suites import load_suite, shipped
from holdfast.metrics import Interval, bounded_seed_interval
from holdfast.reports import markdown
from holdfast.reports.cells import show_cost, with_bounds
from holdfast.results import (
    Group,
    find_sweeps,
    growth,
    learning_speed,
    load_results,
    select,
    summarise,
)


def points(v: Interval, scale: float = 100) -> str:
    """An interval in points."""
    return with_bounds(v.scaled(scale), "+.1f")


def _last_rows(g: Group) -> np.ndarray:
    """(runs, tasks): the last row of every matrix."""
    return np.array([m.to_array()[-1] for m in g.matrices])


def _score(scores: np.ndarray) -> str:
    """The mean of an accuracy over seeds, in percent."""
    return points(bounded_seed_interval(scores, (0, 1))).replace("+", "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(r) + " |" for r in rows),
        "",
    ]


def sections(groups: Sequence[Group]) -> list[str]:
    """What the method table does not hold."""
    out: list[str] = []
    for scenario in dict.fromkeys(g.scenario for g in groups):
        members = [g for g in groups if g.scenario == scenario]
        tasks = len(members[0].transfers)
        if tasks <= 8:
            out += [
                f"### {scenario} scenario: accuracy on each task in the end (%, by position)",
                "",
            ]
            last = [[g.label, *(_score(c) for c in _last_rows(g).T)] for g in members]
            out += table(["method", *(str(k + 1) for k in range(tasks + 1))], last)
            out += [f"### {scenario} scenario: transfer of each task (points, by position)", ""]
            out += table(
                ["method", *(str(k + 1) for k in range(tasks))],
                [[g.label, *map(points, g.transfers)] for g in members],
            )
        if speeds := learning_speed(members):
            out += [
                f"### {scenario} scenario: learning speed against a fresh model, tasks 2 and later",
                "",
            ]
            rows = [
                [s.label, points(s.area), points(s.steps, 1), points(s.zero_shot).replace("+", "")]
                for s in speeds
            ]
            out += table(
                ["method", "area (points)", "steps to 95 %", "zero-shot of the untrained head (%)"],
                rows,
            )
        if found := growth(members):
            out += [
                f"### {scenario} scenario: cost after task 2 → after the last, "
                "what fits in between, what is declared",
                "",
            ]
            costs: dict[str, list[str]] = {}
            for g in found:
                fit = (
                    g.fitted
                    if g.declared is None
                    else f"{g.fitted} ({'as declared' if g.agrees else 'DECLARED ' + g.declared})"
                )
                costs.setdefault(g.label, []).append(
                    f"{show_cost(g.cost, g.values[0])} → {show_cost(g.cost, g.values[-1])}: {fit}"
                )
            out += table(
                ["method", "time a task", "parameters beyond FineTune's", "bytes", "peak memory"],
                [[k, *v] for k, v in costs.items()],
            )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--command", help="the command that filled the folder (holdfast bench NAME)"
    )
    parser.add_argument(
        "--tolerance", type=float, default=5.0, help="points of forgetting that a selection accepts"
    )
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    results = load_results([options.folder])
    groups = summarise(results)
    seconds = sum(r.cost.seconds.total for r in results)
    version = results[0].versions["torch"]
    about = (
        f"{len(results)} runs, {seconds / 60:.1f} minutes of one thread in all "
        f"(evaluation included); torch {version}."
    )
    name = options.folder.name
    description = [load_suite(name).description, ""] if name in shipped() else []
    lines = [
        f"# {name}",
        "",
        *description,
        f"`{options.command or f'holdfast bench {name}'}`",
        "",
        about,
    ]
    lines += [
        "Scores are in points, ± half of the 95 % interval over seeds, or [its bounds] if its "
        "sides differ. Times are in seconds. "
        "Ranks that are ties have a =.",
        "",
        markdown(groups),
    ]
    chosen = [
        f"Selected: {c.sentence()}.\n"
        for s in find_sweeps(groups)
        if (c := select(s, options.tolerance / 100))
    ]
    text = "\n".join([*lines, *chosen, *sections(groups)]).rstrip() + "\n"
    print(text)
    if options.write:
        notes = options.write.with_suffix(".notes.md")
        options.write.write_text(text + ("\n" + notes.read_text() if notes.exists() else ""))


if __name__ == "__main__":
    main()
