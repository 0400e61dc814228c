"""The options of `holdfast gate`, each declared once for all commands that have it."""

from pathlib import Path
from typing import Annotated

import typer

# The sections of the help.
WITHOUT_COMMAND = "Without a command"
RESULTS = "Results"
JUDGING = "How it is judged"
VERDICT = "Where the verdict goes"

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
AllowSame = Annotated[
    bool,
    typer.Option(
        "--allow-same",
        rich_help_panel=JUDGING,
        help="Also judge a candidate whose results are those of the champion, for example to try "
        "a pipeline.",
    ),
]
RepairIds = Annotated[
    bool,
    typer.Option(
        "--repair-ids",
        rich_help_panel=JUDGING,
        help="Match ids and names of tasks that differ only by case, white space or Unicode form. "
        "The verdict says how many were repaired.",
    ),
]
# This is text and no list of numbers, because it may also be a word.
Looks = Annotated[
    str | None,
    typer.Option(
        metavar="SHARES",
        rich_help_panel=JUDGING,
        help="Judge before all examples of the candidate are evaluated: at planned shares of the "
        "test set such as 0.5,0.75,1.0, or after any number of examples (any).",
    ),
]
Comment = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=VERDICT,
        help="Write a comment for a pull request, of at most 60 lines in Markdown: the decision, "
        "the worst tasks, the examples that were lost, and what to do next.",
    ),
]
ShowInputs = Annotated[
    bool,
    typer.Option(
        "--show-inputs",
        rich_help_panel=VERDICT,
        help="With --comment: also show the texts of these examples, if the results carry them. "
        "They may be private.",
    ),
]
Promote = Annotated[
    str | None,
    typer.Option(
        metavar="URI",
        rich_help_panel=VERDICT,
        help="If the candidate passes, move this alias of MLflow's registry to its version. "
        "For example models:/fraud@champion.",
    ),
]
PromoteVersion = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="NUMBER",
        rich_help_panel=VERDICT,
        help="With --promote: the candidate's version, if its results do not tell.",
    ),
]
VerdictFile = Annotated[
    Path,
    typer.Argument(
        metavar="VERDICT", help="A verdict.json, or the folder that holdfast gate run wrote."
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
# On the command plan itself, the help of this option must not speak of --plan.
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
