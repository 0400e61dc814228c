"""Members of zip archives, those compressed with Zstandard included.

The standard library knows Zstandard from Python 3.14 on. Before, its method number 93 is refused,
so the member's bytes are taken from the archive and unpacked by PyArrow.
"""

import struct
import zipfile
from pathlib import Path
from zlib import crc32

from holdfast.errors import HoldfastError, reading, require

ZSTANDARD = 93
LOCAL_HEADER = struct.Struct("<26xHH")  # ends with the lengths of the name and of further fields
# A few bytes can promise any size. The summaries of a million samples have less than this.
LARGEST = 1024**3


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member of an archive.

    Args:
        archive: The archive, which is open for reading.
        name: The name of the member.

    Returns:
        Its bytes.

    Raises:
        HoldfastError: The member is too large.
        MissingExtra: It is compressed with Zstandard, and PyArrow is not installed.
        KeyError: There is no such member.
        ValueError: It is damaged.
    """
    info = archive.getinfo(name)
    if info.file_size > LARGEST:
        raise HoldfastError(
            f"{name} of the archive has {info.file_size:,} bytes, but at most {LARGEST:,} are read"
        )
    if info.compress_type != ZSTANDARD:
        return archive.read(info)
    # Newer Pythons need no PyArrow for this, so their own way is tried first.
    try:
        return archive.read(info)
    except NotImplementedError:
        return _unpacked(_packed(archive, info), info)


def _packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read the bytes of a member as they are stored."""
    file = Path(str(archive.filename))
    with file.open("rb") as stream:
        # The lengths in the local header may differ from those in the directory of the archive.
        stream.seek(info.header_offset)
        name_length, more_length = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size))
        stream.seek(name_length + more_length, 1)
        return stream.read(info.compress_size)


def _unpacked(packed: bytes, info: zipfile.ZipInfo) -> bytes:
    """Unpack a member with PyArrow, and check its size and its sum."""
    require("parquet", "pyarrow")
    import pyarrow as pa

    # The stream ends after the promised size, so that a small member cannot fill the memory.
    # inspect-ai writes several frames after each other, which a stream reads as one.
    name = f"{info.filename} of the archive"
    with (
        reading(name, "data of Zstandard"),
        pa.input_stream(pa.BufferReader(packed), compression="zstd") as stream,
    ):
        content = bytes(stream.read(info.file_size + 1))
    if len(content) != info.file_size or crc32(content) != info.CRC:
        raise ValueError(f"{name} is damaged")
    return content
