"""A learner in a file, from month to month: what `holdfast learn` and `holdfast predict` do."""

import csv
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from holdfast.errors import HoldfastError, UnlearntWarning
from holdfast.files import make_folder, write_text
from holdfast.runs.build import build_learner
from holdfast.runs.config import PARTS, RunConfig
from holdfast.runs.defaults import filled_in, with_defaults
from holdfast.runs.options import refuse_idle
from holdfast.runs.own_data import own_options
from holdfast.runs.processes import settled
from holdfast.streams.own_data.files import is_own
from holdfast.streams.task import Stream
from holdfast.streams.types import Label
from holdfast.text import safe_name
from holdfast.training import Learner
from holdfast.training.later.answers import answers, row_names, task_number
from holdfast.training.later.incoming import LearnOptions, incoming
from holdfast.training.later.learnt import Learnt
from holdfast.training.later.records import Keep
from holdfast.validation import validated

__all__ = ["Learnt", "Month", "answers_of", "learn_month", "open_learner", "write_answers"]

# Each month may have its own.
OF_EACH_MONTH = ("data.label", "data.test", "data.test_column")
CONFIG = "config"  # what is kept beside a learner: the settings of its first month


@dataclass(frozen=True)
class Month:
    """What a month of data is learnt with.

    Args:
        file: The file of the learner, which need not exist yet.
        data: The path of the data.
        name: What the task is called, or None.
        keep_test: How the test examples are kept.
        skip_lost_tests: Whether to continue without test files that changed.
        seed: The seed of a new learner, or None if it was not given.
        device: Where to train.
    """

    file: Path
    data: str
    name: str | None = None
    keep_test: str = "copy"
    skip_lost_tests: bool = False
    seed: int | None = None
    device: str = "cpu"


def open_learner(month: Month, given: Mapping[str, Any]) -> tuple[Learner, list[str]]:
    """Load the learner of a file, or make a new one from settings if there is no file yet.

    Args:
        month: The file, the data, and how they are learnt.
        given: Settings of `RunConfig` that the user gave.

    Returns:
        The learner, and lines about defaults that were filled in.

    Raises:
        HoldfastError: The file is damaged, or a setting contradicts it.
    """
    _refuse_other_names(month.data)
    if not month.file.exists():
        return _new_learner(month, given)
    learner = Learner.load(month.file, device=month.device)
    _refuse_contradictions(learner, month, given)
    return learner, []


def _refuse_other_names(data: str) -> None:
    """Refuse data that are no path."""
    path = Path(data).expanduser()
    if not is_own(data) and not path.exists():
        raise HoldfastError(
            f"there is no file or folder {safe_name(data)}; give the path of a folder of images or "
            "of a table with --data"
        )


def _new_learner(month: Month, given: Mapping[str, Any]) -> tuple[Learner, list[str]]:
    """Make the learner of a first month."""
    # A folder that can't be made would lose the month after its training.
    make_folder(month.file.absolute().parent)
    seed = month.seed or 0
    data = {**given.get("data", {}), "name": month.data}
    asked = validated(RunConfig, **{**given, "data": data, "seed": seed})
    config = with_defaults(asked)
    refuse_idle([config])
    options = own_options(config.data, config.model)
    test = options.test_column or options.test
    known = {name: getattr(options, name) for name in LearnOptions.__annotations__}
    # Read for the shape and the outputs only. `learn` reads the data once more by itself, and tells
    # what it warns of.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        new = incoming(
            month.data, month.name, None, options.label, test, known, config.data.objective
        )
    task = new.tasks[0]
    x = task.test.fetch(torch.arange(1))[0]
    # Several tensors have no shape in common.
    shape = tuple(x.shape[1:]) if isinstance(x, torch.Tensor) else ()
    stream = Stream(
        tasks=(task,),
        scenario=config.scenario,
        outputs=task.outputs[1],
        shape=shape,
        labels=task.labels,
        objective=config.data.objective,
    )
    learner = build_learner(config, stream, month.device)
    _refuse_lost(learner)
    plain = config.plain()
    # The path of the first month says nothing about the later ones.
    plain["data"].pop("content", None)
    plain["data"].pop("name", None)
    learner.history.beside = {CONFIG: plain}
    return learner, [line for line in [filled_in(asked, config)] if line]


def _refuse_lost(learner: Learner) -> None:
    """Refuse a learner that the next month could not load, before it is trained."""
    origin = learner.history.origin
    why = origin.network.obstacle
    if not why and origin.optimizer.kind == "own":
        why = "its optimizer was made in a way that has no name"
    if why:
        raise HoldfastError(
            f"the next month could not make this learner again from its file, because {why}; use "
            "other options, or Learner and learner.learn in Python"
        )


def _refuse_contradictions(learner: Learner, month: Month, given: Mapping[str, Any]) -> None:
    """Refuse options that contradict what the learner in the file is."""
    beside = learner.history.beside
    made = beside.get(CONFIG) if isinstance(beside, dict) else None
    names = [*_names_of(given), *(["seed"] if month.seed is not None else [])]
    names = [name for name in names if name not in OF_EACH_MONTH]
    if not names:
        return
    file = safe_name(str(month.file))
    if not isinstance(made, dict):
        raise HoldfastError(
            f"{file} holds a learner that was made in Python, whose settings are fixed; leave "
            f"{_option(names[0])} out"
        )
    values = dict(given)
    if month.seed is not None:
        values["seed"] = month.seed
    # Both are written out by the same version, so that only real differences remain.
    now = validated(RunConfig, **values).model_dump(mode="json")
    then = validated(RunConfig, **made).model_dump(mode="json")
    for name in names:
        # An option that is repeated as it was is no contradiction, so scripts need not change.
        asked, before = _value(now, name), _value(then, name)
        if asked != before:
            raise HoldfastError(
                f"{_option(name)} {_written(asked)} contradicts {file}, which was begun with "
                f"{_written(before)}; leave the option out, or begin another file with --model"
            )


