"""`holdfast stage`: fine-tune a language model in stages, planned by measured transfer."""

from pathlib import Path

import typer

from holdfast.cli import order_options
from holdfast.cli import stage_options as options
from holdfast.cli.bundles import options_of, with_bundles
from holdfast.cli.examples import examples
from holdfast.cli.stage_options import Running, Setup
from holdfast.cli.stage_work import (
    compare,
    measure,
    read_source,
    refuse_few,
    show,
    stages_of,
    train_stages,
)
from holdfast.errors import one_of

DEFAULT_PLAN = "linear-ordering"
ARRANGEMENTS = ("order", "groups", "joint")

app = typer.Typer(
    no_args_is_help=True,
    help="Fine-tune a language model in stages, in a planned order.\n\n"
    "Use this if a language model is to learn several tasks. First measure with probe how tasks "
    "affect each other, then let plan order and group them, let train train the stages, and let "
    "verify show whether the plan is worth it. With run you do all of it.",
    epilog=examples(
        "holdfast stage probe --tasks tasks --model model --general general.txt --steps 20 "
        "--seeds 1",
        "holdfast stage plan --from stage",
        "holdfast stage train --from stage",
    ),
)


@app.command(
    epilog=examples(
        "holdfast stage probe --tasks tasks --model model --general general.txt --steps 20 "
        "--seeds 1",
        "holdfast stage probe --tasks tasks --model model --steps 20 --estimator base --method "
        '"EWC(1, samples=4)" --seeds 1 --out base',
    )
)
@with_bundles(setup=options_of(Setup), running=options_of(Running))
def probe(
    tasks: options.Tasks,
    model: options.Model,
    out: options.Out = Path("stage"),
    *,
    setup: Setup,
    running: Running,
) -> None:
    """Measure how tasks affect each other.

    Use this before you plan. Short trainings learn one task after another, for every pair of
    tasks and every seed, and are scored on validation examples. You see how much each task
    changes the score on each other one, and probe.json keeps it.
    """
    measure(tasks, model, out, setup, running)


@app.command(
    epilog=examples(
        "holdfast stage plan --from stage",
        "holdfast stage plan --from stage --constraint 'json before sums' --json",
    )
)
def plan(
    source: options.From,
    scheduler: options.Scheduler = DEFAULT_PLAN,
    constraint: order_options.Constraints = None,
    noise: order_options.Noise = None,
    json_: order_options.Json = False,
    seed: order_options.PlanSeed = 0,
) -> None:
    """Order and group the tasks of a probe.

    Use this after holdfast stage probe. You see the order, the change that it predicts for each
    task, and which tasks should be trained together. It needs no PyTorch.
    """
    from holdfast.cli.order_printing import print_plan, print_plan_as_json
    from holdfast.planning import make_plan, make_stages, read_probe

    measured = read_probe(source)
    rules = constraint or []
    planned = make_plan(measured, scheduler, rules, seed=seed, noise=noise)
    groups = make_stages(measured, rules)
    if json_:
        print_plan_as_json(planned, groups)
    else:
        print_plan(planned, groups)


@app.command(
    epilog=examples(
        "holdfast stage train --from stage",
        "holdfast stage train --from stage --arrange order --out trained",
    )
)
@with_bundles(running=options_of(Running))
def train(
    source: options.From,
    arrange: options.Arrange = "groups",
    scheduler: options.Scheduler = DEFAULT_PLAN,
    constraint: order_options.Constraints = None,
    steps: options.TrainSteps = None,
    seed: options.TrainSeed = None,
    out: options.TrainOut = None,
    *,
    running: Running,
) -> None:
    """Train the planned stages and save the model.

    Use this after holdfast stage plan. The stages are trained one after another, and all tasks
    are scored on test examples after each. You get the adapter or the model in a folder that
    peft or transformers load, and a result that holdfast report and holdfast gate read.
    """
    one_of("--arrange", arrange, ARRANGEMENTS)
    found = read_source(source, running.device)
    stages = stages_of(found, arrange, scheduler, constraint or [], steps, seed, out)
    train_stages(found, stages, running)


@app.command(
    epilog=examples("holdfast stage verify --from stage --orders 3 --seeds 1"),
)
@with_bundles(running=options_of(Running))
def verify(
    source: options.From,
    orders: options.Orders = 10,
    seeds: options.VerifySeeds = 3,
    scheduler: options.Scheduler = DEFAULT_PLAN,
    constraint: order_options.Constraints = None,
    steps: options.TrainSteps = None,
    *,
    running: Running,
) -> None:
    """Show whether planning was worth it.

    Use this before you rely on a plan. The planned order, its reverse, random orders, the groups
    and all tasks at once are trained in as many steps with new seeds, and scored on test
    examples. The first line says what to do.
    """
    found = read_source(source, running.device)
    verification = compare(found, orders, seeds, scheduler, constraint or [], steps, running)
    show(found, verification, scheduler, constraint or [])


@app.command(
    epilog=examples(
        "holdfast stage run --tasks tasks --model model --general general.txt --steps 20 "
        "--seeds 1 --orders 3 --verify-seeds 1",
    )
)
@with_bundles(setup=options_of(Setup), running=options_of(Running))
def run(
    tasks: options.Tasks,
    model: options.Model,
    arrange: options.Arrange = "groups",
    orders: options.Orders = 10,
    verify_seeds: options.VerifySeeds = 3,
    scheduler: options.Scheduler = DEFAULT_PLAN,
    constraint: order_options.Constraints = None,
    out: options.Out = Path("stage"),
    *,
    setup: Setup,
    running: Running,
) -> None:
    """Probe, plan, train, and show whether it was worth it.

    Use this to do all of it with one command. The page that it writes says in its first line
    what to do. If it is interrupted, the same command continues.
    """
    from holdfast.cli.order_printing import print_plan
    from holdfast.planning import make_plan, make_stages
    from holdfast.staging.task_files import read_tasks

    one_of("--arrange", arrange, ARRANGEMENTS)
    rules = constraint or []
    # Two tasks would only be refused after the probe, which may take hours.
    refuse_few(list(read_tasks(tasks, setup.held_out).texts))
    measure(tasks, model, out, setup, running)
    found = read_source(out, running.device)
    planned = make_plan(found.probe, scheduler, rules)
    print_plan(planned, make_stages(found.probe, rules))
    stages = stages_of(found, arrange, scheduler, rules, None, None, None)
    train_stages(found, stages, running)
    verification = compare(found, orders, verify_seeds, scheduler, rules, None, running)
    show(found, verification, scheduler, rules, stages)
