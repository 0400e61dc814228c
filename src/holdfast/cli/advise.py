"""`holdfast advise`: methods that fit a problem, an audit of two files, or a script to start."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.advice_printing import in_words, print_advice, print_audit
from holdfast.cli.command_line import on_line
from holdfast.errors import HoldfastError
from holdfast.files import write_text
from holdfast.text import shown
from holdfast.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

    from holdfast.advice import Answers, Trial

Given = dict[str, object]  # answers by the names of their fields

# Every answer is None by default, which means that it is not given and may be asked for.
TaskId = Annotated[
    bool | None,
    typer.Option(
        "--task-id/--no-task-id",
        help="Whether you know at test time which task an input belongs to.",
    ),
]
NewClasses = Annotated[
    bool | None,
    typer.Option(
        "--new-classes/--same-classes",
        help="Whether later tasks bring new classes, or the same classes in other inputs.",
    ),
]
Store = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Number of training examples that you may store; 0 if none may be stored.",
    ),
]
Private = Annotated[
    bool | None,
    typer.Option(
        "--private/--not-private",
        help="Whether inputs are private, so that none may be stored as it is.",
    ),
]
Tasks = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Number of tasks that you expect.")
]
Labels = Annotated[
    bool | None, typer.Option("--labels/--no-labels", help="Whether new data have labels.")
]
Boundaries = Annotated[
    bool | None,
    typer.Option(
        "--boundaries/--no-boundaries",
        help="Whether you know when one task ends and the next begins.",
    ),
]
# This and the time are words and no flags, because neither answer is a plain yes or no.
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="ample|tight",
        help="Room for the network: ample if it may grow, tight if it must keep its size.",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="ample|tight",
        help="Time for training: ample for several passes over the data, tight for one pass.",
    ),
]
Pretrained = Annotated[
    bool | None,
    typer.Option(
        "--pretrained/--from-scratch",
        help="Whether your network is pretrained and has good features.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        metavar="NAME|PATH", help="Data that the printed commands name, as `holdfast run` takes it."
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|NAME",
        help="Your pretrained network, which the printed commands name, as `holdfast run` takes "
        "it. It implies --pretrained.",
    ),
]
Factory = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:FUNCTION",
        help="Function that makes the network, if --backbone is a file of weights.",
    ),
]
Train = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="For an audit: training data as Parquet, CSV, JSON or JSON lines."
    ),
]
Serve = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="For an audit: data as the model receives them in production."
    ),
]
TaskColumn = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="For an audit: column of the training data that names the task. Without it, "
        "the audit names columns that may be it.",
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="For an audit: column of the training data to predict."),
]
Script = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write a Python script that makes a pretrained network, and give no advice. "
        "An existing file stays as it is.",
    ),
]
AUDIT = ("train", "serve", "task", "label")


def advise(
    context: typer.Context,
    task_id: TaskId = None,
    new_classes: NewClasses = None,
    store: Store = None,
    private: Private = None,
    tasks: Tasks = None,
    labels: Labels = None,
    boundaries: Boundaries = None,
    memory: Memory = None,
    time: Time = None,
    pretrained: Pretrained = None,
    data: Data = "digits",
    backbone: Backbone = None,
    backbone_factory: Factory = None,
    train: Train = None,
    serve: Serve = None,
    task: TaskColumn = None,
    label: LabelColumn = None,
    script: Script = None,
) -> None:
    """Find methods that fit your problem, and why they do.

    Use this before you train anything. Describe your problem with options. In a terminal you are
    asked for the rest; elsewhere defaults are assumed and printed. You get the scenario, the
    network's head, up to three methods with their reasons, and a command that tries each.

    With --train and --serve, compare training data with production data instead, to see whether
    the model can know the task of an input.
    """
    # The command does one of three things, and refuses what belongs to another of them.
    if script is not None:
        _refuse_beside(context, "--script writes a file", ("script",))
        _write_script(script)
    elif train is not None or serve is not None:
        _refuse_beside(context, "an audit compares two files", AUDIT)
        _audit(train, serve, task, label)
    else:
        columns = on_line(context, "task", "label")
        if columns:
            raise HoldfastError(
                f"{columns[0]} names a column for an audit; give --train and --serve too"
            )
        _advise(context.params)


def _refuse_beside(context: typer.Context, does: str, used: tuple[str, ...]) -> None:
    """Refuse options that have no effect on what the command was asked to do."""
    others = on_line(context, *(name for name in context.params if name not in used))
    if others:
        raise HoldfastError(f"{does}, so {others[0]} has no effect; leave one of the two out")


def _advise(parameters: "Mapping[str, object]") -> None:
    """Print the advice for the answers among the command's parameters."""
    from holdfast.advice import Answers
    from holdfast.advice import advise as advice_for

    # The parameters of the command have the names of the answers, so none is listed twice.
    given = {
        name: parameters[name] for name in Answers.model_fields if parameters[name] is not None
    }
    trial = _trial(parameters, given)
    if trial.backbone is not None:
        given["pretrained"] = True
    answers = validated(Answers, **given)
    # In a script or a pipeline nobody could answer, and the command would wait forever.
    if sys.stdin.isatty() and sys.stdout.isatty():
        answers = _asked(given)
    else:
        _print_assumed(answers, given)
    print_advice(advice_for(answers, trial=trial), answers, trial)


