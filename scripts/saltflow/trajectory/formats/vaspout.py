"""VASP's vaspout.h5: its ionic steps.

Source: the layout that py4vasp reads (https://www.vasp.at/py4vasp): fractional positions and lattice vectors in Å in
`intermediate/ion_dynamics`, species in `results/positions`, the input in `input/incar`.
"""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Clock, Frame, Source

STEPS, FINAL, INCAR = "intermediate/ion_dynamics", "results/positions", "input/incar"
FS_PS = 1e-3
FRAMES_AT_ONCE = 200


def is_vaspout(file: h5py.File) -> bool:
    """Whether an HDF5 file is a vaspout.h5."""
    return f"{STEPS}/position_ions" in file or (FINAL in file and "input/poscar" in file)


def open_vaspout(path: Path) -> Source:
    """A vaspout.h5 of molecular dynamics.

    Raises:
        SaltflowError: it holds no ionic steps.
    """
    with h5py.File(path, "r") as file:
        if f"{STEPS}/position_ions" not in file:
            raise SaltflowError(f"{path} holds no ionic steps of molecular dynamics; give the file of an MD run.")
        where = FINAL if f"{FINAL}/ion_types" in file else "input/poscar"
        called = [_text(name) for name in file[f"{where}/ion_types"][:]]
        counts = file[f"{where}/number_ion_types"][:]
        names = [name for name, count in zip(called, counts, strict=True) for _ in range(int(count))]
        clock = _clock(file)
    return Source([names], _frames(path), clock=clock)


def _clock(file: h5py.File) -> Clock:
    """Ionic steps; of POTIM fs where the run is molecular dynamics and every step is written."""
    tags = {name: file[f"{INCAR}/{name}"][()] for name in ("IBRION", "POTIM", "NBLOCK", "ML_OUTBLOCK")
            if f"{INCAR}/{name}" in file}  # fmt: skip
    every_step = all(int(tags.get(name, 1)) == 1 for name in ("NBLOCK", "ML_OUTBLOCK"))
    dynamics = int(tags.get("IBRION", 0)) == 0 and "POTIM" in tags
    return Clock("ionic step", FS_PS * float(tags["POTIM"]) if dynamics and every_step else None, 1.0)


def _frames(path: Path) -> Iterator[Frame]:
    with h5py.File(path, "r") as file:
        positions, cells = file[f"{STEPS}/position_ions"], file.get(f"{STEPS}/lattice_vectors")
        scale = file[f"{STEPS}/scale"][()] if f"{STEPS}/scale" in file else 1.0
        if cells is None:
            raise SaltflowError(f"{path} holds no lattice vectors of its ionic steps; give the XDATCAR of the run.")
        for start in range(0, len(positions), FRAMES_AT_ONCE):
            stop = min(start + FRAMES_AT_ONCE, len(positions))
            some_A = (
                scale * cells[start:stop] if cells.ndim == 3 else np.repeat(scale * cells[:][None], stop - start, 0)
            )
            for fractional, cell_A in zip(positions[start:stop], some_A, strict=True):
                yield Frame(fractional @ cell_A, cell_A)


def _text(value: bytes | str) -> str:
    return (value.decode() if isinstance(value, bytes) else value).strip()
