"""What the commands of `holdfast stage` do: measure, train, compare, and write what they show."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.border import Terminated
from holdfast.cli.command_line import note
from holdfast.cli.lists import parse_seeds
from holdfast.cli.stage_options import Running, Setup
from holdfast.cli.work import AGAIN, check_device, workers
from holdfast.errors import HoldfastError, one_of
from holdfast.text import safe_name

if TYPE_CHECKING:
    from holdfast.cli.progress import Ended, Tell
    from holdfast.planning import StagedVerification
    from holdfast.staging.carry_out import Wanted
    from holdfast.staging.execution import Conditions
    from holdfast.staging.probing import Probed
    from holdfast.staging.trained import Stages

TRAINED = "trained"
VERIFICATION = "verification.json"
PAGE = "stages.html"
FEWEST_TASKS = 3


def measure(tasks: Path, model: str, out: Path, setup: Setup, running: Running) -> None:
    """Carry out the trainings of a probe, and print and keep what they show.

    Args:
        tasks: Where the tasks are.
        model: Where the model is.
        out: The folder for the results.
        setup: How the tasks are trained and scored.
        running: How the trainings are carried out.

    Raises:
        HoldfastError: A file or an option is wrong, or a training failed.
    """
    from holdfast.cli.order_printing import print_transfers
    from holdfast.cli.stage_printing import print_signals
    from holdfast.planning.probe import ESTIMATORS
    from holdfast.runs.folders import check_writable
    from holdfast.staging.probing import Probing

    one_of("estimator", setup.estimator, ESTIMATORS)
    seeds = parse_seeds(setup.seeds)
    check_device(running.device)
    settings, conditions, notes = setup.prepared(tasks, model, out, running.device)
    note(notes)
    check_writable(out)
    job = Probing(settings, tuple(seeds), setup.estimator, setup.signals)
    _carry_out(job.wanted(), conditions, running)
    measured = job.assemble(conditions)
    print_transfers(measured)
    if setup.signals:
        print_signals(measured)
    weak = job.unlearnt(conditions)
    if weak:
        note(
            [
                f"{settings.steps} steps do not raise the score of {', '.join(weak)}, so the "
                "transfer to and from such tasks says little; give more --steps"
            ]
        )
    print(f"probe: {safe_name(str(out))}")


def stages_of(
    found: "Probed",
    arrange: str,
    scheduler: str,
    constraints: Sequence[str],
    steps: int | None,
    seed: int | None,
    out: Path | None,
) -> "Stages":
    """Decide which stages are trained.

    Args:
        found: The probe.
        arrange: "order", "groups" or "joint".
        scheduler: The rule that makes an order.
        constraints: Rules such as "A before B".
        steps: Steps per task. None: those of the probe.
        seed: The seed. None: the first that the probe has not seen.
        out: The folder for the model. None: one in that of the probe.
    """
    from holdfast.planning import make_plan, make_stages
    from holdfast.staging.trained import Stages
    from holdfast.staging.training import Training

    names = found.probe.names
    groups: tuple[tuple[str, ...], ...] = (names,)
    if arrange == "order":
        order = make_plan(found.probe, scheduler, constraints).order
        groups = tuple((name,) for name in order)
    elif arrange == "groups":
        groups = make_stages(found.probe, constraints).groups
    settings = found.settings
    if steps is not None:
        settings = settings.model_copy(update={"steps": steps})
    first = found.first_new_seed if seed is None else seed
    folder = out or found.conditions.out / TRAINED
    return Stages(Training(settings, groups, first), folder)


def train_stages(found: "Probed", stages: "Stages", running: Running) -> None:
    """Train stages, and print and keep what they reach.

    Args:
        found: The probe.
        stages: The stages.
        running: How the trainings are carried out.
    """
    from holdfast.cli.stage_printing import print_trained
    from holdfast.runs.folders import check_writable

    check_writable(stages.folder)
    _carry_out(stages.wanted(), found.conditions, running)
    result = stages.write(found.conditions)
    print_trained(stages, result, stages.losses(found.conditions))


def compare(
    found: "Probed",
    orders: int,
    seeds: int,
    scheduler: str,
    constraints: Sequence[str],
    steps: int | None,
    running: Running,
) -> "StagedVerification":
    """Train what the plan is compared with, and keep what it shows.

    Args:
        found: The probe.
        orders: The number of random orders.
        seeds: The number of seeds.
        scheduler: The rule that makes the plan.
        constraints: Rules such as "A before B".
        steps: Steps per task. None: those of the probe.
        running: How the trainings are carried out.

    Returns:
        The comparison.
    """
    from holdfast.results.storage import write_json
    from holdfast.staging.verifying import verifying

    refuse_few(found.probe.names)
    settings = found.settings
    if steps is not None:
        settings = settings.model_copy(update={"steps": steps})
    job = verifying(
        found.probe,
        settings,
        found.first_new_seed,
        scheduler=scheduler,
        constraints=constraints,
        orders=orders,
        seeds=seeds,
    )
    _carry_out(job.wanted(), found.conditions, running)
    verification = job.verification(found.conditions)
    about = {"seeds": list(job.seeds), "settings": settings.model_dump(mode="json")}
    path = found.conditions.out / VERIFICATION
    write_json(path, verification.to_json() | {"about": about})
    return verification


def show(
    found: "Probed",
    verification: "StagedVerification",
    scheduler: str,
    constraints: Sequence[str],
    trained: "Stages | None" = None,
) -> None:
    """Print what trainings show, and write the page about it.

    Args:
        found: The probe.
        verification: The comparison of the plan with other ways to train.
        scheduler: The rule that made the plan.
        constraints: Rules that all orders keep.
        trained: The stages whose model was saved. None: there are none.
    """
    from holdfast.cli.stage_printing import print_staged
    from holdfast.files import write_page
    from holdfast.planning import make_plan, make_stages
    from holdfast.reports.stages import stages_html

    print_staged(verification)
    matrix = None
    losses = None
    if trained is not None:
        matrix = trained.matrix(found.conditions)
        losses = trained.losses(found.conditions)
    page = stages_html(
        found.probe,
        make_plan(found.probe, scheduler, constraints),
        make_stages(found.probe, constraints),
        verification,
        matrix,
        losses,
    )
    path = found.conditions.out / PAGE
    write_page(path, page)
    print(f"results: {safe_name(str(found.conditions.out / VERIFICATION))}")
    print(f"report:  {safe_name(str(path))}")


def refuse_few(names: Sequence[str]) -> None:
    """Refuse to verify the order of two tasks, of which there is only one other.

    Args:
        names: The names of the tasks.

    Raises:
        HoldfastError: There are too few.
    """
    if len(names) < FEWEST_TASKS:
        raise HoldfastError(
            f"{len(names)} tasks have {len(names)} orders, which are too few to verify a plan; "
            f"give at least {FEWEST_TASKS} tasks, or use holdfast stage train alone"
        )


def read_source(source: Path, device: str) -> "Probed":
    """Read a probe, and check that its files are still the same.

    Args:
        source: Its folder.
        device: Where to train.

    Raises:
        HoldfastError: There is no such probe, or files have changed.
    """
    from holdfast.staging.preparing import refuse_changed
    from holdfast.staging.probing import read_probed

    check_device(device)
    found = read_probed(source, device)
    refuse_changed(found)
    return found


def _carry_out(wanted: "Sequence[Wanted]", conditions: "Conditions", running: Running) -> None:
    """Train what is not finished, and show progress."""
    from holdfast.cli.progress import follow
    from holdfast.staging.carry_out import carry_out, is_finished, jobs_of

    jobs = jobs_of(wanted, conditions)
    done = sum(is_finished(one, conditions) for one in wanted)

    def start(tell: "Tell") -> "Ended":
        return carry_out(jobs, workers(running.jobs), tell)

    try:
        follow(start, done + len(jobs), done)
    except (KeyboardInterrupt, Terminated) as stopped:
        how = "ended by SIGTERM" if isinstance(stopped, Terminated) else "interrupted"
        kept = sum(is_finished(one, conditions) for one in wanted)
        print(
            f"\nholdfast: {how}; {kept} of {len(wanted)} trainings are finished and kept in "
            f"{safe_name(str(conditions.out))}. {AGAIN}",
            file=sys.stderr,
        )
        raise