def _names_of(given: Mapping[str, Any]) -> list[str]:
    """The full names of settings that were given."""
    names = []
    for name, value in given.items():
        if name in PARTS:
            names += [f"{name}.{inner}" for inner in value]
        else:
            names.append(name)
    return names


def _value(values: Mapping[str, Any], name: str) -> object:
    """Look up a setting by its full name. One at its default may be left out."""
    part, dot, inner = name.partition(".")
    if not dot:
        return values.get(name)
    kind = PARTS[part]
    return values.get(part, {}).get(inner, kind.model_fields[inner].default)


def _option(name: str) -> str:
    """The option of a setting."""
    if name == "model.name":
        # In these commands, --model is the file of the learner.
        return "--network"
    return f"--{name.rpartition('.')[2].replace('_', '-')}"


def _written(value: object) -> str:
    """Write a value as on a command line."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)


def learn_month(learner: Learner, month: Month, given: Mapping[str, Any]) -> Learnt:
    """Learn a month of data, and replace the file of the learner once the new one is whole.

    It trains with one thread, as a run does, so that the result does not depend on the machine.

    Args:
        learner: The learner, from `open_learner`.
        month: The data, and how they are learnt.
        given: Settings that the user gave.

    Raises:
        HoldfastError: The data hold a mistake, or do not fit the learner. The file is as it was.
    """
    beside = learner.history.beside
    data = {**given.get("data", {}), "name": month.data}
    config = validated(RunConfig, data=data, model=given.get("model", {}))
    options = own_options(config.data, config.model)
    first: dict[str, Any] = {}
    # Later data are read as the first ones were, and contradictions were refused before.
    if learner.history.reader is None:
        first = {name: getattr(options, name) for name in LearnOptions.__annotations__}
    with settled(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        learnt = learner.learn(
            month.data,
            name=month.name,
            label=options.label,
            test=options.test_column or options.test,
            keep_test=cast(Keep, month.keep_test),
            skip_lost_tests=month.skip_lost_tests,
            progress=True,
            **first,
        )
        # Within the block, because what saving warns of belongs to the month as well.
        learner.save(month.file, beside)
    for warning in caught:
        # What was not learnt is a part of the result already.
        if not issubclass(warning.category, UnlearntWarning):
            learnt.notes.append(str(warning.message))
    return learnt


def answers_of(
    file: Path, data: str, task: str | None, device: str
) -> tuple[list[str], list[list[str]]]:
    """Answer for data by the learner of a file.

    Args:
        file: The file of the learner.
        data: The path of the data.
        task: The name of the task, in the task scenario.
        device: Where to compute.

    Returns:
        The headings and the rows of a table: what is answered for, and the answer: a label with its
        score, the names of several labels, or a number per target.

    Raises:
        HoldfastError: The file is damaged, or the data hold a mistake.
    """
    _refuse_other_names(data)
    learner = Learner.load(file, device=device)
    number = None
    if learner.setup.scenario == "task":
        if task is None:
            names = ", ".join(record.name for record in learner.history.tasks)
            raise HoldfastError(
                "this learner must know the task of its inputs; name it with --task, one of "
                f"{names}"
            )
        number = task_number(learner.history, task)
    elif task is not None:
        raise HoldfastError(
            f"--task has no effect in the {learner.setup.scenario} scenario, in which the learner "
            "answers without knowing the task; leave it out"
        )
    what, rows = row_names(learner.history, data)
    with settled():
        if learner.setup.objective.takes_labels:
            found = answers(learner, data, number)
            cells = [[str(answer.label), f"{answer.score:.4f}"] for answer in found]
            return [what, "label", "score"], _beside(rows, cells)
        told: Tensor | list[Label] = learner.predict(data, number)
    if not isinstance(told, Tensor):
        return [what, "labels"], _beside(rows, [[str(names)] for names in told])
    # Outputs of other tasks are not in play, and say nothing.
    in_play = told[:1].isfinite().flatten()
    labels = learner.history.known_labels
    targets = [str(name) for name, plays in zip(labels, in_play.tolist(), strict=True) if plays]
    numbers = [[f"{value:.6g}" for value in row] for row in told[:, in_play].tolist()]
    return [what, *targets], _beside(rows, numbers)


def _beside(names: Sequence[str], cells: Sequence[list[str]]) -> list[list[str]]:
    """Put the name of each row in front of its cells."""
    return [[name, *row] for name, row in zip(names, cells, strict=True)]


def write_answers(path: Path | None, headings: Sequence[str], rows: Sequence[list[str]]) -> str:
    """Write answers as CSV.

    Args:
        path: The file. None: nothing is written.
        headings: The names of the columns.
        rows: The cells of each row.

    Returns:
        The text of the file.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(headings)
    table.writerows(rows)
    if path is not None:
        write_text(path, out.getvalue())
    return out.getvalue()
