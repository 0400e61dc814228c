"""Tables on the terminal."""

import math
from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from holdfast.metrics import (
    UNLEARNT_ADVICE,
    AccuracyMatrix,
    expected_worst_forgetting,
    segment_transfer,
    summary,
    task_transfer,
    transfer_interval,
    unlearnt,
    unlearnt_sentence,
)
from holdfast.reports.cells import of_seeds, show, typeset
from holdfast.results import MEASURES, Difference, Group, RunResult, growth, ranks
from holdfast.text import shown


def _console() -> Console:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=160)
    return console


def print_groups(groups: Sequence[Group]) -> None:
    """The method table of each scenario, below what was not learnt."""
    console = _console()
    _warn(console, [g.unlearnt for g in groups if g.unlearnt])
    for scenario in dict.fromkeys(g.scenario for g in groups):
        members = [g for g in groups if g.scenario == scenario]
        seeds = len(members[0].results)
        table = Table(
            title=f"{scenario} scenario, {seeds} seed{'s' * (seeds != 1)} (points; {of_seeds(seeds)})",
            title_justify="left",
        )
        table.add_column("method", no_wrap=True)
        table.add_column("rank", justify="right", no_wrap=True)
        for measure in MEASURES.values():
            table.add_column(measure.heading, justify="right", no_wrap=True)
        for g, rank in zip(members, ranks(members), strict=True):
            table.add_row(g.label, rank, *(show(k, g.values[k]) for k in MEASURES))
        console.print(table)
    for line in dict.fromkeys(f"note: {g.scenario} scenario: {w}" for g in groups for w in g.weak):
        console.print(line)
    for line in dict.fromkeys(w for g in groups for r in g.results for w in r.warnings):
        console.print(f"warning: {line}")


def _warn(console: Console, unlearnt_by: Sequence[str]) -> None:
    """What was not learnt, so that it stands out on a terminal, and once what that means."""
    for line in unlearnt_by:
        console.print(f"WARNING: {shown(line)}", style="bold yellow", soft_wrap=True)
    if unlearnt_by:
        console.print(UNLEARNT_ADVICE, soft_wrap=True)


def print_detection(results: Sequence[RunResult]) -> None:
    """How boundaries were found in runs that had none announced."""
    for r in results:
        if (found := r.detection) is None:
            continue
        delays = [d for d in found.delays if d is not None]
        late = f", delay {median(delays):.0f} steps (at most {max(delays)})" if delays else ""
        declared = f"{len(found.declared)} boundaries declared, {len(delays)} of {len(found.true)} true ones found{late}"
        accuracy = f"accuracy before learning {100 * found.online_accuracy:.1f}"
        print(
            f"{r.label}, seed {r.seed}: {declared}, {found.false_alarms} false alarms; {accuracy}"
        )


def print_growth(groups: Sequence[Group]) -> None:
    """How cost grows with the number of tasks, for runs of ten tasks or more: fitted, and declared where that differs."""
    for scenario in dict.fromkeys(g.scenario for g in groups):
        found = growth([g for g in groups if g.scenario == scenario])
        if not found:
            continue
        table = Table(
            title=f"{scenario} scenario: growth of cost with the number of tasks",
            title_justify="left",
        )
        costs = list(dict.fromkeys(g.cost for g in found))
        for heading in ("method", *costs):
            table.add_column(heading)
        for label in dict.fromkeys(g.label for g in found):
            mine = {g.cost: g for g in found if g.label == label}
            table.add_row(
                label,
                *(
                    mine[c].fitted + ("" if mine[c].agrees else f" (declared {mine[c].declared})")
                    for c in costs
                ),
            )
        _console().print(table)


def print_differences(differences: Sequence[Difference]) -> None:
    """Second folder minus first, with verdicts, below what was not learnt."""
    console = _console()
    _warn(console, [line for d in differences for line in d.unlearnt])
    table = Table(
        title="second folder minus first (points, seconds; ± half of the paired 95 % interval over seeds; equal: the same in all seeds)",
        title_justify="left",
    )
    for heading in ("scenario", "method", "seeds", "ACC", "", "BWT", "", "time", ""):
        table.add_column(
            heading, justify="left" if heading in ("scenario", "method", "") else "right"
        )
    for d in differences:
        cells = [part for k, v in d.values.items() for part in (show(k, v), d.verdict(k))]
        table.add_row(d.scenario, d.label, str(d.seeds), *cells)
    console.print(table)