def _trial(parameters: "Mapping[str, object]", given: Given) -> "Trial":
    """Take the data and the pretrained network that commands are to name."""
    from holdfast.advice import Trial

    backbone = parameters["backbone"]
    factory = parameters["backbone_factory"]
    if factory is not None and backbone is None:
        raise HoldfastError(
            "--backbone-factory makes the network of a file of weights; name the file with "
            "--backbone"
        )
    if backbone is not None and given.get("pretrained") is False:
        raise HoldfastError(
            "--backbone names a pretrained network, which contradicts --from-scratch; leave one of "
            "the two out"
        )
    return Trial(
        data=str(parameters["data"]),
        backbone=None if backbone is None else str(backbone),
        factory=None if factory is None else str(factory),
    )


def _asked(given: Given) -> "Answers":
    """Ask for each answer that is not given yet."""
    from holdfast.advice import Answers

    answers = dict(given)
    for name, field in Answers.model_fields.items():
        if _is_open(name, answers):
            answers[name] = _ask(name, field)
    return validated(Answers, **answers)


def _is_open(name: str, answers: Given) -> bool:
    """Check whether an answer is needed and not given."""
    # A known task id decides the scenario, whether or not there are new classes.
    if name == "new_classes" and answers.get("task_id"):
        return False
    return name not in answers


def _ask(name: str, field: "FieldInfo") -> object:
    """Ask one question, again and again until the answer is possible."""
    from holdfast.advice import Answers

    # The questions are declared with the answers, in holdfast.advice.
    question = field.description or name
    if isinstance(field.default, bool):
        return typer.confirm(question, default=field.default)
    while True:
        answer = typer.prompt(question, default=field.default, type=type(field.default))
        try:
            validated(Answers, **{name: answer})
        except HoldfastError as error:
            print(f"{error}. Please try again.")
        else:
            return answer


def _write_script(path: Path) -> None:
    """Write the script for a pretrained network."""
    from holdfast.advice import pretrained_script

    if path.is_dir():
        raise HoldfastError(f"{shown(str(path))} is a folder; name the file of the script")
    # The user may have put a network and data into an earlier copy.
    if path.exists():
        print(f"{shown(str(path))} exists already and stays as it is.")
        return
    write_text(path, pretrained_script())
    print(
        f"Wrote {shown(str(path))}. Put your network and its training into its two marked places."
    )


def _audit(train: Path | None, serve: Path | None, task: str | None, label: str | None) -> None:
    """Compare training data with serving data, and print what follows."""
    from holdfast.advice import audit, read_table

    if train is None or serve is None:
        raise HoldfastError("an audit compares two files; give both --train and --serve")
    # The audit would measure how well the label tells the label.
    if task is not None and task == label:
        raise HoldfastError(
            f"--task and --label both name {shown(task)!r}, but a column cannot be both the task "
            "and what is predicted; leave one of the two out"
        )
    print_audit(audit(read_table(train), read_table(serve), task, label))


def _print_assumed(answers: "Answers", given: Given) -> None:
    """Name the answers that are defaults, so that nobody takes the advice for more than it is."""
    assumed = []
    for name, value in answers.model_dump().items():
        if _is_open(name, given):
            assumed.append(f"{in_words(name)} = {in_words(value)}")
    if assumed:
        print(f"Assumed, because no option says otherwise: {', '.join(assumed)}\n")
