"""All labels that were ever computed, kept by what they are: the structure and the settings of the reference.

A label in the store is never computed again and never deleted: products of a generation are written from it, whatever
else has changed. One folder may serve many sweeps.

In the folder of a reference, every job appends to a file of its own, one line per label: key, SHA-256 and the label as
JSON. A line that a kill cut short, or that does not match its SHA-256, counts as absent.
"""

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from ase import Atoms

from saltflow.base.provenance import write_json
from saltflow.campaign.settings.references import Reference

log = logging.getLogger(__name__)

FOLDER = "labels"  # of a sweep that shares none
ENDING = ".labels"


def key_of_structure(atoms: Atoms) -> str:
    """SHA-256 of elements, positions, cell and periodicity, in hexadecimal; the order of the atoms counts."""
    found = hashlib.sha256()
    for part in (atoms.numbers.astype("<i8"), _bits(atoms.positions), _bits(atoms.cell.array), atoms.pbc):
        found.update(part.tobytes())
    return found.hexdigest()


def key_of_isolated_atom(element: str) -> str:
    """SHA-256 that stands for the isolated atom of an element, in hexadecimal."""
    return hashlib.sha256(f"isolated atom of {element}".encode()).hexdigest()


class LabelStore(AbstractContextManager):
    """The labels of one reference; many jobs may read and write at once, each within a `with` block of its own.

    Args:
        folder: of all references; None for that of the sweep, the working directory.
        reference: its settings that change a label name the folder of its labels.
        protocol: `labels.protocol`; with another one everything is computed anew, and both are kept.
    """

    def __init__(self, folder: str | os.PathLike | None, reference: Reference, *, protocol: int):
        self.folder = Path(folder or FOLDER) / f"{reference.digest()}-{protocol}"
        self._about = {"reference": reference.identity(), "protocol": protocol}
        self._file: BinaryIO | None = None

    def find(self, keys: Collection[str]) -> dict[str, dict]:
        """Key → label of those keys that are there; damaged lines are passed over with a warning."""
        wanted, found = {key.encode() for key in keys}, {}
        for path in sorted(self.folder.glob(f"*{ENDING}")):
            for number, line in _whole_lines(path):
                key, _, rest = line.partition(b" ")
                if key not in wanted or key.decode() in found:
                    continue
                checksum, _, content = rest.partition(b" ")
                if hashlib.sha256(content).hexdigest().encode() == checksum:
                    found[key.decode()] = json.loads(content)
                else:
                    log.warning("line %d of %s is damaged; its label is computed again", number, path)
        return found

    def add(self, key: str, label: Mapping) -> None:
        """Put a label on the disk before anything else happens."""
        content = json.dumps(label, default=_as_list).encode()
        if self._file is None:
            self._file = self._own_file()
        self._file.write(b" ".join([key.encode(), hashlib.sha256(content).hexdigest().encode(), content]) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(self, *_) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _own_file(self) -> BinaryIO:
        if not (self.folder / "reference.json").exists():
            write_json(self.folder / "reference.json", self._about)
        return open(self.folder / f"{uuid.uuid4().hex}{ENDING}", "xb")


def _whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.endswith(b"\n"):
                yield number, line[:-1]


def _bits(values: np.ndarray) -> np.ndarray:
    """Float64 in one byte order, with one zero."""
    return (np.asarray(values) + 0.0).astype("<f8")


def _as_list(value: object) -> list | float:
    """NumPy values for JSON; floats keep every digit."""
    return np.asarray(value).tolist()
