"""Read a probe from its folder, or from a CSV file that another tool has written."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from holdfast.errors import HoldfastError, reading
from holdfast.planning.probe import FORMAT, Probe

FILE = "probe.json"


def read_probe(source: str | Path, forward: str | Path | None = None) -> Probe:
    """Read the transfer between tasks.

    A CSV file has `trained` as its first column and then one column per task. Row i, column k is
    B[i, k], the change on k when i is learnt after it. The diagonal is empty or ignored.

    Args:
        source: The folder of `holdfast order probe`, its probe.json, or a CSV file.
        forward: With a CSV file, a second one: row k, column i is what k, learnt before, gives
            to i. By default forward transfer is not known.

    Returns:
        The probe.

    Raises:
        HoldfastError: There is no such file, it is damaged, or a value is missing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "matrix.csv"
        ...     _ = file.write_text("trained,A,B\\nA,,-0.1\\nB,-0.2,\\n")
        ...     read_probe(file).transfer("A", on="B").estimate
        -0.1
    """
    path = Path(source)
    if path.suffix == ".csv":
        return _probe_of_tables(path, forward)
    if forward is not None:
        raise HoldfastError(
            "a second matrix goes with a CSV file; the folder of a probe has its own forward part"
        )
    # A path without a suffix is taken for a folder, also if it does not exist.
    file = path
    if path.is_dir() or not path.suffix:
        file = path / FILE
    if not file.exists():
        raise HoldfastError(
            f"there is no probe at {path}: holdfast order probe --suite … --out {path} makes one"
        )
    with reading(str(file), "JSON of a probe"):
        return probe_from(json.loads(file.read_text(encoding="utf-8")), str(file))


def probe_from(data: object, where: str = "probe") -> Probe:
    """Make a probe from what `Probe.to_json` returned.

    Args:
        data: The plain values.
        where: The source as messages call it.

    Raises:
        HoldfastError: The data are no probe, or a value is missing.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise HoldfastError(
            f"{where} is not a probe of format {FORMAT}, which this version of Holdfast reads"
        )
    with reading(where, "a probe"):
        if not isinstance(data["tasks"], list) or not isinstance(data["about"], dict):
            raise HoldfastError(
                f"{where} is not a whole probe: expected a list of tasks and an object about"
            )
        # Reading again checks everything, because a file may have been edited by hand.
        forward = None
        if data["forward"] is not None:
            forward = _array(data["forward"])
        return Probe(
            names=tuple(map(str, data["tasks"])),
            backward=_array(data["backward"]),
            forward=forward,
            estimator=str(data["estimator"]),
            signals={name: _array(values) for name, values in data["signals"].items()},
            about=data["about"],
        )


def _array(values: object) -> np.ndarray:
    """Convert nested lists to an array, in which None becomes NaN."""
    return np.array(values, dtype=float)


def _probe_of_tables(path: Path, forward: str | Path | None) -> Probe:
    """Read a probe of one seed from one or two CSV files."""
    names, backward = _read_matrix(path)
    if forward is None:
        return Probe(tuple(names), backward[None], about={"source": str(path)})
    other_names, gains = _read_matrix(Path(forward))
    if sorted(other_names) != sorted(names):
        raise HoldfastError(
            f"{forward} has other tasks than {path}: expected {', '.join(names)}, "
            f"got {', '.join(other_names)}"
        )
    # The second file may list the tasks in another order than the first.
    places = [other_names.index(name) for name in names]
    return Probe(
        names=tuple(names),
        backward=backward[None],
        forward=gains[np.ix_(places, places)][None],
        about={"source": str(path)},
    )


def _read_matrix(path: Path) -> tuple[list[str], np.ndarray]:
    """Read the names of tasks and the matrix, (K, K), from a CSV file."""
    with reading(str(path), "CSV"):
        text = io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")
        # Empty lines are skipped, and so are lines of commas alone, which spreadsheets leave.
        lines = [cells for cells in csv.reader(text) if "".join(cells).strip()]
    # The first column tells a matrix from any other CSV file.
    if not lines or lines[0][0].strip() != "trained":
        raise HoldfastError(
            f"{path}: expected a header whose first column is 'trained', then one column per task"
        )
    names = [cell.strip() for cell in lines[0][1:]]
    trained = [cells[0].strip() for cells in lines[1:]]
    _check_names(path, names, trained)
    matrix = np.full((len(names), len(names)), np.nan)
    for task, cells in zip(trained, lines[1:], strict=True):
        if len(cells) != len(names) + 1:
            raise HoldfastError(
                f"{path}: row {task!r} has {len(cells) - 1} values for {len(names)} tasks"
            )
        # Rows may come in another order than columns.
        for column, (other, cell) in enumerate(zip(names, cells[1:], strict=True)):
            # The diagonal may hold anything.
            if other != task:
                matrix[names.index(task), column] = _number(cell, path, task, other)
    return names, matrix


def _check_names(path: Path, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Raise an error if rows and columns are not the same tasks, each once."""
    if len(columns) < 2:
        raise HoldfastError(f"{path}: an order needs at least two tasks, got {len(columns)}")
    for what, names in (("columns", columns), ("rows", rows)):
        duplicates = [name for name in names if names.count(name) > 1]
        if duplicates:
            raise HoldfastError(f"{path}: {what} name task {duplicates[0]!r} twice; name it once")
    for task in columns:
        if task not in rows:
            raise HoldfastError(
                f"{path}: there is no row for task {task!r}; rows and columns name the same tasks"
            )
    for task in rows:
        if task not in columns:
            raise HoldfastError(
                f"{path}: row {task!r} is no column; rows and columns name the same tasks"
            )


def _number(text: str, path: Path, trained: str, on: str) -> float:
    """Read one cell."""
    # Text that is no number, infinity and NaN are all the same mistake.
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    problem = "the cell is empty"
    if text.strip():
        problem = f"got {text.strip()[:50]!r}"
    raise HoldfastError(
        f"{path}: no change on {on!r} when {trained!r} is learnt after it ({problem}); "
        "every pair is needed"
    )
