"""`holdfast order`: measure the transfer between tasks, plan their order, verify the plan."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli import order_options as options
from holdfast.cli.bundles import options_of, with_bundles
from holdfast.cli.command_line import note, on_line
from holdfast.cli.examples import examples
from holdfast.cli.lists import parse_seeds, split_names
from holdfast.cli.order_options import Measuring, Running
from holdfast.cli.settings import DATA_OF_A_PROBE, data_settings
from holdfast.cli.work import carry_out, check_device, warn_of_unlearnt, workers
from holdfast.errors import HoldfastError, one_of
from holdfast.text import safe_name

if TYPE_CHECKING:
    from holdfast.bench.probe_runs import ProbeRuns
    from holdfast.bench.verification_runs import VerificationRuns
    from holdfast.planning import Plan, Probe, Verification

DEFAULT_PLAN = "linear-ordering"
FULL = "full"  # the settings of the suite, without the shortening of the probe

app = typer.Typer(
    no_args_is_help=True,
    help="Find an order of tasks that forgets little.\n\n"
    "Use this if you may choose the order in which tasks are learnt. First measure with probe how "
    "tasks affect each other, then let plan make an order, and finally let verify train planned "
    "and random orders to see whether the plan is worth it.",
    epilog=examples(
        "holdfast order probe --suite orders-clinc --out probe",
        "holdfast order plan --from probe",
        "holdfast order verify --from probe --orders 40",
    ),
)


@app.command(
    epilog=examples(
        "holdfast order probe --suite orders-clinc --out probe",
        "holdfast order probe --suite orders-images --fraction 0.1 --seeds 1-5 --out probe",
    )
)
@with_bundles(data=DATA_OF_A_PROBE, measuring=options_of(Measuring), running=options_of(Running))
def probe(
    suite: options.Suite,
    measuring: Measuring,
    out: options.ProbeOut = Path("probe"),
    *,
    data: dict[str, object],
    running: Running,
) -> None:
    """Measure how tasks affect each other.

    Use this before you plan an order. Short runs learn one task after another, for every pair of
    tasks and every seed. You see how much each task changes the score on each other one, and
    probe.json keeps it for holdfast order plan.
    """
    from holdfast.bench.probe_signals import measure_signals
    from holdfast.cli.progress import follow
    from holdfast.runs.folders import check_writable

    # What can be refused at once is refused before data are read, which may take minutes.
    check_device(running.device)
    check_writable(out)
    job = _probing(suite, data_settings(data), measuring, running.data_dir)
    carry_out(job.runs(), running.work(out))
    # Signals have no runs of their own, so they are measured after all runs have ended.
    signals = {}
    if measuring.measures_signals:
        print(f"measuring the signals of {len(job.seeds)} seeds", file=sys.stderr)
        signals = measure_signals(
            job.config,
            job.names,
            job.seeds,
            out,
            workers(running.jobs),
            running.data_dir,
            running.device,
            follow,
        )
    from holdfast.cli.order_printing import print_transfers

    # Transfer between tasks that were never learnt is measured, but means nothing.
    warn_of_unlearnt(job.runs(), out)
    print_transfers(job.assemble(out, signals))
    print(f"probe: {safe_name(str(out))}")


def _probing(
    suite_name: str, data: Mapping[str, object], measuring: Measuring, data_dir: str | None
) -> "ProbeRuns":
    """Decide what is to be run, and refuse options that contradict each other."""
    from holdfast.bench.own_data import with_data
    from holdfast.bench.probe_runs import ProbeRuns
    from holdfast.bench.probe_settings import base_config, task_names
    from holdfast.bench.suites import load_suite
    from holdfast.planning.probe import ESTIMATORS
    from holdfast.runs.options import refuse_idle

    # Names are checked before data are read, which may take minutes.
    one_of("estimator", measuring.estimator, ESTIMATORS)
    suite = with_data(load_suite(suite_name), data)
    seeds = parse_seeds(measuring.seeds)
    refuse_idle([config for _, config in suite.runs()])
    # The settings without shortening are kept for `verify --transfer-to full`.
    full = base_config(suite, measuring.scenario, measuring.method)
    config = base_config(
        suite,
        measuring.scenario,
        measuring.method,
        epochs=measuring.epochs,
        steps=measuring.steps,
        fraction=measuring.fraction,
    )
    refuse_idle([config], measuring.changed)
    if measuring.signals and measuring.estimator == "base":
        note(["--signals has no effect: the base estimator measures the signals anyway"])
    # Signals compare the gradients of all outputs, so tasks must have the same ones.
    if measuring.measures_signals and config.scenario != "domain":
        raise HoldfastError(
            "signals and the base estimator need outputs that all tasks share: "
            f"the domain scenario, got {config.scenario}"
        )
    names = task_names(config, data_dir)
    return ProbeRuns(
        config=config,
        full=full,
        names=tuple(names),
        seeds=tuple(seeds),
        estimator=measuring.estimator,
    )


@app.command(
    epilog=examples(
        "holdfast order plan --from probe",
        "holdfast order plan --from matrix.csv --constraint 'A before C' --html plan.html",
    )
)
def plan(
    context: typer.Context,
    source: options.From,
    forward: options.Forward = None,
    scheduler: options.Scheduler = DEFAULT_PLAN,
    constraint: options.Constraints = None,
    noise: options.Noise = None,
    stages: options.Stages = False,
    json_: options.Json = False,
    html: options.Html = None,
    seed: options.PlanSeed = 0,
    list_: options.ListSchedulers = False,
) -> None:
    """Order the tasks of a probe or a table.

    Use this after holdfast order probe, or with a CSV file of your own measurements. You see the
    order, the change that it predicts for each task, and how often another measurement would give
    the same order. It needs no PyTorch.
    """
    from holdfast.planning import make_plan, make_stages, read_probe

    measured = read_probe(source, forward)
    if list_:
        _list_schedulers(context, measured)
        return
    # Typer gives None if the option is not given at all.
    rules = constraint or []
    planned = make_plan(measured, scheduler, rules, seed=seed, noise=noise)
    groups = None
    # Stages are a second view of the same probe and leave the plan as it is.
    if stages:
        groups = make_stages(measured, rules)
    if noise is not None and planned.stays_best is None:
        note([f"--noise has no effect: the stability of {scheduler} orders is not estimated"])
    from holdfast.cli.order_printing import print_plan, print_plan_as_json, write_report

    # With --json, stdout holds JSON alone, so that another program can read it.
    lines_go_to = sys.stdout
    if json_:
        lines_go_to = sys.stderr
        print_plan_as_json(planned, groups)
    else:
        print_plan(planned, groups)
    if html is not None:
        write_report(html, measured, planned, groups)
        print(f"report: {safe_name(str(html))}", file=lines_go_to)


def _list_schedulers(context: typer.Context, measured: "Probe") -> None:
    """Print the schedulers that a probe allows, and refuse options that this ignores."""
    from holdfast.planning import SCHEDULERS
    from holdfast.planning.schedulers import usable

    used = ("source", "forward", "list_")
    others = on_line(context, *(name for name in context.params if name not in used))
    if others:
        raise HoldfastError(
            f"--list only lists the schedulers, so {others[0]} has no effect; leave one out"
        )
    for name in usable(measured):
        summary = (SCHEDULERS[name].__doc__ or "").splitlines()[0]
        print(f"{name:24} {summary}")


@app.command(
    epilog=examples(
        "holdfast order verify --from probe --orders 40",
        "holdfast order verify --from probe --transfer-to full --schedulers linear-ordering",
    )
)
@with_bundles(running=options_of(Running))
def verify(
    source: options.ProbeFolder,
    orders: options.Orders = 40,
    seeds: options.VerifySeeds = 3,
    schedulers: options.Schedulers = None,
    constraint: options.Constraints = None,
    transfer_to: options.TransferTo = None,
    out: options.VerifyOut = None,
    *,
    running: Running,
) -> None:
    """Train planned and random orders, and compare.

    Use this before you rely on a plan. The planned orders, the reverse of the first one and
    random orders are trained with new seeds. You see whether the prediction ranks orders, and
    whether planned orders are better than random ones.
    """
    from holdfast.bench.verification_runs import verification_runs
    from holdfast.runs.folders import check_writable

    # Everything is checked before training, which may take hours.
    _refuse_idle_suite(transfer_to)
    job = verification_runs(
        source,
        orders=orders,
        seeds=seeds,
        schedulers=split_names(schedulers or ""),
        constraints=constraint or (),
        transfer_to=transfer_to,
    )
    # Runs of the probe with the same settings are then found and skipped.
    folder = out or _folder_of(source)
    check_writable(folder)
    carry_out(job.runs(), running.work(folder))
    warn_of_unlearnt(job.runs(), folder)
    _conclude(job, source, folder, constraint or [], transfer_to)


def _refuse_idle_suite(transfer_to: str | None) -> None:
    """Refuse a suite that has settings without effect, before anything is trained."""
    from holdfast.bench.suites import load_suite
    from holdfast.runs.options import refuse_idle

    if transfer_to is not None and transfer_to != FULL:
        refuse_idle([config for _, config in load_suite(transfer_to).runs()])


def _folder_of(source: Path) -> Path:
    """Find the folder of a probe, which may be named by its file."""
    if source.is_dir():
        return source
    return source.parent


def _conclude(
    job: "VerificationRuns",
    source: Path,
    folder: Path,
    constraints: list[str],
    transfer_to: str | None,
) -> None:
    """Compare the trained orders with the plan, and print, keep and report what they show."""
    from holdfast.cli.order_printing import print_verification, write_report
    from holdfast.planning import make_plan, verified

    # The first order is the plan; it has no scheduler if it is a random one.
    first = job.tried[0][1] or DEFAULT_PLAN
    verification = verified(job.outcomes(folder), first)
    # Results and page have the same name, so that they are found together.
    name = "verification"
    if transfer_to is not None:
        # A plan may be verified with several settings, so each has files of its own.
        name += f"-{Path(transfer_to).stem}"
    _keep(verification, job, source, transfer_to, folder / f"{name}.json")
    print_verification(verification)
    planned: Plan = make_plan(job.probe, first, constraints)
    page = folder / f"{name}.html"
    write_report(page, job.probe, planned, verification=verification)
    print(f"results: {safe_name(str(folder / name))}.json\nreport:  {safe_name(str(page))}")


def _keep(
    verification: "Verification",
    job: "VerificationRuns",
    source: Path,
    transfer_to: str | None,
    path: Path,
) -> None:
    """Write a verification as JSON, with what it was made from."""
    from holdfast.results.storage import write_json

    about = {
        "probe": str(source),
        "transfer_to": transfer_to,
        "config": job.config.model_dump(mode="json"),
        "seeds": list(job.seeds),
    }
    write_json(path, verification.to_json() | {"about": about})
