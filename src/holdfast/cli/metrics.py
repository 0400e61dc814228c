"""`holdfast metrics`: transfer and forgetting for scores from anywhere."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.command_line import on_line
from holdfast.cli.printing import make_console, print_table, print_unlearnt
from holdfast.errors import HoldfastError
from holdfast.text import safe_name, shown

if TYPE_CHECKING:
    from holdfast.metrics import AccuracyMatrix

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A CSV file with a row per score and the columns task, after and score (and if you "
        "have them, examples and segment), or a matrix as JSON.",
    ),
]
Chance = Annotated[
    float | None,
    typer.Option(
        metavar="SCORE",
        help="Score of guessing, such as 0.1 for ten classes. It is needed for forward transfer "
        "and to see which tasks were learnt at all.",
    ),
]
ScoreRange = Annotated[
    str,
    typer.Option(
        metavar="LOW,HIGH", help="Lowest and highest possible score in a CSV file, such as 0,100."
    ),
]


def metrics(
    context: typer.Context,
    file: File,
    chance: Chance = None,
    score_range: ScoreRange = "0,1",
) -> None:
    """Measure forgetting in scores from anywhere.

    Use this for a model that you train with other software. Give the score on each task after
    each task was learnt. You get the accuracy, backward and forward transfer, forgetting and
    more, and the transfer of each task with its interval. It needs no PyTorch.
    """
    from holdfast.metrics import AccuracyMatrix

    # A matrix as JSON says itself what its scores range over, and a CSV file cannot.
    if file.suffix == ".json":
        if on_line(context, "score_range"):
            raise HoldfastError(
                "--score-range is for CSV files, but a matrix as JSON has its own score_range; "
                "leave the option out"
            )
        with _naming(file):
            matrix = AccuracyMatrix.from_json(file)
    else:
        scale = _range(score_range)
        with _naming(file):
            matrix = AccuracyMatrix.from_csv(file, score_range=scale)
    print_summary(matrix, chance)


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Put the name of a file in front of an error about its scores."""
    try:
        yield
    except HoldfastError as error:
        name = safe_name(str(file))
        # Errors of reading name the file already; those of the matrix do not know it.
        if name in str(error):
            raise
        raise HoldfastError(f"{name}: {error}") from None


def _range(text: str) -> tuple[float, float]:
    """Read the lowest and the highest score."""
    try:
        # Unpacking also checks that there are two of them.
        low, high = (float(value) for value in text.split(","))
    except ValueError:
        raise HoldfastError(
            f"--score-range {text[:100]!r} cannot be read; expected two numbers such as 0,100"
        ) from None
    return low, high


def print_summary(matrix: "AccuracyMatrix", chance: float | None) -> None:
    """Print every number of a matrix, then transfer by task and segment.

    Args:
        matrix: The scores.
        chance: The score of guessing, for all tasks. None: what the matrix says of it.
    """
    from holdfast.metrics import expected_worst_forgetting, summary

    _print_learnt(matrix, chance)
    rows = [[name, _number(value)] for name, value in summary(matrix, chance).items()]
    expected = expected_worst_forgetting(matrix)
    if not math.isnan(expected):
        # The worst of several measured values is bad by chance alone.
        rows.append(["worst forgetting expected if nothing had changed", _number(expected)])
    print_table(["metric", "value"], rows, "summary")
    _print_transfers(matrix)


def _print_learnt(matrix: "AccuracyMatrix", chance: float | None) -> None:
    """Warn of tasks that were not learnt, or say how to see whether there are any."""
    from holdfast.metrics import unlearnt, unlearnt_sentence

    # This comes first, because the transfer of a task that was never learnt means nothing.
    tasks = unlearnt(matrix, chance)
    if tasks:
        print_unlearnt([unlearnt_sentence(tasks, len(matrix.tasks))])
    elif chance is None and not matrix.chance:
        make_console().print(
            "note: give the score of guessing with --chance to see whether every task was learnt",
            soft_wrap=True,
        )


def _print_transfers(matrix: "AccuracyMatrix") -> None:
    """Print transfer by task, with its interval or the reason why there is none, and by segment."""
    from holdfast.metrics import segment_transfer, task_transfer, transfer_interval
    from holdfast.reports.cells import typeset

    rows = []
    # Most tasks lack an interval for the same reason, which is then printed once.
    tasks_of: dict[str, list[str]] = {}
    for task in task_transfer(matrix):
        transfer = transfer_interval(matrix, task)
        rows.append([str(task), "", typeset(transfer, ".4f")])
        if transfer.reason:
            tasks_of.setdefault(transfer.reason, []).append(str(task))
    for (task, segment), change in segment_transfer(matrix).items():
        rows.append([str(task), segment, _number(change).replace("-", "−")])
    print_table(
        ["task", "segment", "transfer"],
        rows,
        "transfer by task: last score − score when learnt (95 % interval over examples)",
        left=(0, 1),
    )
    for reason, tasks in tasks_of.items():
        names = shown(", ".join(tasks))
        make_console().print(f"no interval for {names}: {reason}", soft_wrap=True)


def _number(value: float) -> str:
    """Write a number with four decimals, or a dash if it is not known."""
    if math.isnan(value):
        return "–"
    return f"{value:.4f}"
