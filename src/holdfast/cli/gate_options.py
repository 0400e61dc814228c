"""The options of `holdfast gate`, each declared once for all commands that have it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.lists import split_names
from holdfast.errors import HoldfastError
from holdfast.text import safe_name

# The sections of the help.
WITHOUT_COMMAND = "Without a command"
RESULTS = "Results"
JUDGING = "How it is judged"
VERDICT = "Where the verdict goes"

TWO_PATHS = "two paths, the champion's first"

PolicyToWrite = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE",
        rich_help_panel=WITHOUT_COMMAND,
        help="With --init: the policy to write. Default: that of --policy.",
    ),
]
PolicyFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="The policy to write, or the name of a shipped policy."),
]
Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RESULTS",
        help="Results of the model in production, and then those of the retrained model. With "
        "--ledger, only the latter.",
    ),
]
Runs = Annotated[
    list[str] | None,
    typer.Argument(metavar="RESULTS", help="Results of further runs of the same model."),
]
Repeat = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        help="Results of one run of the model. The arguments that follow are further runs.",
    ),
]
# A champion and a candidate are text and no paths, because they may name a run of MLflow.
Champion = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=RESULTS,
        help="Results of the model in production: CSV, Parquet, JSON lines, a matrix as JSON, "
        "or runs:/ID/PATH for a file that a run of MLflow has logged.",
    ),
]
Candidate = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=RESULTS,
        help="Results of the retrained model, in any of the same formats.",
    ),
]
Ledger = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        rich_help_panel=RESULTS,
        help="Take the champion from a ledger, where it is the newest release of --model. "
        "For example sqlite:///ledger.db.",
    ),
]
# Only a ledger has several models, so Typer must not require this option.
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=RESULTS,
        help="With --ledger: name of the model there.",
    ),
]
TrainedOn = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        rich_help_panel=RESULTS,
        help="With --ledger: names of the tasks that the candidate was trained on.",
    ),
]
Release = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=VERDICT,
        help="With --ledger: keep the verdict there, for a candidate of this name.",
    ),
]
# A path may also be the name of a shipped policy, so Typer must not check that it exists.
Policy = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=JUDGING,
        help="What may be lost: a TOML file (see --init), or the name of a shipped policy, "
        "standard or simple. Default: gate.toml if it exists, otherwise standard.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        rich_help_panel=VERDICT,
        help="Folder for the files of the verdict: verdict.json, verdict.html, junit.xml, "
        "verdict.md and model-card.md. Files of an earlier verdict are replaced.",
    ),
]
# A pipeline that only reads verdict.json has no use for a page.
Html = Annotated[
    bool,
    typer.Option(
        "--html/--no-html",
        rich_help_panel=VERDICT,
        help="With --out: whether to write the page verdict.html.",
    ),
]
# This is for trying a policy in a pipeline without stopping it.
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        rich_help_panel=VERDICT,
        help="Print the verdict, but write nothing and exit with 0 whatever it is.",
    ),
]
Plan = Annotated[
    bool,
    typer.Option(
        "--plan",
        rich_help_panel=WITHOUT_COMMAND,
        help="Instead of a verdict, print how many examples each task and segment needs to "
        "pass if nothing is lost.",
    ),
]
# Below one half, a candidate that lost nothing would more often fail than pass. A power of 1
# would need infinitely many examples.
LEAST_POWER = 0.5
MOST_POWER = 0.999
Power = Annotated[
    float,
    typer.Option(
        min=LEAST_POWER,
        max=MOST_POWER,
        metavar="SHARE",
        rich_help_panel=WITHOUT_COMMAND,
        help="With --plan: the chance of passing that the examples must give to a model that "
        "has lost nothing.",
    ),
]
PowerOfPlan = Annotated[
    float,
    typer.Option(
        "--power",
        min=LEAST_POWER,
        max=MOST_POWER,
        metavar="SHARE",
        rich_help_panel=JUDGING,
        help="The chance of passing that the examples must give to a model that has lost nothing.",
    ),
]
Init = Annotated[
    bool,
    typer.Option(
        "--init",
        rich_help_panel=WITHOUT_COMMAND,
        help="Instead of a verdict, write a policy in which comments explain every field.",
    ),
]


@dataclass(frozen=True)
class Sources:
    """Which two models are compared. Each field is an option.

    Args:
        champion: A file, a folder or an MLflow run with the results of the model in production.
        candidate: The same for the retrained model.
        ledger: The URL of a ledger, in place of the champion.
        model: The model's name in the ledger.
        trained_on: The names of the tasks that the candidate was trained on, as text.
    """

    champion: Champion = None
    candidate: Candidate = None
    ledger: Ledger = None
    model: Model = None
    trained_on: TrainedOn = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that the candidate was trained on."""
        return tuple(split_names(self.trained_on or ""))

    def with_paths(self, paths: list[str]) -> "Sources":
        """Take the arguments of a command as champion and candidate.

        Args:
            paths: What stands on the command line without the name of an option.

        Raises:
            HoldfastError: It is not clear which results are the champion's and the candidate's.
        """
        if not paths:
            return self
        if self.champion is not None or self.candidate is not None:
            raise HoldfastError(
                f"unexpected argument {safe_name(paths[0])!r}; name the results either with "
                f"--champion and --candidate, or as {TWO_PATHS}"
            )
        if self.ledger is not None:
            if len(paths) > 1:
                raise HoldfastError(
                    f"with --ledger, the champion is from the ledger, so {safe_name(paths[1])!r} "
                    "is one argument too many; name the candidate's results alone"
                )
            return replace(self, candidate=paths[0])
        if len(paths) != len(("champion", "candidate")):
            named = f"{len(paths)} results are named"
            if len(paths) == 1:
                named = f"only {safe_name(paths[0])!r} is named"
            raise HoldfastError(
                f"two models are compared, but {named}; give {TWO_PATHS}, or --ledger and --model "
                "with the candidate's results"
            )
        return replace(self, champion=paths[0], candidate=paths[1])


@dataclass(frozen=True)
class Keeping:
    """Where the verdict goes. Each field is an option.

    Args:
        release: The candidate's name in the ledger, which then keeps the verdict.
        out: The folder for the files of the verdict.
        html: Whether a page is among them.
        dry_run: Whether the verdict is printed only.
    """

    release: Release = None
    out: Out = None
    html: Html = True
    dry_run: DryRun = False
