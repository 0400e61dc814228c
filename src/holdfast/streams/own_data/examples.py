"""Labels, tasks, test rows and inputs of a user's own data, from which streams are made."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from holdfast.errors import HoldfastError
from holdfast.named_inputs import Inputs
from holdfast.streams.build import Piece
from holdfast.streams.labels import distinct, warn_if_measured
from holdfast.streams.own_data.cut import test_rows
from holdfast.streams.own_data.encoding import (
    Encoding,
    Fitted,
    combined,
    encoded,
    fitted,
    tokens,
)
from holdfast.streams.own_data.folders import by_folders
from holdfast.streams.own_data.images import Images, read_images
from holdfast.streams.own_data.missing import without_missing
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.roles import Role, decide_roles
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.table_targets import learnt_columns, table_targets
from holdfast.streams.own_data.unfitted import held_out_rows
from holdfast.streams.own_data.values import labels
from holdfast.streams.own_data.windows import RowTasks, row_tasks
from holdfast.streams.source import Source
from holdfast.streams.targets import Targets
from holdfast.streams.task import Stream
from holdfast.streams.types import Label

IMAGE = "image"  # the name of images among inputs that are kept apart


@dataclass(frozen=True)
class Examples:
    """Everything that is known of a user's data before tasks are learned.

    Args:
        table: The rows.
        read: The table as it was read, also with rows that were left out.
        roles: Column → role.
        options: What the user said about the data.
        labels: The label of each row, (N,). All are 0 if rows have targets.
        tested: The mask of the test rows, (N,).
        tasks: The tasks of the rows. None: tasks are made of classes.
        groups: The group of each row, (N,). None: rows are unrelated.
        images: The images of the rows. None: the inputs are columns of the table.
        rows: The number of each row among the images, (N,).
        unfitted: The mask of training rows on which nothing may be fitted, (N,), because they are
            validation rows. None: there are none.
        numbered: A number that stands for the inputs together with the number of each row, so that
            a stream shows which rows it sets aside. None: inputs are encoded.
        encoding: What was fitted on other data before. None: it is fitted on these.
        targets: The targets of the rows, for another objective than classification.
    """

    table: Table
    read: Table
    roles: dict[str, Role]
    options: Options
    labels: np.ndarray
    tested: np.ndarray
    tasks: RowTasks | None
    groups: np.ndarray | None
    images: Images | None
    rows: np.ndarray
    unfitted: np.ndarray | None = None
    numbered: int | None = None
    encoding: Encoding | None = None
    targets: Targets | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def notes(self) -> list[str]:
        """What the user should know of the data, in whole sentences."""
        if self.tasks is None:
            return list(self.table.notes)
        return [*self.table.notes, *self.tasks.notes]

    @property
    def unreadable(self) -> list[str]:
        """The images that can't be read, each with the reason."""
        if self.images is None:
            return []
        return list(self.images.broken.values())

    @cached_property
    def classes(self) -> list[Label]:
        """The distinct labels of the training rows, in order."""
        return distinct(self.labels[~self.tested])

    def inputs(self, first: np.ndarray) -> Inputs:
        """The inputs of all rows, (N, ...), or several such tensors.

        Args:
            first: The mask of the rows of the first task, whose training rows may be fitted on.

        Raises:
            HoldfastError: There is no input column, a value can't be encoded, or inputs are to be
                kept apart, but there is one kind of them.
        """
        # Nothing is encoded here, because only the place of each row in the stream is wanted.
        if self.numbered is not None:
            rows = torch.arange(len(self))
            return torch.stack([torch.full_like(rows, self.numbered), rows], dim=1)
        if self.options.tokenizer is not None and self.images is None:
            return tokens(self.table, self.roles, self.options)
        tensors = {}
        if self.images is not None:
            tensors[IMAGE] = self._pixels(self.images)
        # An image has no place for the values of columns, so beside images they are kept apart.
        if self.images is None or self.options.separate_inputs:
            tensors |= encoded(self.table, self.roles, self.fitted(first), self.options)
        return combined(tensors, self.table.name, self.options)

    def fitted(self, first: np.ndarray) -> Encoding:
        """What the encoding of columns knows of the data.

        Args:
            first: The mask of the rows of the first task, whose training rows may be fitted on.
        """
        if self.encoding is not None:
            return self.encoding
        trained = ~self.tested
        if self.unfitted is not None:
            trained &= ~self.unfitted
        fit = Fitted(first=trained & first, trained=trained)
        return fitted(self.table, self.roles, fit, self.options)

    def _pixels(self, images: Images) -> Tensor:
        """The images of all rows, (N, C, H, W)."""
        pixels = torch.from_numpy(images.pixels)
        # All rows in their order are the array itself, which stays on the disk.
        if len(self.rows) == len(pixels):
            return pixels
        return pixels[torch.from_numpy(self.rows)]

    def fitted_beside(self, make: Callable[["Examples"], Stream]) -> "Examples":
        """The same examples, of which nothing is fitted on the validation rows of a stream.

        Args:
            make: Makes the stream of examples.
        """
        numbered = make(replace(self, numbered=0))
        return replace(self, unfitted=held_out_rows(numbered, 0, len(self)))

    def source(self, first: Collection[Label] | None = None) -> Source:
        """The data as one source, for tasks of classes.

        Args:
            first: The classes of the first task. None: it has all of them.
        """
        in_first = np.ones(len(self), dtype=bool)
        if first is not None:
            in_first = np.array([label in first for label in self.labels.tolist()])
        return self._source(self.table.name, self.inputs(in_first), np.ones(len(self), dtype=bool))

    def pieces(self, first: int = 0) -> list[Piece]:
        """One piece for each task of the rows.

        Args:
            first: The number of the task that is learned first.

        Raises:
            HoldfastError: The data have no tasks of rows, or there is no such task.
        """
        if self.tasks is None:
            raise HoldfastError("tasks of rows need the column of a task or of a time")
        names = self.tasks.names
        if not 0 <= first < len(names):
            raise HoldfastError(
                f"task_order begins with {first}, but the tasks have the numbers 0 to "
                f"{len(names) - 1}"
            )
        inputs = self.inputs(self.tasks.of_row == names[first])
        pieces = []
        for name in names:
            belongs = self.tasks.of_row == name
            self._refuse_one_sided(name, belongs)
            source = self._source(f"task {name}", inputs, belongs)
            warn_if_measured(source.train_y, f"{source.name}: labels")
            # Labels that only test rows have are listed too, so that the error can name them.
            pieces.append(Piece(name, source, tuple(distinct(self.labels[belongs]))))
        return pieces

    def _refuse_one_sided(self, name: str, belongs: np.ndarray) -> None:
        """Refuse a task that has no training rows or no test rows."""
        tested = int((belongs & self.tested).sum())
        trained = int(belongs.sum()) - tested
        if tested and trained:
            return
        raise HoldfastError(
            f"task {name!r} has {trained} training rows and {tested} test rows, but needs both; "
            "add rows, join it with another task (for example by a longer --every), or leave its "
            "rows out"
        )

    def _source(self, name: str, inputs: Inputs, belongs: np.ndarray) -> Source:
        """Some rows as a source."""
        train = np.flatnonzero(belongs & ~self.tested)
        test = np.flatnonzero(belongs & self.tested)
        groups: list[np.ndarray | None] = [None, None]
        if self.groups is not None:
            groups = [self.groups[train], self.groups[test]]
        return Source(
            train_x=taken(inputs, train),
            train_y=self.labels[train],
            test_x=taken(inputs, test),
            test_y=self.labels[test],
            name=name,
            groups=groups[0],
            test_groups=groups[1],
        )


