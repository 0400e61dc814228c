"""`holdfast new-method`: a method to start from, with its test."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

NewName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of the class, such as PullToStart. The file is then pull_to_start.py.",
    ),
]
Family = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What the method begins as. One of regularisation, distillation, replay, "
        "optimisation.",
    ),
]
Folder = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Folder to write both files to.")
]


def new_method(name: NewName, family: Family = "regularisation", out: Folder = Path()) -> None:
    """Write a small method and its test to start from.

    Use this to write a method of your own. You get a file with a method that works, which explains
    the hooks of its family, and a file of tests that checks the laws. Nothing is overwritten. The
    commands to continue with are printed.
    """
    from holdfast.methods.scaffold import write_method

    made = write_method(name, family, out)
    print(f"Wrote {made.file} and {made.test}. Next, change the method, and try it:")
    commands = [
        f'holdfast check-method "{made.spec}"',
        f"python -m pytest {made.test.name}",
        f'holdfast run --method "{made.spec}" --scenario {made.scenario} '
        f"--out runs/{made.file.stem}",
    ]
    # A module is found in the current folder.
    if out != Path():
        commands.insert(0, f"cd {shlex.quote(str(out))}")
    for command in commands:
        print(f"    {command}")
