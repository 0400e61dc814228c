"""`holdfast learn` and `holdfast predict`: a learner in a file, from month to month."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.border import Terminated
from holdfast.cli.bundles import with_bundles
from holdfast.cli.command_line import note
from holdfast.cli.printing import print_in_parts, print_unlearnt
from holdfast.cli.settings import OF_A_MONTH
from holdfast.cli.work import Device, check_device
from holdfast.errors import one_of
from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.runs.later import Learnt

# As in `training.later.records`, which would import PyTorch for every --help.
KEEPS = ("copy", "reference", "no")
File = Annotated[
    Path,
    typer.Option(
        "--model", metavar="FILE", help="File of the learner. A new one is begun if none."
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data", metavar="PATH", help="Folder of images by class, table file, or folder of tables."
    ),
]
Name = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Name of the task. Default: that of the path.")
]
KeepTest = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        help="How the test examples are kept for the months to come: copy puts them into the file "
        "of the learner, reference remembers your files, no leaves later scores unknown.",
    ),
]
SkipLost = Annotated[
    bool,
    typer.Option(
        "--skip-lost-tests",
        help="Continue if files of --keep-test reference changed; those scores become unknown.",
    ),
]
Seed = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Seed of a new learner. [default: 0]")
]
Existing = Annotated[Path, typer.Option("--model", metavar="FILE", help="File of the learner.")]
Served = Annotated[
    str,
    typer.Option(
        "--data", metavar="PATH", help="Image, folder of images, or table. It needs no labels."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="CSV file to write instead of printing the answers."),
]
TaskName = Annotated[
    str | None,
    typer.Option("--task", metavar="NAME", help="Name of the task, in the task scenario only."),
]


@with_bundles(settings=OF_A_MONTH)
def learn(
    model: File,
    data: Data,
    name: Name = None,
    keep_test: KeepTest = "copy",
    skip_lost_tests: SkipLost = False,
    seed: Seed = None,
    *,
    settings: dict[str, object],
    device: Device = "cpu",
) -> None:
    """Learn next month's data with a learner in a file.

    Use this when data arrive month by month. The first month makes the file from the options, the
    later ones need no option but the file and the data: new labels get new outputs, old ones keep
    theirs. You get the accuracy on all months so far, and backward transfer. The file is replaced
    once the new one is whole.
    """
    from holdfast.runs.later import Month, learn_month, open_learner

    one_of("--keep-test", keep_test, KEEPS)
    check_device(device)
    month = Month(model, data, name, keep_test, skip_lost_tests, seed, device)
    try:
        learner, lines = open_learner(month, settings)
        note(lines)
        learnt = learn_month(learner, month, settings)
    # The file is replaced at the very end, so an interrupted month leaves the one before.
    except (KeyboardInterrupt, Terminated) as stopped:
        how = "ended by SIGTERM" if isinstance(stopped, Terminated) else "interrupted"
        state = f"{model} is as it was" if model.exists() else f"{model} was not written"
        print(f"\nholdfast: {how}; {state}. Give the same command again.", file=sys.stderr)
        raise
    _show(learnt)
    file = shlex.quote(str(model))
    print(f"\nSaved in {file}. Next:")
    print(f"  holdfast predict --model {file} --data PATH")
    print(f"  holdfast learn --model {file} --data NEXT_MONTH")


def _heading_of_scores(learnt: "Learnt") -> str:
    """Say what the scores are, and in which unit they are printed."""
    # Other scores, such as an error in the unit of the targets, are no shares.
    if learnt.matrix.score_range == (0.0, 1.0):
        return f"{learnt.score} in percent"
    return learnt.score


def _show(learnt: "Learnt") -> None:
    """Print the matrix and what follows from it."""
    from holdfast.metrics import unlearnt_sentence
    from holdfast.metrics.tables import cells_of

    headings, rows = cells_of(learnt.matrix)
    print(f"{_heading_of_scores(learnt)} on each task, after each task")
    print_in_parts(headings, rows, "")
    for what, labels in (("new labels", learnt.new_labels), ("known labels", learnt.returned)):
        if labels:
            print(f"{what}: {shown(', '.join(map(str, labels)))}")
    for fact, value in learnt.facts():
        # The warning comes last, with its likely causes.
        if fact != "WARNING":
            print(f"{fact}: {shown(value)}")
    found = learnt.run.unlearnt
    if found:
        sentence = unlearnt_sentence(found, len(learnt.matrix.tasks))
        print_unlearnt([sentence], [f"likely cause: {cause}" for cause in learnt.run.causes])


def predict(
    model: Existing,
    data: Served,
    out: Out = None,
    task: TaskName = None,
    device: Device = "cpu",
) -> None:
    """Name the label of each image or row.

    Use this to serve a learner from its file, without any training data. You get a CSV line per
    image or row, with the label and its share of the softmax, with several labels, or with numbers.
    """
    from holdfast.runs.later import answers_of, write_answers

    check_device(device)
    headings, rows = answers_of(model, data, task, device)
    text = write_answers(out, headings, rows)
    if out is None:
        print(text, end="")
    else:
        print(f"Wrote {len(rows)} answers to {out}.")