def taken(inputs: Inputs, rows: np.ndarray) -> Inputs:
    """Some rows of the inputs: as a view if they follow each other, else as a copy."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return inputs[int(rows[0]) : int(rows[-1]) + 1]
    return inputs[torch.from_numpy(rows)]


def open_examples(
    table: Table, options: Options, classes: Sequence[Sequence[Label]] = ()
) -> Examples:
    """Read the columns of a table.

    Args:
        table: The table as it was read.
        options: What the user says about it.
        classes: The classes of each task, if tasks are lists of classes. Rows of other classes are
            left out. Empty: all classes are used.

    Returns:
        The examples, all of whose values have been checked but those of inputs.

    Raises:
        HoldfastError: A value is missing or wrong; the message names its file, row and column.
    """
    options = by_folders(table, options)
    uses = options.uses()
    for column in uses:
        table.column(column)
    uses |= learnt_columns(table, options)
    roles = decide_roles(table, uses, options)
    column_of = {role.kind: column for column, role in roles.items()}
    whole = without_missing(table, roles, options.missing)
    used = _of_classes(whole, column_of.get("label", ""), classes)
    # After the rows of other classes are gone, so that their images are never decoded.
    used, images, rows = _readable(used, column_of.get("image"), options)
    targets = table_targets(used, options)
    own_labels = np.zeros(len(used), dtype=np.int64)
    if targets is None:
        own_labels = labels(used, column_of["label"])
    tasks = row_tasks(used, options)
    groups = None
    if options.groups is not None:
        # As text, because user 7 of one file may be a number and that of another a text.
        groups = np.array([str(value) for value in used.column(options.groups)], dtype=object)
    return Examples(
        table=used,
        read=table,
        roles=roles,
        options=options,
        labels=own_labels,
        tested=test_rows(used, own_labels, tasks, groups, options),
        tasks=tasks,
        groups=groups,
        images=images,
        rows=rows,
        targets=targets,
    )


def _readable(
    table: Table, column: str | None, options: Options
) -> tuple[Table, Images | None, np.ndarray]:
    """The rows whose images can be read, the images, and the number of each row among them."""
    rows = np.arange(len(table))
    if column is not None:
        images = read_images(table, column, options)
        if images.broken and options.missing != "drop":
            raise images.refusal(table)
        good = np.array([row for row in rows if row not in images.broken])
        return _without_broken(table, images), images, good
    if options.image_size != Options().image_size:
        raise HoldfastError(
            f"image_size={options.image_size} has no effect, because {table.name} has no column "
            "of images; leave it out"
        )
    return table, None, rows


def _of_classes(table: Table, column: str, classes: Sequence[Sequence[Label]]) -> Table:
    """The rows of the classes that are listed."""
    if not classes:
        return table
    wanted = {str(label) for listed in classes for label in listed}
    texts = np.array([str(label) for label in labels(table, column).tolist()], dtype=object)
    for label in sorted(wanted):
        if label not in texts:
            known = ", ".join(sorted(set(texts))[:20])
            raise HoldfastError(
                f"no row of {table.name} has the class {label!r} that a task lists; its classes "
                f"are {known}"
            )
    kept = np.isin(texts, sorted(wanted))
    if kept.all():
        return table
    note = f"{int((~kept).sum())} rows of classes that no task lists are left out"
    return table.only(kept).noted(note)


def _without_broken(table: Table, images: Images) -> Table:
    """The rows whose images can be read."""
    if not images.broken:
        return table
    kept = np.ones(len(table), dtype=bool)
    kept[list(images.broken)] = False
    if not kept.any():
        raise HoldfastError(f"no image of {table.name} can be read")
    return table.only(kept).noted(f"{len(images.broken)} images can't be read and are left out")


def limited(pieces: Sequence[Piece], share: float, seed: int) -> list[Piece]:
    """The pieces with a share of their training rows, at least one of each class.

    Args:
        pieces: The pieces, each with a source of its own.
        share: The share of the training rows, in (0, 1].
        seed: The seed of the draw.
    """
    if share >= 1:
        return list(pieces)
    smaller = []
    for piece in pieces:
        source = piece.source
        count = max(round(share * len(source.train_y)), len(source.labels))
        smaller.append(replace(piece, source=source.limited(count, seed)))
    return smaller
