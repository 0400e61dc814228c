"""How a user's own data are read: decided and fitted on the first data, applied to all later ones.

A learner that gets next month's data must read them as it read the first ones: the same columns,
the same means, the same categories, the same size of images. Nothing is fitted again. A category or
a word that is new is treated as one that only test rows have.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import Tensor

from holdfast.errors import HoldfastError, one_of, reading
from holdfast.named_inputs import Inputs
from holdfast.streams.own_data.encoding import ENCODED, Encoding, combined, encoded, tokens
from holdfast.streams.own_data.examples import IMAGE, Examples, open_examples
from holdfast.streams.own_data.files import IMAGES, TABLES, existing, files_in, suffix_of
from holdfast.streams.own_data.folders import by_folders, read_path
from holdfast.streams.own_data.images import decoded, paths_in
from holdfast.streams.own_data.missing import without_missing
from holdfast.streams.own_data.options import ROLES, Options
from holdfast.streams.own_data.roles import TARGET, Role, label_column
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.table_files import table_of
from holdfast.streams.own_data.values import image_names

# What later data may have of their own, because it says nothing about the inputs.
OF_EACH = ("label", "test", "test_column")
# What columns are for that are no inputs.
USES = ("label", TARGET, "task", "time", "test", "groups")
CHANNELS = {"grayscale": 1, "rgb": 3}


@dataclass(frozen=True)
class Reader:
    """How a user's own data are read.

    Args:
        options: What the user said of the first data, with the colours of images decided.
        roles: Column → what it is used for. Images in folders of classes have one column of files.
        encoding: What was fitted on the first data.

    Example:
        >>> import pandas as pd
        >>> rows = {"price": [1.0, 3.0] * 5, "label": ["a", "b"] * 5}
        >>> _, reader = first_reader(table_of(pd.DataFrame(rows)), Options())
        >>> reader.inputs(table_of(pd.DataFrame({"price": [2.0]}))).tolist()
        [[0.0]]
    """

    options: Options
    roles: dict[str, str]
    encoding: Encoding = field(default_factory=Encoding)

    @cached_property
    def inputs_of(self) -> dict[str, Role]:
        """Column → role of the columns that are inputs."""
        kinds = (*ENCODED, "image")
        return {name: Role(kind, "") for name, kind in self.roles.items() if kind in kinds}

    @property
    def reads_images(self) -> bool:
        """Whether the inputs are images."""
        return "image" in self.roles.values()

    def examples(self, table: Table, own: Options) -> Examples:
        """Read later data with labels.

        Args:
            table: The data.
            own: What the user says of them: their label column and their test rows.

        Raises:
            HoldfastError: A column is missing, or a value is wrong. The message names its place.
        """
        for name in self.inputs_of:
            table.column(name)  # the error names the columns that there are
        named = replace(
            self.options,
            label=own.label or self.options.label,
            test=own.test,
            test_column=own.test_column,
        )
        named = by_folders(table, named)
        label = None if named.targets else label_column(table, named)
        # A column that is no input and has no use, such as one that the first data did not have,
        # must not become an input by the rules.
        roles = {name: "unused" for name in table.columns if name not in self.inputs_of}
        roles |= {name: role.kind for name, role in self.inputs_of.items()}
        for used in (label, *named.targets, own.test_column, self.options.groups):
            if used in self.inputs_of:
                raise HoldfastError(
                    f"column {used!r} of {table.name} is an input of this learner, so it can't be "
                    "the label or say which rows are test rows; name another column"
                )
            roles.pop(used or "", None)
        options = replace(named, label=label, text=(), inputs=(), roles=roles)
        examples = open_examples(table, options)
        # In the order of the first data, whatever order the columns have here.
        ordered = {name: examples.roles[name] for name in self.inputs_of} | examples.roles
        return replace(examples, roles=ordered, encoding=self.encoding)

    def inputs(self, data: object) -> Inputs:
        """Read data without labels, to answer for them.

        Args:
            data: A table, a path of a table, an image or a folder, a data frame, or a list of
                texts or of paths of images.

        Returns:
            One row of inputs per row, image or text, (N, ...), or several such tensors.

        Raises:
            HoldfastError: The data are of another kind, a column is missing, or a value is wrong.
        """
        if self.reads_images and not self.options.separate_inputs:
            return self._pixels(image_paths(data))
        table = self.table(data)
        for name in self.inputs_of:
            table.column(name)
        missing = self.options.missing
        # Each row gets an answer, so none can be dropped.
        if missing == "drop":
            missing = "refuse"
        without_missing(table, self.inputs_of, missing)
        if self.options.tokenizer is not None:
            return tokens(table, self.inputs_of, self.options)
        tensors = {}
        for name, role in self.inputs_of.items():
            if role.kind == "image":
                tensors[IMAGE] = self._pixels(paths_in(table, name))
        tensors |= encoded(table, self.inputs_of, self.encoding, self.options)
        return combined(tensors, table.name, self.options)

    def _pixels(self, paths: Sequence[Path]) -> Tensor:
        """The pixels of images, (N, C, H, W)."""
        size = self.options.image_size
        return torch.from_numpy(decoded(paths, size, CHANNELS[self.options.color]))

    def table(self, data: object) -> Table:
        """The rows of a path, of a data frame, or of a list of texts.

        Raises:
            HoldfastError: The data are none of these, or the learner reads more than texts.
        """
        if isinstance(data, Table):
            return data
        if isinstance(data, str | Path):
            return read_path(data)
        if not isinstance(data, list | tuple):
            return table_of(data)
        columns = list(self.inputs_of)
        if [role.kind for role in self.inputs_of.values()] != ["text"]:
            raise HoldfastError(
                "a list of texts is enough only for a learner whose one input is a text; this one "
                f"reads the columns {', '.join(columns)}: pass a data frame with them"
            )
        for number, text in enumerate(data):
            if not isinstance(text, str):
                raise HoldfastError(f"text {number + 1} of the list is {text!r}; expected a text")
        import pandas as pd

        return table_of(pd.DataFrame({columns[0]: list(data)}, dtype=object), "the list")

    # ---- on disk

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Any) -> "Reader":
        """Make a reader from what `to_plain` returned.

        Raises:
            HoldfastError: The values are something else.
        """
        with reading("the reading of own data in the learner's file", "what Holdfast wrote"):
            reader: Reader = TypeAdapter(cls).validate_python(plain)
            for column, kind in reader.roles.items():
                one_of(f"role of column {column!r}", kind, (*ROLES, *USES))
                if kind == "category" and column not in reader.encoding.categories:
                    raise KeyError(column)
            for mean, deviation in reader.encoding.scales.values():
                if not (np.isfinite(mean) and np.isfinite(deviation) and deviation):
                    raise ValueError("a scale is not a finite number")
            if reader.reads_images:
                one_of("color", reader.options.color, CHANNELS)
            return reader


def first_reader(table: Table, options: Options) -> tuple[Examples, Reader]:
    """Read the first data, and decide how all later ones are read.

    Args:
        table: The data.
        options: What the user says of them.

    Returns:
        The examples, and the reader for later data.

    Raises:
        HoldfastError: A value is missing or wrong. The message names its file, row and column.
    """
    examples = open_examples(table, options)
    roles = {name: role.kind for name, role in examples.roles.items()}
    if examples.images is not None:
        color = "grayscale" if examples.images.pixels.shape[1] == 1 else "rgb"
        return examples, Reader(replace(options, color=color), roles)
    encoding = examples.fitted(np.ones(len(examples), dtype=bool))
    return replace(examples, encoding=encoding), Reader(options, roles, encoding)


def image_paths(data: object) -> list[Path]:
    """The images that a user names.

    Args:
        data: The path of an image or of a folder of images, or a list of such paths.

    Raises:
        HoldfastError: There is no image, or it is something else.
    """
    given: Sequence[object] = data if isinstance(data, list | tuple) else [data]
    paths: list[Path] = []
    if isinstance(data, str | Path) and suffix_of(Path(data)) in TABLES:
        return _named_in(read_path(data))
    for one in given:
        if not isinstance(one, str | Path):
            raise HoldfastError(
                f"this learner answers for images, got {type(one).__name__}; pass the path of an "
                "image or of a folder, a list of paths, or a tensor of pixels"
            )
        path = existing(one)
        found = [path]
        if path.is_dir():
            found = [file for file in files_in(path) if suffix_of(file) in IMAGES]
        if not found:
            raise HoldfastError(f"the folder {path.name} holds no image; name another one")
        paths += found
    return paths


def _named_in(table: Table) -> list[Path]:
    """The images that the one column of their names in a table names."""
    for column in table.columns:
        if len(image_names(table.frame[column])):
            return paths_in(table, column)
    raise HoldfastError(
        f"{table.name} names no images, but this learner answers for images; give the folder of "
        "the images, or a table with their names in the folder"
    )
