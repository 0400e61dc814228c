"""Test examples of past tasks: copied into the file of the learner, or referred to in your files.

The row of the matrix after a new task covers all tasks whose test examples are at hand. A cell of a
task without them is unknown. It is never 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs, NamedInputs, bytes_of, join_inputs
from holdfast.streams.own_data.digests import digests_of
from holdfast.streams.own_data.examples import taken
from holdfast.streams.own_data.folders import read_path
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.reader import Reader
from holdfast.streams.parts import ArrayPart, Part
from holdfast.text import safe_name
from holdfast.training.later.history import History
from holdfast.training.later.records import KeptInputs, Reference, TaskRecord

LARGEST = 2**31  # bytes of all copies in a file
ROWS_AT_ONCE = 2048
MOST_NAMED = 3  # changed files in a message


def check_size(history: History, tests: Mapping[str, Part]) -> None:
    """Refuse copies that would make the file of the learner too large.

    Args:
        history: The past of the learner.
        tests: The test examples of new tasks that are to be copied, by name.

    Raises:
        HoldfastError: The copies take more than `LARGEST` bytes together.
    """
    total = 0
    for number, record in enumerate(history.tasks):
        part = history.test_of(number)
        if record.keep == "copy" and part is not None:
            total += _bytes(part)
    for name, part in tests.items():
        total += _bytes(part)
        if total > LARGEST:
            raise HoldfastError(
                f"with the test examples of task {name!r}, the copies in the learner's file would "
                f"take {total:,} bytes, more than {LARGEST:,}; keep them in your files with "
                "keep_test='reference' (--keep-test reference), or not at all with 'no'"
            )


def _bytes(part: Part) -> int:
    """The bytes of the examples of a part, by its first one."""
    inputs = part.fetch(torch.arange(1))[0]
    # An estimate: 8 bytes for the label, and all rows as large as the first one.
    return (bytes_of(inputs) + 8) * len(part)


def copies(history: History) -> tuple[dict[str, Tensor], list[TaskRecord]]:
    """Read the test examples that are to be copied into a file.

    Args:
        history: The past of the learner.

    Returns:
        The tensors by their names in the file, and the records of all tasks.
    """
    tensors: dict[str, Tensor] = {}
    records = []
    for number, record in enumerate(history.tasks):
        part = history.test_of(number)
        if record.keep != "copy":
            records.append(record)
            continue
        if part is None:
            # An interrupted process may have left a task without them.
            records.append(record.model_copy(update={"keep": "no"}))
            continue
        x, y = _read(part)
        several = None
        if isinstance(x, NamedInputs):
            several = KeptInputs(
                names=x.keys(),
                padding={name: float(value) for name, value in x.padding.items()},
                positional=x.positional,
                hidden=list(x.hidden),
            )
            for place, name in enumerate(x.keys()):
                tensors[f"kept.{number}.x.{place}"] = x[name]
        else:
            tensors[f"kept.{number}.x"] = x
        # Outputs are small numbers, and most of a file of small rows would be their labels. Targets
        # of other objectives are measurements.
        tensors[f"kept.{number}.y"] = y if y.is_floating_point() else y.to(torch.int32)
        records.append(record.model_copy(update={"several": several}))
    return tensors, records


def _read(part: Part) -> tuple[Inputs, Tensor]:
    """Read all examples of a part."""
    inputs: list[Inputs] = []
    labels: list[Tensor] = []
    for x, y, _ in part.batches(torch.arange(len(part)).split(ROWS_AT_ONCE)):
        inputs.append(x.to("cpu"))
        labels.append(y.cpu())
    return join_inputs(inputs), torch.cat(labels)


def copied(tensors: Mapping[str, Tensor], records: Sequence[TaskRecord]) -> dict[str, Part]:
    """Take the copied test examples out of a file.

    Args:
        tensors: The tensors of the file by name.
        records: What the file says of the tasks.

    Returns:
        The test examples by task.

    Raises:
        HoldfastError: The file says that it holds examples that it does not hold.
    """
    kept: dict[str, Part] = {}
    for number, record in enumerate(records):
        if record.keep != "copy":
            continue
        y = _tensor(tensors, f"kept.{number}.y", record)
        if record.several is None:
            x: Inputs = _tensor(tensors, f"kept.{number}.x", record)
        else:
            places = enumerate(record.several.names)
            x = NamedInputs(
                {name: _tensor(tensors, f"kept.{number}.x.{k}", record) for k, name in places},
                record.several.padding,
                record.several.positional,
                record.several.hidden,
            )
        if not _fits(y, record):
            raise HoldfastError(f"its copy of the test examples of task {record.name!r} is broken")
        kept[record.name] = ArrayPart(x, y, number)
    return kept


def _fits(y: Tensor, record: TaskRecord) -> bool:
    """Whether the labels or targets of a copy can be those of a task."""
    if not len(y):
        return False
    if y.is_floating_point():  # rows of numbers
        return y.dim() == 2 and y.shape[1] >= record.last
    return y.dim() == 1 and int(y.min()) >= 0 and int(y.max()) < record.last


def _tensor(tensors: Mapping[str, Tensor], name: str, record: TaskRecord) -> Tensor:
    """A tensor of a copy."""
    if name not in tensors:
        raise HoldfastError(f"its copy of the test examples of task {record.name!r} is missing")
    return tensors[name]


def referred(
    history: History, number: int, record: TaskRecord, skip_lost: bool
) -> ArrayPart | None:
    """Read the test examples of a task from the user's files again.

    Args:
        history: The past of the learner.
        number: The number of the task.
        record: What is known of it.
        skip_lost: Whether the learner continues without test examples that changed.

    Returns:
        The examples, or None if the files changed or are gone and this is to be skipped.

    Raises:
        HoldfastError: The files changed or are gone. The message names them.
    """
    reference = record.reference
    if reference is None or history.reader is None:
        return None
    # Scores on other rows could not be compared with those before.
    problem = _change(reference)
    if problem:
        if skip_lost:
            return None
        raise HoldfastError(
            f"the test examples of task {record.name!r} are kept in "
            f"{safe_name(reference.path)}, but {problem}; restore the files, or continue without "
            "the scores of this task with skip_lost_tests=True (--skip-lost-tests)"
        )
    return _test_rows(history.reader, reference, number, record)


def _change(reference: Reference) -> str:
    """Say how files changed since they were read; "" if they did not."""
    path = Path(reference.path)
    if not path.exists():
        return "it is not there any more"
    now = digests_of(path)
    before = reference.digests
    gone = [name for name in before if name not in now]
    changed = [name for name in before if name in now and now[name] != before[name]]
    added = [name for name in now if name not in before]
    for names, what in ((changed, "changed"), (gone, "gone"), (added, "new")):
        if names:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            verb = "is" if len(names) == 1 else "are"
            if what == "changed":
                verb = "has" if len(names) == 1 else "have"
            listed = ", ".join(safe_name(name) for name in names[:MOST_NAMED])
            return f"{listed}{more} {verb} {what}"
    return ""


def _test_rows(reader: Reader, reference: Reference, number: int, record: TaskRecord) -> ArrayPart:
    """Read the test rows of files that did not change."""
    options = Options(label=reference.label, test=reference.test, test_column=reference.test_column)
    examples = reader.examples(read_path(reference.path), options)
    rows = examples.tested.nonzero()[0]
    # As text, because a class may be a number in one file and a text in another.
    output_of = {
        str(label): output for label, output in zip(record.labels, record.own, strict=True)
    }
    if examples.targets is None:
        y = torch.tensor([output_of[str(label)] for label in examples.labels[rows].tolist()])
    else:
        # Of the outputs of other tasks, these rows say nothing.
        y = torch.full((len(rows), record.last), torch.nan)
        for column, name in enumerate(examples.targets.names):
            values = torch.from_numpy(examples.targets.values[rows, column])
            y[:, output_of[name]] = values
    return ArrayPart(taken(examples.inputs(~examples.tested), rows), y, number)
