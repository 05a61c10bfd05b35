"""Write labelled frames for other programs: extended XYZ, and LMDB of ASE rows (MACE, fairchem)."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write
from saltflow.labels.frames import write_frames
from saltflow.materials.frame_info import FrameInfo

SUFFIXES = (".extxyz", ".xyz", ".aselmdb", ".lmdb")
ROOM = 2  # × the rows, for LMDB's pages
PAGE_BYTES = 1 << 24
LABELS = (FrameInfo.reference_energy_eV.on_disk, FrameInfo.reference_stress_eV_A3.on_disk)


def export(path: Path, frames: Sequence[Atoms]) -> None:
    """Write labelled frames; the suffix decides the format.

    Raises:
        SaltflowError: unknown suffix.
    """
    if path.suffix not in SUFFIXES:
        raise SaltflowError(f"{path}: the name must end in one of {', '.join(SUFFIXES)}.")
    if path.suffix in (".extxyz", ".xyz"):
        write_frames(path, frames)
    else:
        write_lmdb(path, frames)


def write_lmdb(path: str | os.PathLike, frames: Sequence[Atoms]) -> None:
    """Write frames as an LMDB of ASE rows (aselmdb): zlib-packed JSON under running numbers from 1.

    Labels are energy, forces and stress (Voigt's order) of ASE's calculators. Everything else is in key_value_pairs, as
    text unless it is a number.
    """
    import lmdb
    import orjson

    rows = [zlib.compress(orjson.dumps(_row(frame), option=orjson.OPT_SERIALIZE_NUMPY)) for frame in frames]
    entries = {str(number): row for number, row in enumerate(rows, start=1)}
    entries |= {name: zlib.compress(orjson.dumps(value)) for name, value in _bookkeeping(len(rows)).items()}
    with atomic_write(path) as temporary:
        temporary.unlink()
        room = ROOM * sum(map(len, entries.values())) + PAGE_BYTES
        with lmdb.open(str(temporary), map_size=room, subdir=False, lock=False) as database:
            with database.begin(write=True) as transaction:
                for name, value in entries.items():
                    transaction.put(name.encode("ascii"), value)
            database.sync(True)


def _bookkeeping(count: int) -> dict[str, object]:
    """Entries of the database beside its rows."""
    return {"nextid": count + 1, "deleted_ids": [], "metadata": {}}


def _row(frame: Atoms) -> dict:
    from ase.db.row import AtomsRow

    plain, info = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc), FrameInfo.of(frame)
    plain.calc = SinglePointCalculator(
        plain,
        energy=info.reference_energy_eV,
        forces=info.reference_forces_eV_A,
        stress=np.array([info.reference_stress_eV_A3[index] for index in _VOIGT]),
    )
    row = AtomsRow(plain)
    row.user, row.ctime = "", 0.0
    known = getattr(row, "_keys", [])
    content = {key: row[key] for key in row.__dict__ if not key.startswith("_") and key != "id" and key not in known}
    content |= {"cell": np.asarray(row.cell), "mtime": 0.0}
    content["key_value_pairs"] = {key: _plain(value) for key, value in info.as_dict().items() if key not in LABELS}
    return content


_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def _plain(value: object) -> str | float | int | bool:
    if isinstance(value, str | bool | int | float):
        return value
    return value.item() if isinstance(value, np.generic) else str(value)
