"""The options of `holdfast gate`."""

from pathlib import Path
from typing import Annotated

import typer

PolicyToWrite = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE", help="With --init: the policy to write. Default: that of --policy."
    ),
]
# A champion and a candidate are text and no paths, because they may name a run of MLflow.
Champion = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Results of the model in production: CSV, Parquet, JSON lines, a matrix as JSON, "
        "or runs:/ID/PATH for a file that a run of MLflow has logged.",
    ),
]
Candidate = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Results of the retrained model, in any of the same formats."
    ),
]
Ledger = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Take the champion from a ledger, where it is the newest release of --model. "
        "For example sqlite:///ledger.db.",
    ),
]
# Only a ledger has several models, so Typer must not require this option.
Model = Annotated[
    str | None, typer.Option(metavar="NAME", help="With --ledger: name of the model there.")
]
Release = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="With --ledger: keep the verdict there, for a candidate of this name.",
    ),
]
TrainedOn = Annotated[
    str | None,
    typer.Option(
        metavar="A,B", help="With --ledger: names of the tasks that the candidate was trained on."
    ),
]
# A path may also be the name of a shipped policy, so Typer must not check that it exists.
Policy = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What may be lost: a TOML file (see --init), or the name of a shipped policy, "
        "standard or simple. Default: gate.toml if it exists, otherwise standard.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder for the files of the verdict: verdict.json, verdict.html, junit.xml, "
        "verdict.md and model-card.md. Files of an earlier verdict are replaced.",
    ),
]
# A pipeline that only reads verdict.json has no use for a page.
Html = Annotated[
    bool,
    typer.Option("--html/--no-html", help="With --out: whether to write the page verdict.html."),
]
# This is for trying a policy in a pipeline without stopping it.
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print the verdict, but write nothing and exit with 0 whatever it is.",
    ),
]
Plan = Annotated[
    bool,
    typer.Option(
        "--plan",
        help="Instead of a verdict, print how many examples each task and segment needs to "
        "pass if nothing is lost.",
    ),
]
# Below one half, a candidate that lost nothing would more often fail than pass. A power of 1
# would need infinitely many examples.
Power = Annotated[
    float,
    typer.Option(
        min=0.5,
        max=0.999,
        metavar="SHARE",
        help="With --plan: the chance of passing that the examples must give to a model that "
        "has lost nothing.",
    ),
]
Init = Annotated[
    bool,
    typer.Option(
        "--init",
        help="Instead of a verdict, write a policy in which comments explain every field.",
    ),
]
