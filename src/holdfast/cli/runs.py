"""`holdfast run` and `holdfast bench`: make runs from options, carry them out, show the results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.bundles import options_of, with_bundles
from holdfast.cli.command_line import note, on_line
from holdfast.cli.lists import names_or_none, parse_seeds
from holdfast.cli.settings import DATA_OF_A_SUITE, SETTINGS_OF_A_RUN, data_settings
from holdfast.cli.suite_files import (
    ListSuites,
    NewSuite,
    PrintSchema,
    ShowSuite,
    begin_suite,
    list_suites,
    print_schema,
    refuse_beside,
    show_suite,
)
from holdfast.cli.work import Work, carry_out_and_show
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.bench.suites import Suite
    from holdfast.runs.config import RunConfig

OF_DATA = tuple(option.name for option in DATA_OF_A_SUITE.parameters)
SEEDS = typer.Option(help="Seeds, each of which makes a run: 3, or 1,2,3, or 1-5.")
FOLDER = "Folder for results. Runs that are finished in it are skipped."
Sweep = Annotated[
    list[str] | None,
    typer.Option(
        help="Try several values of a hyperparameter, such as strength=1,10,100. Give the option "
        "again to sweep a second one; every combination is run."
    ),
]
SuiteName = Annotated[
    str, typer.Argument(help="Name of a shipped suite (see --list), or path of a TOML file.")
]
Methods = Annotated[
    str | None, typer.Option(help="Run only these methods, by label, such as FineTune,AGEM.")
]
Scenarios = Annotated[
    str | None, typer.Option(help="Run only these scenarios, such as task,class.")
]
Validation = Annotated[
    float | None,
    typer.Option(
        help="Share of the training examples to set aside for validation, which a --sweep needs "
        "to select a value. By default it is that of the suite."
    ),
]
SuiteFolder = Annotated[Path | None, typer.Option(help=f"{FOLDER} [default: runs/SUITE]")]


@with_bundles(settings=SETTINGS_OF_A_RUN, work=options_of(Work, without="out"))
def run(
    context: typer.Context,
    settings: dict[str, object],
    sweep: Sweep = None,
    seeds: Annotated[str, SEEDS] = "0",
    *,
    work: Work,
    out: Annotated[Path, typer.Option(help=FOLDER)] = Path("runs/run"),
) -> None:
    """Train a method on tasks, one after another.

    Use this to see how much a method forgets. You get the accuracy on every task after each task,
    backward transfer (negative if old tasks were forgotten), and report.html in the folder of
    --out. Give the same command again to continue runs that were interrupted.
    """
    # Imported here, so that --help answers at once.
    from holdfast.bench.sweep import distinct_runs, parse_sweep, swept
    from holdfast.runs.config import RunConfig
    from holdfast.runs.defaults import filled_in, with_defaults
    from holdfast.validation import validated

    sweeps = [parse_sweep(text) for text in sweep or ()]
    given = [validated(RunConfig, **settings, seed=seed) for seed in parse_seeds(seeds)]
    configs = [with_defaults(config, [name for name, _ in sweeps]) for config in given]
    note(line for line in [filled_in(given[0], configs[0])] if line)
    runs = distinct_runs([pair for config in configs for pair in swept(config, sweeps)])
    check_settings(context, [config for _, config in runs], bool(sweeps))
    method = settings.get("method", RunConfig.model_fields["method"].default)
    title = f"{method}, {configs[0].scenario} scenario"
    carry_out_and_show(runs, replace(work, out=out), title, "", matrix=True)


@with_bundles(settings=DATA_OF_A_SUITE, work=options_of(Work, without="out", jobs=0))
def bench(
    context: typer.Context,
    suite: SuiteName = "",
    methods: Methods = None,
    scenarios: Scenarios = None,
    seeds: Annotated[str | None, SEEDS] = None,
    sweep: Sweep = None,
    validation: Validation = None,
    *,
    settings: dict[str, object],
    work: Work,
    out: SuiteFolder = None,
    list_: ListSuites = False,
    new: NewSuite = None,
    show: ShowSuite = False,
    schema: PrintSchema = False,
) -> None:
    """Compare methods over scenarios and seeds.

    Use this to choose a method, or to check a change of your own. A suite names data, methods,
    scenarios and seeds in a TOML file, and several come with Holdfast. `--new` writes one to start
    from. You get a table per scenario and an HTML report. Give the same command again to continue
    runs that were interrupted.
    """
    if new is not None:
        refuse_beside(context, "--new")
        begin_suite(new)
        return
    if schema:
        refuse_beside(context, "--schema")
        print_schema()
        return
    # Who types the bare command sees which suites there are.
    if list_ or not suite:
        list_suites(context)
        return
    data = data_settings(settings)
    chosen = choose_from_suite(suite, methods, scenarios, seeds, validation, data)
    if show:
        taken = ("suite", "methods", "scenarios", "seeds", "validation", *OF_DATA)
        refuse_beside(context, "--show", taken)
        show_suite(chosen)
        return
    runs = runs_of_suite(context, chosen, sweep or ())
    # Each suite has a folder of its own, so that results do not mix.
    work = replace(work, out=out or work.out / chosen.name)
    carry_out_and_show(runs, work, chosen.name, chosen.description)


def choose_from_suite(
    name: str,
    methods: str | None,
    scenarios: str | None,
    seeds: str | None,
    validation: float | None,
    data: Mapping[str, object],
) -> "Suite":
    """Load a suite and change what the options of `holdfast bench` change.

    Args:
        name: The name of a shipped suite, or the path of a TOML file.
        methods: The labels of the methods to keep. None: all.
        scenarios: The scenarios to keep. None: all.
        seeds: The seeds. None: those of the suite.
        validation: The share of the training examples to set aside. None: that of the suite.
        data: Settings of other data. Empty: those of the suite.

    Raises:
        HoldfastError: There is no such suite, it has settings without effect, or an option names
            what the suite does not have.
    """
    from holdfast.bench.own_data import with_data
    from holdfast.bench.suites import in_suite, load_suite
    from holdfast.runs.config import DataConfig
    from holdfast.runs.options import refuse_idle
    from holdfast.validation import validated

    suite = with_data(load_suite(name), data)
    # The suite is judged as its author wrote it: a method that is left out may use a setting.
    with in_suite(name):
        refuse_idle([config for _, config in suite.runs()])
    if seeds is not None:
        suite = suite.model_copy(update={"seeds": parse_seeds(seeds)})
    suite = suite.only_these(names_or_none(methods), names_or_none(scenarios))
    if validation is not None:
        # Validated as a whole, since a new share may contradict another setting.
        settings = suite.data.model_dump(exclude_unset=True) | {"validation": validation}
        suite = suite.model_copy(update={"data": validated(DataConfig, **settings)})
    return suite


def runs_of_suite(
    context: typer.Context, suite: "Suite", sweep: Sequence[str]
) -> list[tuple[str, "RunConfig"]]:
    """Make the runs of a suite over the values of sweeps, and refuse what has no effect in any."""
    from holdfast.bench.sweep import parse_sweep, sweep_suite, swept_names
    from holdfast.runs.options import refuse_idle

    sweeps = [parse_sweep(text) for text in sweep]
    runs = sweep_suite(suite, sweeps)
    configs = [config for _, config in runs]
    # The settings of the suite itself are judged already.
    refuse_idle(configs, swept_names(runs, sweeps))
    note_idle_options(context, configs, bool(sweeps))
    return runs


def check_settings(context: typer.Context, configs: Sequence["RunConfig"], sweeps: bool) -> None:
    """Refuse settings that no run can use, and name options of the command without effect."""
    from holdfast.runs.options import refuse_idle

    refuse_idle(configs)
    note_idle_options(context, configs, sweeps)


def note_idle_options(context: typer.Context, configs: Sequence["RunConfig"], sweeps: bool) -> None:
    """Refuse or name the options of the command itself that its runs cannot use.

    Args:
        context: The context of the command.
        configs: The settings of its runs.
        sweeps: Whether some setting is swept.

    Raises:
        HoldfastError: The learners are to be kept, but no run can keep one.
    """
    from holdfast.runs.options import notes

    announced = any(config.training.boundaries == "known" for config in configs)
    if on_line(context, "keep_checkpoints") and not announced:
        raise HoldfastError(
            "--keep-checkpoints keeps the learner at task boundaries, and with "
            f"boundaries={configs[0].training.boundaries!r} none is announced; leave it out"
        )
    lines = notes(configs)
    if on_line(context, "checkpoint_every") and not announced:
        lines.append("--checkpoint-every has no effect with unannounced boundaries")
    validation = any(config.data.validation for config in configs)
    if on_line(context, "tolerance") and not (sweeps and validation):
        lines.append(
            "--tolerance has no effect: it is for selections from a --sweep with --validation"
        )
    if on_line(context, "validation") and validation and not sweeps:
        lines.append(
            "--validation sets examples aside, but nothing is selected without --sweep; "
            "the result files have the scores on them, the table below has test scores only"
        )
    if on_line(context, "data_dir") and all(c.data.sets == {"digits"} for c in configs):
        lines.append("--data-dir has no effect: digits comes with the package")
    note(lines)
