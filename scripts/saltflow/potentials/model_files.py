"""What a model file is, without loading it: a pickle can run any program, and torch takes seconds to import."""

import os
import pickletools
import zipfile
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from saltflow.base.errors import SaltflowError

ZIP_MAGIC, PICKLE_MAGIC = b"PK\x03\x04", b"\x80"  # of torch since 1.6, and before
ZIP_END, ZIP_END_BYTES = b"PK\x05\x06", 22  # the last record; a truncated file may hold others, of a file within
FETCH = "fetch it again, or restore it from where it came"


def check_model_file(path: str | Path) -> None:
    """Make sure that a file can be a model that torch has saved.

    Raises:
        SaltflowError: it is empty, a web page, truncated or of another kind.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(512).lstrip()
        file.seek(-min(ZIP_END_BYTES, path.stat().st_size), os.SEEK_END)
        is_whole = file.read().startswith(ZIP_END)
    if not head:
        raise SaltflowError(f"The model {path} is empty; {FETCH}.")
    if head.startswith(b"<"):
        raise SaltflowError(f"The model {path} is a web page, so its download failed; {FETCH}.")
    if head.startswith(b"{"):
        raise SaltflowError(f"The model {path} is the card of a universal potential, which only dynamics here can use.")
    if head.startswith(ZIP_MAGIC):
        if not is_whole:
            raise SaltflowError(f"The model {path} is truncated; {FETCH}.")
    elif not head.startswith(PICKLE_MAGIC):
        raise SaltflowError(f"The model {path} is no file of torch; {FETCH}.")


def elements_of(path: str | Path) -> set[str] | None:
    """Symbols of the elements that a MACE model knows; None where its file does not tell.

    The pickle is read as a list of instructions, of which none is carried out: they name the tensor `atomic_numbers`
    and the entry of the zip file that holds it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            key = next(_storage_keys(archive.read(pickled)))
            numbers = np.frombuffer(archive.read(pickled.replace("data.pkl", f"data/{key}")), dtype="<i8")
    except (zipfile.BadZipFile, ValueError, KeyError, StopIteration):
        return None
    known = 0 < len(set(numbers)) == len(numbers) and min(numbers) > 0 and max(numbers) < len(chemical_symbols)
    return {chemical_symbols[number] for number in numbers} if known else None


def _storage_keys(pickled: bytes) -> Iterator[str]:
    """The names of storages, which are digits, from `atomic_numbers` to the first tensor."""
    arguments = ((code.name, value) for code, value, _ in pickletools.genops(pickled))
    after = dropwhile(lambda each: each[1] != "atomic_numbers", arguments)
    tensor = takewhile(lambda each: each[0] != "BINPERSID", after)
    return (value for name, value in tensor if name == "BINUNICODE" and value.isdigit())
