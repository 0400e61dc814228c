"""`holdfast check-method`: the laws, for a method of the user's own."""

from typing import Annotated

import typer

from holdfast.cli.lists import names_or_none

BROKEN = 1  # the exit code if a law is broken

Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC", help="Method with its arguments, such as mine:PullToStart(0.1)."
    ),
]
Scenarios = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Scenarios in which the laws are checked, by default all that the method declares.",
    ),
]


def check_method(spec: Spec, scenarios: Scenarios = None) -> None:
    """Check that a method of your own keeps the laws.

    Use this before you compare a method of your own with others. Every built-in method keeps these
    laws: the same seed gives the same result, a saved run resumes bit for bit, no test example
    leaks into training, and others. Each law is printed as it passes. The exit code is 1 if a law
    is broken.
    """
    from holdfast.checks import LawBroken, laws_kept

    checked = set()
    try:
        for passed in laws_kept(spec, names_or_none(scenarios)):
            print(passed, flush=True)
            checked.add(passed.scenario)
    except LawBroken as broken:
        print(broken)
        raise typer.Exit(BROKEN) from None
    print(f"{spec} keeps every law; scenarios: {', '.join(sorted(checked))}")
