"""`holdfast methods`: what there is, and what each method needs."""

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.printing import make_console, print_table

if TYPE_CHECKING:
    from holdfast.methods.method import Declaration

HEADINGS = (
    "method",
    "family",
    "scenarios",
    "needs",
    "growth: memory, parameters, time",
    "paper",
    "what it does",
)


def methods(
    markdown: Annotated[
        bool,
        typer.Option("--markdown", help="Print the shorter table of the documentation instead."),
    ] = False,
) -> None:
    """List the methods, and what each of them needs.

    Use this to choose a method, and to see how to name it after --method. The table says in which
    scenarios a method runs, what it needs, how its cost grows with the number of tasks, and which
    paper it is from. For advice on your own problem, use holdfast advise.
    """
    from holdfast.methods import METHODS, PRESETS
    from holdfast.methods.table import markdown_table

    if markdown:
        print(markdown_table(), end="")
        return

    rows = []
    for name, method in METHODS.items():
        declared = method.declaration
        rows.append(
            [
                name,
                declared.family,
                _scenarios(declared),
                _needs(declared),
                f"{declared.memory}, {declared.parameters}, {declared.time}",
                declared.paper,
                declared.summary,
            ]
        )
    # Methods of a family stand together.
    rows.sort(key=lambda row: (row[1], row[0]))
    print_table(HEADINGS, rows, "methods", left=range(len(HEADINGS)))
    console = make_console()
    console.print("Names of sums of methods:")
    for name, preset in PRESETS.items():
        meaning = " ".join((preset.__doc__ or "").split())
        console.print(f"  {name} = {preset()!r}: {meaning}")
    console.print("* The method runs in this scenario, but expect little from it:")
    for name, method in METHODS.items():
        for scenario, reason in method.declaration.weak:
            console.print(f"  {name}, {scenario} scenario: {reason}")


def _scenarios(declared: "Declaration") -> str:
    """Name the scenarios in which a method runs, with a star at those in which it is weak."""
    weak = dict(declared.weak)
    names = []
    for scenario in declared.scenarios:
        star = "*" * (scenario in weak)
        names.append(f"{scenario}{star}")
    return ", ".join(names)


def _needs(declared: "Declaration") -> str:
    """Name what a method needs that not every problem has."""
    # Every method needs a network and data, so only what may be lacking is named.
    needs = {
        "task id": declared.task_id,
        "boundaries": declared.boundaries,
        "stored examples": declared.stores_examples,
        "restarts": declared.restarts,
        "a frozen backbone": not declared.trains,
    }
    return ", ".join(name for name, needed in needs.items() if needed) or "–"
