"""Results in files: CSV, Parquet, JSON and JSON lines, plain or compressed."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

from holdfast.errors import HoldfastError, reading
from holdfast.gate.reading.csv_files import from_csv
from holdfast.gate.reading.dataframes import from_arrow_table, pyarrow
from holdfast.gate.reading.json_files import from_json, from_json_lines
from holdfast.gate.reading.raw_table import Known, RawTable, or_matrix, refuse_equal_names
from holdfast.metrics import AccuracyMatrix

PARSERS: dict[str, Callable[[str, Known], RawTable | AccuracyMatrix]] = {
    "CSV": from_csv,
    "JSON": from_json,
    "JSON lines": from_json_lines,
}
FORMS = {  # ending of a file → its form
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".json": "JSON",
}
# The first bytes of texts in encodings that are not read.
WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
LONGEST = 500  # characters of a message


def _unpacked_zst(raw: bytes) -> bytes:
    """Decompress bytes in the format of Zstandard, which Python has no module for."""
    pa = pyarrow()
    with pa.input_stream(pa.BufferReader(raw), compression="zstd") as stream:
        return bytes(stream.read())


PACKED: dict[str, Callable[[bytes], bytes]] = {  # ending of a compressed file → how to read it
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": _unpacked_zst,
}


def read_file(path: Path, where: str, known: Known) -> RawTable | AccuracyMatrix:
    """Read the columns of a file of results, or the accuracy matrix that it holds.

    Args:
        path: A file whose name ends in one of `FORMS`, in upper or lower case. All but Parquet may
            be compressed, with one more ending: .gz, .bz2, .xz or .zst.
        where: The file as messages call it.
        known: The columns that are read.

    Returns:
        The table as it was read, or an accuracy matrix.

    Raises:
        HoldfastError: The file cannot be read, or its ending or content is of another form.
    """
    form, packing = _form_of(path, where)
    with reading(where, form):
        try:
            if form == "Parquet":
                return _from_parquet(path, known)
            raw = path.read_bytes()
            if packing:
                raw = PACKED[packing](raw)
            return PARSERS[form](_decoded(raw), known)
        except HoldfastError as error:  # from an accuracy matrix, which does not know its file
            raise HoldfastError(f"{where}: {in_one_line(error)}") from None


def _form_of(path: Path, where: str) -> tuple[str, str]:
    """Return the form of a file and the ending of its compression ("" if there is none)."""
    endings = [ending.lower() for ending in path.suffixes]
    packing = ""
    # The ending of the compression is the last one, as in results.csv.gz.
    if endings and endings[-1] in PACKED:
        packing = endings.pop()
    form = ""
    if endings:
        form = FORMS.get(endings[-1], "")
    # Parquet compresses its columns itself.
    if not form or (packing and form == "Parquet"):
        raise HoldfastError(
            f"{where}: expected a file ending in {', '.join(FORMS)}; all but Parquet may be "
            f"compressed, with one more ending ({', '.join(PACKED)})"
        )
    return form, packing


def in_one_line(error: Exception) -> str:
    """Shorten the message of an error, which may show names of any length, to one short line."""
    text = " ".join(str(error).split())
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}…"


def _decoded(raw: bytes) -> str:
    """Decode a text in UTF-8, with or without a byte order mark.

    Raises:
        ValueError: The bytes are not UTF-8.
    """
    # Spreadsheets and shells of Windows write these, so the message says what they are.
    for mark, encoding in WIDE.items():
        if raw.startswith(mark):
            raise ValueError(f"it is {encoding}; save it as UTF-8")
    # Without a mark, UTF-16 shows itself by the NUL byte of every Latin letter.
    if b"\x00" in raw:
        raise ValueError(
            "it is UTF-16 or not text at all, because it holds NUL bytes; save it as UTF-8"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1} (0x{raw[error.start]:02x})"
        raise ValueError(f"{byte} is not UTF-8; save it as UTF-8") from None


def _from_parquet(path: Path, known: Known) -> RawTable | AccuracyMatrix:
    """Read a Parquet file, or a folder of them. Only the known columns are loaded."""
    pyarrow()
    from pyarrow.parquet import ParquetDataset, ParquetFile

    if path.is_dir():
        files = ParquetDataset(path)
        names = list(files.schema.names)
        read = files.read
    else:
        file = ParquetFile(path)
        names = list(file.schema_arrow.names)
        read = file.read
    refuse_equal_names(names)
    # Texts of prompts and answers may be most of a file, and Parquet can leave them unread.
    wanted = [name for name in names if name in known]
    return or_matrix(from_arrow_table(read(columns=wanted), names, known))
