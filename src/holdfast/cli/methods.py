"""`holdfast methods`: what there is, and what each method needs."""

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.command_line import note
from holdfast.cli.printing import make_console, print_table
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.methods.method import Declaration, Method

HEADINGS = (
    "method",
    "family",
    "scenarios",
    "needs",
    "growth: memory, parameters, time",
    "paper",
    "what it does",
)
LABEL = 12  # characters of the labels of one method's facts


def methods(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Show this method alone, such as ER, or a class of your own such as "
            "mine:PullToStart. By default all methods are listed.",
        ),
    ] = None,
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
    from holdfast.methods.table import markdown_table

    if markdown:
        if name is not None:
            raise HoldfastError("--markdown prints the table of all methods; leave the name out")
        print(markdown_table(), end="")
    elif name is not None:
        _show(name)
    else:
        _list_all()


def _list_all() -> None:
    """Print the table of all methods, the sums with names, and where methods are weak."""
    from holdfast.methods import METHODS, PRESETS

    every = METHODS | _of_packages()
    # Methods of a family stand together.
    rows = [_row(name, method.declaration) for name, method in every.items()]
    rows.sort(key=lambda row: (row[1], row[0]))
    print_table(HEADINGS, rows, "methods", left=range(len(HEADINGS)))
    console = make_console()
    console.print("Names of sums of methods:")
    for name, preset in PRESETS.items():
        meaning = " ".join((preset.__doc__ or "").split())
        console.print(f"  {name} = {preset()!r}: {meaning}")
    console.print("* The method runs in this scenario, but expect little from it:")
    for name, method in every.items():
        for scenario, reason in method.declaration.weak:
            console.print(f"  {name}, {scenario} scenario: {reason}")


def _of_packages() -> dict[str, "type[Method]"]:
    """Find the methods that other packages register, and name those that cannot be used."""
    from holdfast.methods import METHODS, PRESETS
    from holdfast.methods.own import registered_class
    from holdfast.methods.registered import refuse_clash, registered

    found = {}
    for name in registered():
        try:
            refuse_clash(name, built_in=name in METHODS or name in PRESETS)
            found[name] = registered_class(name)
        except HoldfastError as error:
            # The other methods are of use all the same.
            note([str(error)])
    return found


def _row(name: str, declared: "Declaration") -> list[str]:
    """Make the row of a method."""
    return [
        name,
        declared.family,
        _scenarios(declared),
        _needs(declared),
        f"{declared.memory}, {declared.parameters}, {declared.time}",
        declared.paper,
        declared.summary,
    ]


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


def _show(name: str) -> None:
    """Print what one method declares."""
    from holdfast.methods import PRESETS, Method, named_class

    # The user may as well give a spec with its arguments.
    name = name.partition("(")[0].strip()
    found = named_class(name)
    console = make_console()
    if not isinstance(found, type) or not issubclass(found, Method):
        meaning = " ".join((PRESETS[name].__doc__ or "").split())
        console.print(f"{name} = {found()!r}: {meaning}")
        return
    console.print(_with_arguments(name, found))
    for label, text in _facts(found.declaration):
        _print_fact(console, label, text)


def _with_arguments(name: str, method: "type[Method]") -> str:
    """Write the name of a method with its arguments and their defaults."""
    shown = []
    for argument, parameter in method.signature().items():
        text = argument
        if parameter.default is not inspect.Parameter.empty:
            text = f"{argument}={parameter.default!r}"
        shown.append(text)
    return f"{name}({', '.join(shown)})"


def _facts(declared: "Declaration") -> Iterator[tuple[str, str]]:
    """List what a method declares, each with a label."""
    yield "what it does", declared.summary
    yield "family", declared.family
    yield "paper", declared.paper
    yield "keeps", declared.keeps
    yield "scenarios", ", ".join(declared.scenarios)
    for scenario, reason in declared.weak:
        yield "", f"weak in the {scenario} scenario: {reason}"
    for scenario, reason in declared.refused:
        yield "", f"not in the {scenario} scenario: {reason}"
    yield "needs", _needs(declared)
    growth = f"memory {declared.memory}, parameters {declared.parameters}, time {declared.time}"
    yield "growth", growth


def _print_fact(console: "Console", label: str, text: str) -> None:
    """Print a fact beside its label. Its further lines begin where the first one does."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=LABEL)
    grid.add_column()
    grid.add_row(Text(label), Text(text))
    console.print(grid)
