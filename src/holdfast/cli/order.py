"""`holdfast order`: probe the transfer between tasks, plan their order, verify the plan."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.given import note, on_line
from holdfast.cli.lists import parse_seeds
from holdfast.cli.work import DataDir, Device, Every, Jobs, Work, carry_out, workers
from holdfast.errors import HoldfastError
from holdfast.files import write_page
from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.metrics import Interval
    from holdfast.planning import Plan, Probe, Stages, Verification

app = typer.Typer(
    no_args_is_help=True,
    help="Plan the order of tasks by backward transfer, and say how far the plan can be trusted.",
)
From = Annotated[
    Path,
    typer.Option(
        "--from", help="A probe's folder, or a CSV: first column trained, then one column a task."
    ),
]
Constraint = Annotated[
    list[str] | None,
    typer.Option("--constraint", help="'A before B', 'A first' or 'A last'. May be given again."),
]
Html = Annotated[Path | None, typer.Option(help="Write a report.")]


@app.command()
def probe(
    suite: Annotated[
        str,
        typer.Option(
            help="A shipped suite or a TOML file; its tasks must be the same for every seed."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Folder for the runs and probe.json; finished runs in it are skipped."),
    ] = Path("probe"),
    scenario: Annotated[
        str | None, typer.Option(help="task, domain or class (default: the suite's first).")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="A method of the suite, or a spec (default: the suite's first)."),
    ] = None,
    estimator: Annotated[
        str,
        typer.Option(
            help="pairwise: a run a pair. base: a run a task, for models that know something."
        ),
    ] = "pairwise",
    signals: Annotated[
        bool, typer.Option("--signals", help="Measure the cheap signals as well (domain scenario).")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs a task, in place of the suite's.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps a task, in place of the suite's.")
    ] = None,
    fraction: Annotated[
        float, typer.Option(help="Share of the training examples used, of each class.")
    ] = 1.0,
    seeds: Annotated[str, typer.Option(help="Seeds: 3, or 1,2,3, or 1-5.")] = "1-3",
    jobs: Jobs = 0,
    device: Device = "cpu",
    data_dir: DataDir = None,
    checkpoint_every: Every = 30.0,
) -> None:
    """Measure the transfer between tasks by short runs."""
    from holdfast.bench.orders import Probing, base_config, measure_signals, task_names
    from holdfast.bench.suites import load_suite
    from holdfast.errors import one_of
    from holdfast.planning.probe import ESTIMATORS
    from holdfast.runs.folders import check_writable
    from holdfast.runs.options import refuse_idle

    one_of("estimator", estimator, ESTIMATORS)
    loaded, chosen = load_suite(suite), tuple(parse_seeds(seeds))
    refuse_idle([c for _, c in loaded.runs()])
    config = base_config(loaded, scenario, method, epochs=epochs, steps=steps, fraction=fraction)
    refuse_idle([config], {f"training.{o}" for o, v in (("epochs", epochs), ("steps", steps)) if v})
    if signals and estimator == "base":
        note(["--signals has no effect: the base estimator measures the signals anyway"])
    measured = signals or estimator == "base"
    if measured and config.scenario != "domain":
        raise HoldfastError(
            f"signals and the base estimator need outputs that all tasks share: the domain scenario, got {config.scenario}"
        )
    names = tuple(task_names(config, data_dir))
    job = Probing(config, base_config(loaded, scenario, method), names, chosen, estimator)
    check_writable(out)
    carry_out(job.runs(), Work(out, jobs, device, data_dir, checkpoint_every))
    if measured:
        print(f"signals of {len(chosen)} seeds", file=sys.stderr)
    found = job.assemble(
        out,
        measure_signals(config, names, chosen, out, workers(jobs), data_dir, device)
        if measured
        else {},
    )
    _print_matrix(found)
    print(f"probe: {out}")


@app.command()
def plan(
    context: typer.Context,
    source: From,
    forward: Annotated[
        Path | None, typer.Option(help="With a CSV: a second one, what row k gives to column i.")
    ] = None,
    scheduler: Annotated[str, typer.Option(help="See --list.")] = "linear-ordering",
    constraint: Constraint = None,
    noise: Annotated[
        float | None, typer.Option(help="Standard error of an entry, where the probe has one seed.")
    ] = None,
    stages: Annotated[
        bool, typer.Option("--stages", help="Group tasks that help each other; order the groups.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Html = None,
    seed: Annotated[
        int, typer.Option(help="Of local search, resampling and the random scheduler.")
    ] = 0,
    list_: Annotated[
        bool,
        typer.Option("--list", help="List the schedulers that this probe has what they need for."),
    ] = False,
) -> None:
    """Order the tasks from a matrix alone. Needs no PyTorch."""
    from holdfast.planning import SCHEDULERS, make_plan, make_stages, read_probe
    from holdfast.planning.schedulers import usable

    found = read_probe(source, forward)
    others = on_line(
        context, *(p for p in context.params if p not in ("source", "forward", "list_"))
    )
    if list_ and others:
        raise HoldfastError(
            f"--list only lists the schedulers, so {others[0]} has no effect; leave one out"
        )
    if list_:
        for name in usable(found):
            print(f"{name:24} {(SCHEDULERS[name].__doc__ or '').splitlines()[0]}")
        return
    rules = constraint or []
    made = make_plan(found, scheduler, rules, seed=seed, noise=noise)
    groups = make_stages(found, rules) if stages else None
    if on_line(context, "noise") and made.stays_best is None:
        note([f"--noise has no effect: the stability of {scheduler} orders is not estimated"])
    if json_:
        print(
            json.dumps(
                made.to_json()
                | (groups.to_json() | {"stages_objective": groups.objective} if groups else {}),
                indent=1,
            )
        )
    else:
        _print_plan(made, groups)
    if html is not None:
        _report(html, found, made, groups, None)
        print(f"report: {html}", file=sys.stderr if json_ else sys.stdout)


@app.command()
def verify(
    source: From,
    orders: Annotated[
        int, typer.Option(min=3, help="Random orders (40 or more say something).")
    ] = 40,
    seeds: Annotated[int, typer.Option(min=1, help="Fresh seeds for every order.")] = 3,
    schedulers: Annotated[
        str | None,
        typer.Option(
            help="Whose orders are trained, the plan first (default: all that the probe allows)."
        ),
    ] = None,
    constraint: Constraint = None,
    transfer_to: Annotated[
        str | None,
        typer.Option(help="Train with other settings: full (the suite's own), or another suite."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the runs (that of the probe); finished runs in it are skipped."
        ),
    ] = None,
    jobs: Jobs = 0,
    device: Device = "cpu",
    data_dir: DataDir = None,
    checkpoint_every: Every = 30.0,
) -> None:
    """Train the planned orders, the reverse of the first, and random ones; report realised against predicted."""
    from holdfast.bench.orders import verifying
    from holdfast.bench.suites import load_suite
    from holdfast.planning import make_plan, verified
    from holdfast.runs.folders import check_writable, write_json
    from holdfast.runs.options import refuse_idle

    if transfer_to not in (None, "full"):
        refuse_idle([c for _, c in load_suite(str(transfer_to)).runs()])
    chosen = [n.strip() for n in schedulers.split(",") if n.strip()] if schedulers else []
    job = verifying(
        source,
        orders=orders,
        seeds=seeds,
        schedulers=chosen,
        constraints=constraint or (),
        transfer_to=transfer_to,
    )
    folder = out or (source if source.is_dir() else source.parent)
    check_writable(folder)
    carry_out(job.runs(), Work(folder, jobs, device, data_dir, checkpoint_every))
    first = job.tried[0][1] or "linear-ordering"
    found = verified(job.outcomes(folder), first)
    name = "verification" if transfer_to is None else f"verification-{Path(transfer_to).stem}"
    about = {
        "probe": str(source),
        "transfer_to": transfer_to,
        "config": job.config.model_dump(mode="json"),
        "seeds": list(job.seeds),
    }
    write_json(folder / f"{name}.json", found.to_json() | {"about": about})
    _print_verification(found)
    _report(
        folder / f"{name}.html",
        job.found,
        make_plan(job.found, first, constraint or ()),
        None,
        found,
    )
    print(f"results: {folder / name}.json\nreport:  {folder / name}.html")


def _print_matrix(found: "Probe") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    over = (
        f"mean of {found.seeds} seeds, ± half of the 95 % interval"
        if found.seeds > 1
        else "one seed"
    )
    print(
        f"change in points on the column's task when the row's is learnt after it ({found.estimator}, {over})"
    )
    table = Table()
    for heading in ("learnt after", *found.names):
        table.add_column(
            Text(shown(heading)), justify="left" if heading == "learnt after" else "right"
        )
    for name in found.names:
        table.add_row(
            Text(shown(name)),
            *(
                "" if name == other else _points(found.transfer(name, other))
                for other in found.names
            ),
        )
    Console().print(table)


def _points(v: "Interval") -> str:
    half = 100 * (v.high - v.estimate)
    return f"{100 * v.estimate:+.1f}".replace("-", "−") + (f" ±{half:.1f}" if half == half else "")


def _print_plan(made: "Plan", groups: "Stages | None") -> None:
    print(f"{made.scheduler}, objective {made.objective:+.4f} (ranks orders; it is not a score)")
    for n, t in enumerate(made.order, 1):
        print(f"{n:3}. {shown(t)}: predicted change {100 * made.predicted[t]:+.1f} points")
    if made.ties is not None and made.ties > 1:
        print(f"{made.ties} orders reach this objective")
    if made.stays_best is None:
        print("stability: not known, the probe has one seed; give its --noise")
    else:
        print(
            f"stability: in {100 * made.stays_best:.0f} % of resampled probes this order stays the best"
        )
        for order, share in made.rivals:
            if order != made.order:
                print(f"  {100 * share:.0f} %: {' → '.join(map(shown, order))}")
    if groups is not None:
        print("stages:")
        for n, (group, mutual) in enumerate(zip(groups.groups, groups.inside, strict=True), 1):
            print(
                f"{n:3}. {', '.join(map(shown, group))} (mean transfer inside {100 * mutual:+.1f} points)"
            )


def _print_verification(found: "Verification") -> None:
    print(found.verdict)
    print(
        f"first task alone: {100 * found.first_task:.0f} % of the variance ({100 * found.first_task_by_chance:.0f} % by chance)"
    )
    print(f"spread of random orders: {100 * found.spread:.2f} points (standard deviation)")
    for a in sorted(found.advantages, key=lambda a: -a.gain.estimate):
        interval = f"[{100 * a.gain.low:+.2f}, {100 * a.gain.high:+.2f}]"
        print(
            f"  {a.scheduler:24} {100 * a.gain.estimate:+6.2f} {interval}, beats {100 * a.percentile:.0f} %"
        )


def _report(
    path: Path,
    found: "Probe",
    made: "Plan",
    groups: "Stages | None",
    outcome: "Verification | None",
) -> None:
    from holdfast.reports.orders import order_html

    text = order_html(
        found.to_json(),
        made.to_json(),
        groups.to_json() if groups else None,
        outcome.to_json() if outcome else None,
    )
    write_page(path, text)
