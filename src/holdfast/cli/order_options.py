"""The options of `holdfast order`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.work import DataDir, Device, Every, Jobs, Work

# Planning needs numbers alone, so a table from elsewhere will do. Verifying trains, so it needs
# the settings that only a probe's folder has.
From = Annotated[
    Path,
    typer.Option(
        "--from",
        metavar="PATH",
        help="Folder of holdfast order probe, or a CSV file: its first column names the task that "
        "is learnt, and each further column has the change on one task.",
    ),
]
ProbeFolder = Annotated[
    Path, typer.Option("--from", metavar="FOLDER", help="Folder of holdfast order probe.")
]
# Both planning and verifying take constraints, so that random orders keep them too.
Constraints = Annotated[
    list[str] | None,
    typer.Option(
        "--constraint",
        metavar="TEXT",
        help="A rule that the order must keep: 'A before B', 'A first' or 'A last'. Give the "
        "option again for each further rule.",
    ),
]
Suite = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Name of a shipped suite, or path of a TOML file. Its tasks must be the same for "
        "every seed.",
    ),
]
ProbeOut = Annotated[
    Path,
    typer.Option(
        metavar="FOLDER",
        help="Folder for the runs and probe.json. Runs that are finished in it are skipped.",
    ),
]
Scenario = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Scenario: task, domain or class. Default: the suite's first."
    ),
]
Method = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help='A method of the suite, or any other such as "ER(500)". Default: the suite\'s first.',
    ),
]
Estimator = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="How transfer is measured: pairwise trains one run per pair of tasks; base trains one "
        "run per task, which suits models that have learnt something before.",
    ),
]
Signals = Annotated[
    bool,
    typer.Option(
        "--signals",
        help="Also measure cheap signals, such as the similarity of gradients, that some "
        "schedulers need. Only in the domain scenario.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Epochs per task. Default: those of the suite."),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Steps per task, in place of epochs. Default: those of the suite."
    ),
]
Fraction = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Share of the training examples of each class to use, above 0 and at most 1.",
    ),
]
ProbeSeeds = Annotated[
    str, typer.Option(metavar="LIST", help="Seeds, each of which makes runs: 3, or 1,2,3, or 1-5.")
]


@dataclass(frozen=True)
class Measuring:
    """How `holdfast order probe` measures transfer. Each field is an option.

    Args:
        scenario: The scenario. None: the suite's first.
        method: The method. None: the suite's first.
        estimator: How transfer is measured.
        signals: Whether the cheap signals are measured too.
        epochs: Epochs per task. None: those of the suite.
        steps: Steps per task. None: those of the suite.
        fraction: The share of the training examples that is used.
        seeds: The seeds as text.
    """

    scenario: Scenario = None
    method: Method = None
    estimator: Estimator = "pairwise"
    signals: Signals = False
    # Without these two, the runs are as long as those of the suite.
    epochs: Epochs = None
    steps: Steps = None
    fraction: Fraction = 1.0
    # Two seeds are the fewest for an interval, and a third shows whether it can be trusted.
    seeds: ProbeSeeds = "1-3"

    @property
    def measures_signals(self) -> bool:
        """Whether signals are measured. The base estimator is one of them."""
        return self.signals or self.estimator == "base"

    @property
    def changed(self) -> set[str]:
        """The settings of the suite that the options change."""
        changed = set()
        if self.epochs is not None:
            changed.add("training.epochs")
        if self.steps is not None:
            changed.add("training.steps")
        return changed


@dataclass(frozen=True)
class Running:
    """How runs are carried out. Each field is an option.

    Args:
        jobs: The number of worker processes. 0: one per core.
        device: The device to train on.
        data_dir: The folder of data sets. None: that of the environment.
        checkpoint_every: The time between checkpoints, in seconds.
    """

    # A probe or a verification has hundreds of short runs, so all cores are worth using.
    jobs: Jobs = 0
    device: Device = "cpu"
    data_dir: DataDir = None
    checkpoint_every: Every = 30.0

    def work(self, out: Path) -> Work:
        """Say the same for runs in a folder."""
        return Work(
            out=out,
            jobs=self.jobs,
            device=self.device,
            data_dir=self.data_dir,
            checkpoint_every=self.checkpoint_every,
        )


Forward = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="If --from is a CSV file: a second one with forward transfer, which has in row k and "
        "column i what k, learnt before, gives to i.",
    ),
]
Scheduler = Annotated[
    str, typer.Option(metavar="NAME", help="Rule that makes the order; --list shows all of them.")
]
# Without any noise, resampling would give the same order each time and look perfectly stable.
Noise = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Standard error of an entry, in the unit of the scores. Only if the probe has one "
        "seed; with several seeds it is measured.",
    ),
]
Stages = Annotated[
    bool,
    typer.Option("--stages", help="Also group tasks that help each other, and order these groups."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the plan as JSON, for other programs.")]
Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write a page about the plan.")
]
PlanSeed = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Seed of the resampling, of local search and of the random scheduler.",
    ),
]
ListSchedulers = Annotated[
    bool,
    typer.Option("--list", help="Instead of a plan, list the schedulers that this probe allows."),
]
# With fewer than three random orders, a rank correlation means nothing.
Orders = Annotated[
    int,
    typer.Option(
        min=3,
        metavar="N",
        help="Number of random orders to train. With fewer than 40, little can be shown.",
    ),
]
# Seeds of the probe are not used again, because the plan was fitted to them.
VerifySeeds = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Number of new seeds that each order is trained with."),
]
# The first one is the plan, because the best of many looks better than it is.
Schedulers = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Schedulers whose orders are trained, that of the plan first. Default: all that the "
        "probe allows.",
    ),
]
TransferTo = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Train the orders with other settings than the probe: full for those of its suite "
        "without shortening, or the name or file of another suite.",
    ),
]
VerifyOut = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder for the runs and results. Runs that are finished in it are skipped. Default: "
        "the folder of the probe.",
    ),
]
