"""Compressed files, unpacked for as long as they are read."""

import bz2
import gzip
import lzma
import shutil
import zlib
from pathlib import Path

from saltflow.base.errors import SaltflowError

OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
OTHERS = (
    (b"\x28\xb5\x2f\xfd", "Zstandard"), (b"PK\x03\x04", "ZIP"), (b"7z\xbc\xaf", "7z"), (b"\x04\x22\x4d\x18", "LZ4"),
    (b"\x1f\x9d", "compress"),
)  # fmt: skip
SUFFIXES = (".gz", ".bz2", ".xz")


def unpacked(path: Path, folder: Path) -> Path:
    """The file itself, or a copy without gzip, bzip2 or xz in a folder.

    Raises:
        SaltflowError: another compression, or a damaged file.
    """
    with open(path, "rb") as file:
        start = file.read(8)
    for magic, name in OTHERS:
        if start.startswith(magic):
            raise SaltflowError(f"{path} is compressed by {name}; unpack it first.")
    opener = next((opener for magic, opener in OPENERS if start.startswith(magic)), None)
    if opener is None:
        return path
    copy = folder / (path.stem if path.suffix in SUFFIXES else path.name)
    try:
        with opener(path, "rb") as packed, open(copy, "wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise SaltflowError(f"{path} is cut or damaged ({error}); compress the trajectory again.") from error
    return copy
