"""`holdfast data show`: which tasks, classes and columns data have, before a run uses them."""

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.bundles import with_bundles
from holdfast.cli.examples import examples
from holdfast.cli.printing import print_table
from holdfast.cli.settings import DATA_OF_A_RUN, data_settings
from holdfast.cli.work import DataDir
from holdfast.errors import HoldfastError
from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.runs.column_facts import ColumnFacts
    from holdfast.runs.data_overview import Overview, TaskRows

WIDTH = 80  # characters of a line
LONGEST_NAME = 24  # characters of a name in a table
# What outputs are called, one and several of them, by the objective.
WORDS = {
    "classification": ("class", "classes"),
    "multilabel": ("label", "labels"),
    "regression": ("target", "targets"),
    "custom": ("target", "targets"),
}
MOST_CLASSES = 30  # rows of the table of classes
MOST_IMAGES = 20  # unreadable images that are listed
app = typer.Typer(
    no_args_is_help=True,
    help="Look at data before a run uses them.\n\n"
    "Use this to check that Holdfast understands your own folder or table as you mean it.",
    epilog=examples("holdfast data show digits"),
)
Name = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Folder of images, table file, folder of tables, digits, or a name of the hub.",
    ),
]
Scenario = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Scenario to look at: task, domain or class. Default: the first that the data fit.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON, for programs.")]


@app.callback()
def _group() -> None:
    """Keep `show` a command of its own; Typer would otherwise make it the whole program."""


@app.command(
    epilog=examples(
        "holdfast data show digits",
        "holdfast data show digits --tasks 2 --validation 0.1 --scenario task",
    )
)
@with_bundles(settings=DATA_OF_A_RUN)
def show(
    name: Name,
    scenario: Scenario = None,
    json_: Json = False,
    *,
    settings: dict[str, object],
    data_dir: DataDir = None,
) -> None:
    """Show tasks, classes, columns and faults of data.

    Use this before the first run on your own data. You see the tasks, the rows of each class, what
    each column is used for, and warnings about what will hurt. The options are those of
    holdfast run.
    """
    from holdfast.results.run_settings import SCENARIOS
    from holdfast.runs.config import RunConfig
    from holdfast.runs.data_overview import overview
    from holdfast.runs.options import refuse_idle
    from holdfast.validation import validated

    if scenario is not None and scenario not in SCENARIOS:
        raise HoldfastError(
            f"unknown scenario {scenario!r}; expected one of {', '.join(SCENARIOS)}"
        )
    config = validated(RunConfig, data=data_settings(settings) | {"name": name})
    refuse_idle([config])
    found = overview(config, scenario, data_dir)
    if json_:
        print(json.dumps(found.to_json(), indent=1))
    else:
        _print(found)
    if found.scenario is None:
        raise HoldfastError(next(iter(found.refused.values())))


def _print(found: "Overview") -> None:
    """Print an overview, at most 80 characters wide."""
    for line in _headline(found):
        _wrapped(line)
    names = list(dict.fromkeys(column.data for column in found.columns))
    for name in names:
        # The data of a sequence or a mixture may be several tables.
        if len(names) > 1:
            print(f"columns of {shown(name)}:")
        _print_columns([column for column in found.columns if column.data == name])
    if found.tasks:
        words = WORDS[found.objective]
        _print_tasks(found.tasks, words)
        _print_classes(found.tasks, words)
    for line in found.unreadable[:MOST_IMAGES]:
        _wrapped(f"unreadable: {line}")
    if len(found.unreadable) > MOST_IMAGES:
        print(f"and {len(found.unreadable) - MOST_IMAGES} more, which --json lists")
    for line in found.warnings:
        _wrapped(f"warning: {line}")
    if not found.warnings and found.scenario is not None:
        print("Nothing looks wrong.")


def _print_columns(columns: "Sequence[ColumnFacts]") -> None:
    """Print what each column of a table is used for."""
    rows = []
    for column in columns:
        counts = [str(column.missing or ""), str(column.distinct)]
        rows.append([_short(column.name), column.role, *counts, _short(column.reason)])
    print_table(["column", "role", "missing", "distinct", "why"], rows, left=(0, 1, 4))


def _headline(found: "Overview") -> list[str]:
    """Say what the data are, and which scenarios they fit."""
    name = shown(found.data)
    lines = [f"{name}: no scenario fits"]
    if found.scenario is not None:
        labels = {one.label for task in found.tasks for one in task.classes}
        one, several = WORDS[found.objective]
        classes = f"{len(labels)} {one if len(labels) == 1 else several}"
        shape = _size(found.shape)
        if found.inputs:
            shape = ", ".join(f"{name} {_size(size)}" for name, size in found.inputs.items())
        tasks = "1 task" if len(found.tasks) == 1 else f"{len(found.tasks)} tasks"
        lines = [
            f"{name} ({found.stream}): {tasks}, {classes}, inputs {shape}, "
            f"in the {found.scenario} scenario"
        ]
    # A mistake in the data is the same in every scenario.
    if found.scenario is None and len(set(found.refused.values())) == 1:
        return lines
    for scenario, reason in found.refused.items():
        lines.append(f"The {scenario} scenario does not fit: {shown(reason)}.")
    return lines


def _size(shape: "Sequence[int]") -> str:
    """Write the shape of an input."""
    return "×".join(map(str, shape))


def _print_tasks(tasks: "Sequence[TaskRows]", words: tuple[str, str]) -> None:
    """Print the rows of each task."""
    rows = []
    for task in tasks:
        sizes = sorted(one.training for one in task.classes)
        rows.append(
            [
                _short(task.name),
                str(len(task.classes)),
                str(task.rows("training")),
                str(task.rows("validation")),
                str(task.rows("test")),
                f"{sizes[0]}–{sizes[-1]}",
            ]
        )
    one, several = words
    headings = ["task", several, "training", "validation", "test", f"rows per {one}"]
    print_table(headings, rows)


def _print_classes(tasks: "Sequence[TaskRows]", words: tuple[str, str]) -> None:
    """Print the rows of each class."""
    rows = []
    for task in tasks:
        for one in task.classes:
            counts = [str(one.training), str(one.validation), str(one.test)]
            rows.append([_short(task.name), _short(str(one.label)), *counts])
    one_word, several = words
    headings = ["task", one_word, "training", "validation", "test"]
    print_table(headings, rows[:MOST_CLASSES], left=(0, 1))
    if len(rows) > MOST_CLASSES:
        print(f"and {len(rows) - MOST_CLASSES} more {several}, which --json lists")


def _short(name: str) -> str:
    """A name that leaves room for the other columns."""
    name = shown(name)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 1]}…"


def _wrapped(line: str) -> None:
    """Print a sentence over several lines."""
    print(textwrap.fill(line, WIDTH, subsequent_indent="  "))