def print_matrix(group: Group) -> None:
    """The accuracy matrix, mean over seeds."""
    table = Table(
        title=f"{group.label}: accuracy (%) after training each task, evaluated on each",
        title_justify="left",
    )
    m = group.mean_matrix[1:]
    names = (
        [str(t) for t in group.matrices[0].tasks]
        if len({mm.tasks for mm in group.matrices}) == 1
        else [str(k + 1) for k in range(len(m))]
    )
    table.add_column("after")
    for n in names:
        table.add_column(n, justify="right")
    for n, row in zip(names, m, strict=True):
        table.add_row(n, *("" if math.isnan(v) else f"{100 * v:.1f}" for v in row))
    _console().print(table)


def print_summary(matrix: AccuracyMatrix, chance: float | None) -> None:
    """Every number of a matrix, then transfer by task and segment; what was not learnt comes first.

    Args:
        matrix: The scores.
        chance: The score of guessing, for all tasks; None: what the matrix says of it.
    """
    console, table = _console(), Table(title="summary", title_justify="left")
    if found := unlearnt(matrix, chance):
        _warn(console, [unlearnt_sentence(found, len(matrix.tasks))])
    elif chance is None and not matrix.chance:
        console.print(
            "note: give the score of guessing with --chance to see whether every task was learnt",
            soft_wrap=True,
        )
    table.add_column("metric")
    table.add_column("value", justify="right")
    for name, value in summary(matrix, chance).items():
        table.add_row(name, "–" if math.isnan(value) else f"{value:.4f}")
    if not math.isnan(expected := expected_worst_forgetting(matrix)):
        table.add_row("worst forgetting expected if nothing had changed", f"{expected:.4f}")
    console.print(table)
    _print_transfers(matrix, console)


def _print_transfers(matrix: AccuracyMatrix, console: Console) -> None:
    """Transfer by task, with its interval or the reason why there is none, and by segment."""
    table = Table(
        title="transfer by task: last score − score when learnt (95 % interval over examples)",
        title_justify="left",
    )
    for heading in ("task", "segment", "transfer"):
        table.add_column(heading, justify="right" if heading == "transfer" else "left")
    reasons: dict[str, list[str]] = {}
    for task in task_transfer(matrix):
        found = transfer_interval(matrix, task)
        table.add_row(str(task), "", typeset(found, ".4f"))
        if found.reason:
            reasons.setdefault(found.reason, []).append(str(task))
    for (task, segment), value in segment_transfer(matrix).items():
        table.add_row(
            str(task), segment, "–" if math.isnan(value) else f"{value:.4f}".replace("-", "−")
        )
    console.print(table)
    for reason, tasks in reasons.items():
        console.print(f"no interval for {shown(', '.join(tasks))}: {reason}", soft_wrap=True)


def print_methods() -> None:
    """The compatibility table, from the declarations."""
    from holdfast.methods import METHODS, PRESETS

    table = Table(title="methods", title_justify="left")
    for heading in (
        "method",
        "family",
        "scenarios",
        "needs",
        "growth: memory, parameters, time",
        "paper",
        "what it does",
    ):
        table.add_column(heading)
    for name, method in sorted(
        METHODS.items(), key=lambda item: (item[1].declaration.family, item[0])
    ):
        d = method.declaration
        scenarios = ", ".join(s + ("*" if s in dict(d.weak) else "") for s in d.scenarios)
        needs = [
            text
            for flag, text in (
                (d.task_id, "task id"),
                (d.boundaries, "boundaries"),
                (d.stores_examples, "stored examples"),
                (d.restarts, "restarts"),
                (not d.trains, "a frozen backbone"),
            )
            if flag
        ]
        table.add_row(
            name,
            d.family,
            scenarios,
            ", ".join(needs) or "–",
            f"{d.memory}, {d.parameters}, {d.time}",
            d.paper,
            d.summary,
        )
    console = _console()
    console.print(table)
    console.print("sums by name:")
    for name, preset in PRESETS.items():
        console.print(
            f"  {name} = {preset()!r}: {' '.join((preset.__doc__ or '').split())}", highlight=False
        )
    console.print("* runs, but expect little there:")
    for name, method in METHODS.items():
        for scenario, why in method.declaration.weak:
            console.print(f"  {name}, {scenario} scenario: {why}")
