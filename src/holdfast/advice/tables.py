"""Reading training and serving data for the audit, from a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, reading, require
from holdfast.text import safe_name

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".parquet", ".csv", ".json", ".jsonl")


def read_table(path: Path) -> "pd.DataFrame":
    """Read a table for `audit`, in the format that the file's ending names.

    Args:
        path: A file that ends in .parquet, .csv, .json (a list of rows) or .jsonl (a row per line).

    Returns:
        The table.

    Raises:
        HoldfastError: The file has another ending, is missing, or is damaged.
        MissingExtra: A Parquet file needs pyarrow, which is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "train.csv"
        ...     _ = path.write_text("shop,price\\na,3\\n")
        ...     list(read_table(path).columns)
        ['shop', 'price']
    """
    name = safe_name(str(path))
    if path.suffix not in ENDINGS:
        raise HoldfastError(f"{name}: expected a file ending in {', '.join(ENDINGS)}")
    if path.suffix == ".parquet":
        require("parquet", "pyarrow")
    with reading(name, path.suffix.removeprefix(".")):
        frame = _read(path)
    # JSON may hold a list of numbers, which pandas takes for a table with the column 0.
    if not all(isinstance(column, str) for column in frame.columns):
        raise HoldfastError(f"{name} holds no table; expected rows with named columns")
    return frame


def _read(path: Path) -> "pd.DataFrame":
    """Read a table with the reader of its ending."""
    import pandas as pd

    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        return pd.read_csv(path)
    frame: pd.DataFrame = pd.read_json(path, lines=path.suffix == ".jsonl")
    return frame
