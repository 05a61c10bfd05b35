"""Structures from files that a user names: CIF and POSCAR by pymatgen (ASE drops occupancies), all others by ASE.

Only text is parsed: no pickle is ever loaded, and no folder or device is opened.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import ase.io
import numpy as np
from ase import Atoms

from saltflow.base.errors import InputError
from saltflow.base.provenance import sha256_of_file

if TYPE_CHECKING:
    from pymatgen.core import Structure

TEXT_BYTES = 65_536  # a binary file has a NUL or no UTF-8 in its first ones
OCCUPANCY_TOLERANCE = 1.02  # sums of occupancies up to here are rounded ones and scaled to 1
GIVE = "give an ordered structure as CIF, POSCAR or extended XYZ"


def read_structure(path: str | Path) -> Atoms:
    """The one structure of a file, periodic in three directions.

    A file is parsed once in a process, as long as its content stays the same.

    Raises:
        InputError: the file is missing, a folder, empty, binary or unreadable, holds several structures or none, has
            partial occupancies, or lacks a cell; the sentence names the file.
    """
    structures = read_structures(path)
    if len(structures) != 1:
        raise InputError([f"the file '{path}' holds {len(structures)} structures where one is wanted; keep one."])
    return structures[0]


def read_structures(path: str | Path) -> list[Atoms]:
    """Every structure of a file; errors as of `read_structure`."""
    path = Path(path)
    _check_text(path)
    return [structure.copy() for structure in _parsed(path, sha256_of_file(path))]


def pymatgen_structures(path: str | Path) -> "list[Structure]":
    """Every structure of a CIF or POSCAR with its occupancies; errors as of `read_structure`, but for occupancies."""
    path = Path(path)
    _check_text(path)
    with _unreadable(path):
        return _by_pymatgen(path, sha256_of_file(path))


def is_cif(path: str | Path) -> bool:
    """Whether a file is a CIF by its name: the one format that knows occupancies."""
    return Path(path).suffix.lower() == ".cif"


def _check_text(path: Path) -> None:
    if path.is_dir():
        raise InputError([f"'{path}' is a folder; name a file in it."])
    if not path.is_file():
        raise InputError([f"the file '{path}' does not exist; correct the path."])
    try:
        with path.open("rb") as file:
            head = file.read(TEXT_BYTES)
    except OSError as error:
        raise InputError([f"the file '{path}' cannot be read ({error.strerror}); correct its permissions."]) from None
    if not head.strip():
        raise InputError([f"the file '{path}' is empty; {GIVE}."])
    # A character may be cut at the end.
    if b"\0" in head or "\ufffd" in head.decode(errors="replace")[:-1]:
        raise InputError([f"the file '{path}' is binary and was not opened further; {GIVE}."])


@lru_cache(maxsize=64)
def _parsed(path: Path, content: str) -> Sequence[Atoms]:
    is_poscar = path.suffix.lower() == ".vasp" or path.name.upper().startswith(("POSCAR", "CONTCAR"))
    with _unreadable(path):
        if is_cif(path) or is_poscar:
            found = [_ordered(structure, path) for structure in _by_pymatgen(path, content)]
        else:
            found = ase.io.read(path, index=":")
    for structure in found:
        if not len(structure):
            raise InputError([f"the file '{path}' holds a structure without atoms; {GIVE}."])
        if structure.cell.rank < 3 or not np.isfinite(structure.cell.array).all():
            raise InputError([f"the file '{path}' holds a structure without a cell; {GIVE}, with its lattice."])
        if not np.isfinite(structure.positions).all():
            raise InputError([f"the file '{path}' holds a position that is not a number; {GIVE}."])
    return found


@contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    """What a parser raises becomes a sentence."""
    try:
        yield
    except (InputError, ImportError):
        raise
    except Exception as error:  # parsers raise whatever they meet
        reason = " ".join(str(error).split())[:200]
        raise InputError([f"the file '{path}' cannot be read as a structure ({reason}); {GIVE}."]) from error


@lru_cache(maxsize=64)
def _by_pymatgen(path: Path, _content: str) -> "list[Structure]":
    from pymatgen.core import Structure  # half a second
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the rounding of special positions, for nearly every CIF
        if not is_cif(path):
            return [Structure.from_str(path.read_text(), fmt="poscar")]
        return CifParser(path, occupancy_tolerance=OCCUPANCY_TOLERANCE).parse_structures(primitive=False)


def _ordered(structure: "Structure", path: Path) -> Atoms:
    if partial := [site for site in structure if not site.is_ordered]:
        sites = "; ".join(sorted({f"{site.label} with {site.species_string}" for site in partial}))
        raise InputError(
            [
                f"{len(partial)} sites of '{path}' are partially occupied ({sites}); order the structure first, with "
                "`saltflow order`."
            ]
        )
    return Atoms(
        [getattr(site.specie, "element", site.specie).symbol for site in structure],
        scaled_positions=structure.frac_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )
