"""`holdfast advise`: questions or flags, then scenario, architecture, methods with reasons and commands; or an audit of two files."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.errors import HoldfastError, reading, require
from holdfast.files import write_text

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.advice import Advice, Answers, Audit

READERS = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".json": "read_json",
    ".jsonl": "read_json",
}


def advise(
    task_id: Annotated[
        bool | None,
        typer.Option("--task-id/--no-task-id", help="The task of an input is known at test time."),
    ] = None,
    new_classes: Annotated[
        bool | None,
        typer.Option("--new-classes/--same-classes", help="Later tasks bring new classes."),
    ] = None,
    store: Annotated[
        int | None, typer.Option(min=0, help="Examples that may be stored; 0: none.")
    ] = None,
    private: Annotated[
        bool | None, typer.Option("--private/--not-private", help="No input may be kept as it is.")
    ] = None,
    tasks: Annotated[int | None, typer.Option(min=1, help="Number of tasks.")] = None,
    labels: Annotated[
        bool | None, typer.Option("--labels/--no-labels", help="New data have labels.")
    ] = None,
    boundaries: Annotated[
        bool | None,
        typer.Option(
            "--boundaries/--no-boundaries",
            help="It is known when one task ends and the next begins.",
        ),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="ample: the network may grow; tight: it may not.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="ample: several passes; tight: one.")] = None,
    pretrained: Annotated[
        bool | None,
        typer.Option("--pretrained/--from-scratch", help="The network has good features."),
    ] = None,
    train: Annotated[
        Path | None, typer.Option(help="Audit: the training data (parquet, csv, json).")
    ] = None,
    serve: Annotated[
        Path | None, typer.Option(help="Audit: data as they come when serving.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Audit: the training data's task column.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Audit: the training data's label column.")
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            help="Write a Python script that trains on a pretrained network, and give no advice."
        ),
    ] = None,
) -> None:
    """Say which scenario, architecture and methods fit a problem, and why; or audit training against serving data."""
    if script is not None:
        _write_script(script)
        return
    if train or serve:
        if not (train and serve):
            raise HoldfastError("an audit compares two files: give --train and --serve")
        from holdfast.advice import audit

        _print_audit(audit(read_table(train), read_table(serve), task, label))
        return
    given: dict[str, Any] = {
        "task_id": task_id,
        "new_classes": new_classes,
        "store": store,
        "private": private,
        "tasks": tasks,
    }
    given |= {
        "labels": labels,
        "boundaries": boundaries,
        "memory": memory,
        "time": time,
        "pretrained": pretrained,
    }
    from holdfast.advice import advise as find

    answers, assumed = _complete({k: v for k, v in given.items() if v is not None})
    _print_advice(find(answers), answers, assumed)


def _complete(given: dict[str, Any]) -> tuple["Answers", list[str]]:
    """Asks what was not given, at a terminal; elsewhere the defaults stand, and are named."""
    from pydantic import ValidationError

    from holdfast.advice import Answers

    missing = [
        n
        for n in Answers.model_fields
        if n not in given and not (n == "new_classes" and given.get("task_id"))
    ]
    if sys.stdin.isatty() and sys.stdout.isatty():
        for name in missing:
            if name == "new_classes" and given.get("task_id"):
                continue
            field = Answers.model_fields[name]
            if isinstance(field.default, bool):
                given[name] = typer.confirm(field.description or name, default=field.default)
            else:
                given[name] = typer.prompt(
                    field.description or name, default=field.default, type=type(field.default)
                )
        missing = []
    try:
        return Answers(**given), missing
    except ValidationError as error:
        first = error.errors()[0]
        raise HoldfastError(
            f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}, got {first['input']!r}"
        ) from None


def _write_script(path: Path) -> None:
    """A file that is there stays: the user may have put a network into it."""
    from holdfast.advice import pretrained_script

    if path.exists():
        print(f"{path} is there already; it stays as it is.")
        return
    write_text(path, pretrained_script())
    print(f"Wrote {path}. Put your network and your data into its two marked places.")


def read_table(path: Path) -> "pd.DataFrame":
    """A table of the audit, from a file."""
    import pandas as pd

    if path.suffix not in READERS:
        raise HoldfastError(f"{path}: expected a file ending in {', '.join(READERS)}")
    if path.suffix == ".parquet":
        require("parquet", "pyarrow")
    with reading(str(path), READERS[path.suffix].removeprefix("read_")):
        more = {"lines": True} if path.suffix == ".jsonl" else {}
        frame: pd.DataFrame = getattr(pd, READERS[path.suffix])(path, **more)
        return frame


def _print_advice(found: "Advice", answers: "Answers", assumed: list[str]) -> None:
    if assumed:
        print(
            "assumed: "
            + ", ".join(f"{n.replace('_', ' ')} = {getattr(answers, n)}" for n in assumed)
            + "\n"
        )
    print(f"scenario:     {found.scenario}\narchitecture: {found.architecture}\n")
    for k, s in enumerate(found.suggestions, 1):
        print(f"{k}. {s.spec}")
        for r in s.because:
            print(f"   {r.reason}\n     ({r.source})")
        print(f"   try: {s.command}\n")
    if answers.pretrained and found.suggestions:
        print(
            "pretrained.py trains on a network that has learnt turned digits. Put your own network and data into its two marked places.\n"
        )
    if not found.suggestions:
        print(
            "no method fits these answers; what would have to be otherwise, or the rules below to hold no more:"
        )
        for name, value, fitting in found.relax:
            print(f"  {name.replace('_', ' ')} = {value}: {', '.join(fitting)}")
        print()
    for r in found.against:
        print(f"not {', '.join(r.exclude)}: {r.reason}\n     ({r.source})")
    for r in found.notes:
        print(f"note: {r.note}")


def _print_audit(found: "Audit") -> None:
    if not found.missing:
        print("every column of the training data (but the label) is there when serving")
    for m in found.missing:
        share = "" if m.share is None else f", explains {m.share:.0%} of the task"
        print(f"missing when serving: {m.column} ({m.values} values{share}): {m.verdict}")
    for c in found.extra:
        print(f"new when serving: {c}: the model never saw it")
    print(f"\n{found.conclusion}")
