"""Folders of data: images in a folder per class, images with a table, and several tables."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.streams.own_data.files import IMAGES, TABLES, existing, files_in, suffix_of
from holdfast.streams.own_data.options import Options
from holdfast.streams.own_data.table import Table
from holdfast.streams.own_data.table_files import checked, read_table
from holdfast.text import safe_name

# What folders and files of training and test data are called.
SIDES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
}
FILE = "file"  # the column of file names, of images or of the tables that rows were in
LABEL = "label"  # the column of class folders
FOLDER = "folder"  # the column of folders above those of the classes
MOST_NAMED = 3  # files or folders in a message
LAYOUT = (
    "expected a folder per class (cat/1.jpg), perhaps below train and test or below a folder per "
    "task, or images with one table of their names and labels"
)


def read_path(location: str | Path) -> Table:
    """Read data from a path.

    Args:
        location: A table file, or a folder of images or tables.

    Raises:
        HoldfastError: There is nothing, or nothing that can be read.
    """
    path = existing(location)
    if path.is_file():
        # Columns with names of images mean files beside the table.
        return replace(read_table(path), folder=path.parent, origin=path)
    files = files_in(path)
    tables = [file for file in files if file.parent == path and suffix_of(file) in TABLES]
    images = [file for file in files if suffix_of(file) in IMAGES]
    name = safe_name(path.absolute().name)
    if tables:
        table = _of_tables(tables, name)
        if images:
            return replace(table, folder=path, origin=path)
        return table
    if not images:
        raise HoldfastError(f"the folder {name} holds no image and no table; {LAYOUT}")
    table = _of_images(path, images, name)
    return table.noted(*_left_out(path, files))


# ---- tables


def _of_tables(paths: Sequence[Path], name: str) -> Table:
    """One table of several files: those of training and test, or one for each part of the data."""
    if len(paths) == 1:
        return read_table(paths[0])
    tables = [read_table(path) for path in paths]
    # The name of each file says which side its rows are on, or which part they are.
    stems = [path.name.partition(".")[0] for path in paths]
    first = tables[0]
    for table in tables[1:]:
        if set(table.columns) != set(first.columns):
            different = sorted(set(table.columns) ^ set(first.columns))
            raise HoldfastError(
                f"{table.name} and {first.name} in the folder {name} have different columns "
                f"({', '.join(different[:MOST_NAMED])}); give them the same ones, or name one file"
            )
    joined = join(tables, name)
    counts = [len(table) for table in tables]
    sides = sides_of(stems)
    if sides is not None:
        return replace(joined, sides=np.repeat(np.array(sides, dtype=object), counts))
    if FILE in first.columns:
        return joined
    # Files of months or customers are tasks if the user names this column.
    joined.frame.insert(0, FILE, np.repeat(np.array(stems, dtype=object), counts))
    return replace(joined, added=(FILE,))


def join(tables: Sequence[Table], name: str) -> Table:
    """Put the rows of several tables with the same columns together."""
    import pandas as pd

    as_text = {table.as_text for table in tables}
    if len(as_text) > 1:
        raise HoldfastError(
            f"{tables[0].name} and the data joined with it have different forms, of which CSV "
            "writes numbers as text; give all of them in one form"
        )
    frames = [table.frame[tables[0].columns] for table in tables]
    parts = tuple(part for table in tables for part in table.parts)
    notes = tuple(note for table in tables for note in table.notes)
    joined = Table(
        pd.concat(frames, ignore_index=True), name, parts, as_text=as_text.pop(), notes=notes
    )
    folders = {table.folder for table in tables}
    if len(folders) == 1:
        return replace(joined, folder=folders.pop())
    return joined


def sides_of(names: Sequence[str]) -> list[str] | None:
    """The sides that names stand for.

    Args:
        names: Names of files, folders or values, such as "train" and "test".

    Returns:
        "train" or "test" for each name. Validation data are test data if there are no others, and
        training data otherwise, because validation examples are drawn from those. None: some name
        stands for no side, or there are no training data.

    Example:
        >>> sides_of(["train", "val"]), sides_of(["train", "val", "test"]), sides_of(["cats"])
        (['train', 'test'], ['train', 'train', 'test'], None)
    """
    found = [SIDES.get(name.strip().lower()) for name in names]
    if None in found or "train" not in found:
        return None
    validation = "train" if "test" in found else "test"
    return [validation if side == "validation" else str(side) for side in found]


def sided(train: Table, test: Table) -> Table:
    """Put training and test data together, each row with its side.

    Raises:
        HoldfastError: They have different columns.
    """
    if set(train.columns) != set(test.columns):
        different = sorted(set(train.columns) ^ set(test.columns))
        raise HoldfastError(
            f"training and test data have different columns ({', '.join(different[:MOST_NAMED])}); "
            "give them the same ones"
        )
    sides = np.repeat(np.array(["train", "test"], dtype=object), [len(train), len(test)])
    return replace(join([train, test], train.name), sides=sides)


# ---- images


def _of_images(path: Path, images: Sequence[Path], name: str) -> Table:
    """A table of images whose folders say what they are."""
    import pandas as pd

    places = [image.relative_to(path).parts for image in images]
    tops = sorted({place[0] for place in places if len(place) > 1})
    sides = sides_of(tops)
    folders = [place[:-1] for place in places]
    side_of_row = None
    if sides is not None and all(folders):
        side_of = dict(zip(tops, sides, strict=True))
        side_of_row = np.array([side_of[folder[0]] for folder in folders], dtype=object)
        folders = [folder[1:] for folder in folders]
    _check_depth(images, folders, path)
    columns = {FILE: ["/".join(place) for place in places]}
    if len(folders[0]) > 1:
        columns[FOLDER] = [folder[0] for folder in folders]
    columns[LABEL] = [folder[-1] for folder in folders]
    table = checked(pd.DataFrame(columns, dtype=object), name, as_text=True)
    return replace(table, sides=side_of_row, folder=path, origin=path)


def by_folders(table: Table, options: Options) -> Options:
    """Take "class" as another name of the column that folders of classes make.

    Args:
        table: The table, of images or of something else.
        options: What the user says of its columns.

    Returns:
        The options with the name that the column has.
    """
    made = {FILE, FOLDER, LABEL}
    if options.label == "class" and LABEL in table.columns and made.issuperset(table.columns):
        return replace(options, label=LABEL)
    return options


def _check_depth(images: Sequence[Path], folders: Sequence[tuple[str, ...]], path: Path) -> None:
    """Refuse images that no folder gives a class to, or that lie at different depths."""
    name = safe_name(path.absolute().name)
    depth = len(folders[0])
    for image, folder in zip(images, folders, strict=True):
        where = safe_name(image.relative_to(path).as_posix())
        if not folder:
            raise HoldfastError(
                f"{where} in the folder {name} is in no folder of a class; {LAYOUT}"
            )
        if len(folder) != depth or depth > 2:
            raise HoldfastError(
                f"{where} in the folder {name} is not as deep as expected ({len(folder)} folders "
                f"above it, {depth} above {safe_name(images[0].relative_to(path).as_posix())}); "
                f"{LAYOUT}"
            )


def _left_out(path: Path, files: Sequence[Path]) -> list[str]:
    """Say which files and folders bring no example."""
    notes = []
    others = [file for file in files if suffix_of(file) not in (*IMAGES, *TABLES)]
    if others:
        named = [safe_name(file.relative_to(path).as_posix()) for file in others[:MOST_NAMED]]
        count = f"{len(others)} files are no images that can be read, and are"
        if len(others) == 1:
            count = "1 file is no image that can be read, and is"
        notes.append(f"{count} left out: {', '.join(named)}")
    used = {parent for file in files for parent in file.parents}
    empty = [one for one in sorted(path.rglob("*")) if one.is_dir() and one not in used]
    if empty:
        names = [safe_name(one.relative_to(path).as_posix()) for one in empty[:MOST_NAMED]]
        notes.append(f"some folders hold no file, so they are no class: {', '.join(names)}")
    return notes
