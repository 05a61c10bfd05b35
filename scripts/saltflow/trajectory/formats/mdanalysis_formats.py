"""Files that MDAnalysis reads: DCD, XTC, TRR, Amber's NetCDF, PDB and others."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Clock, Frame, Source

log = logging.getLogger(__name__)

AKMA_PS = 0.04888821  # unit of time of CHARMM, NAMD, OpenMM and MDAnalysis
FS_PER_PS = 1000.0
ROUNDING = 3e-6  # of single precision
# Formats by how their files begin.
MAGIC = (
    (slice(4, 8), b"CORD", "DCD"),
    (slice(0, 4), b"\x00\x00\x07\xc9", "TRR"),
    (slice(0, 4), b"\x00\x00\x07\xcb", "XTC"),
    (slice(0, 4), b"\x00\x00\x07\xe7", "XTC"),
    (slice(0, 3), b"CDF", "NCDF"),
)
PDB_RECORDS = ("ATOM", "HETATM", "CRYST1", "MODEL", "TITLE", "HEADER", "REMARK", "COMPND")
WITHOUT_ATOMS = ("DCD", "TRR", "XTC", "NCDF")
VELOCITY_FORMATS = ("TRR",)


def format_of(start: bytes) -> str | None:
    """MDAnalysis's name of the format of a file that begins so; None where it is none of `MAGIC` and not PDB."""
    for where, magic, name in MAGIC:
        if start[where] == magic:
            return name
    return "PDB" if start.decode(errors="replace").startswith(PDB_RECORDS) else None


def open_by_mdanalysis(path: Path, layout: str | None) -> Source:
    """A file of a format of MDAnalysis; None lets its suffix decide."""
    from MDAnalysis import Universe  # takes half a second

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = Universe(str(path), format=layout, to_guess=())
    names = [] if layout in WITHOUT_ATOMS else names_of(universe)
    trajectory = universe.trajectory
    return Source(names, _frames(universe, path, layout), clock=_clock(trajectory, layout), oriented=layout != "DCD")


def names_of(universe) -> list[list[str]]:
    """Names of the atoms, one list per attribute of the topology that is one."""
    attributes = [name for name in ("elements", "names", "types") if hasattr(universe.atoms, name)]
    lists = [[str(name) for name in getattr(universe.atoms, attribute)] for attribute in attributes]
    return [names for names in lists if all(names)]


def _clock(trajectory, layout: str | None) -> Clock | None:
    if layout == "DCD":
        return _dcd_clock(trajectory)
    if _time_ps(trajectory.ts) is None:
        return None
    return Clock("frame number") if _is_numbering(trajectory) else Clock("time", 1.0)


def _dcd_clock(trajectory) -> Clock | None:
    """The time step of a DCD's header; its unit is AKMA where it is one of round femtoseconds only in that unit.

    LAMMPS, VMD and CP2K write the number in units of their own.
    """
    header = trajectory._file.header
    step = float(header["delta"])
    if not step > 0:
        return None
    in_akma = _is_round(step * AKMA_PS * FS_PER_PS) and not _is_round(step)
    if abs(step * AKMA_PS - 1) < ROUNDING and header["nsavc"] == 1:
        in_akma = False  # one step of 1 ps per frame: what writers give that know no time
    return Clock("time", AKMA_PS if in_akma else None, step * max(int(header["nsavc"]), 1))


def _is_round(value: float) -> bool:
    return abs(float(f"{value:.2e}") - value) <= ROUNDING * abs(value)


def _is_numbering(trajectory) -> bool:
    """Whether times and steps are the numbers of the frames: what writers give that know no time."""
    first = [trajectory[number] for number in range(min(3, trajectory.n_frames))]
    numbers = [(each.frame, float(each.data.get("time", -1.0)), each.data.get("step", -1)) for each in
               [step.copy() for step in first]]  # fmt: skip
    return all(frame == time and frame == step for frame, time, step in numbers)


def _frames(universe, path: Path, layout: str | None) -> Iterator[Frame]:
    trajectory = universe.trajectory
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(trajectory.n_frames):
            try:
                step = trajectory[number]
            except (OSError, EOFError, ValueError) as error:
                if 0 < number == trajectory.n_frames - 1:
                    log.warning("%s ends inside frame %d, which is left out.", path.name, number)
                    return
                raise SaltflowError(f"{path} is damaged in frame {number} ({error}); write it again.") from error
            positions_A, cell_A = _positions_and_cell(step)
            velocities = step.velocities.astype(float) if layout in VELOCITY_FORMATS and step.has_velocities else None
            yield Frame(
                positions_A, cell_A, clock=None if layout == "DCD" else _time_ps(step), velocities_A_ps=velocities
            )


def _positions_and_cell(step) -> tuple[np.ndarray, np.ndarray | None]:
    from MDAnalysis.lib.mdamath import triclinic_vectors

    dimensions = step.dimensions
    known = dimensions is not None and np.all(np.asarray(dimensions[:3]) > 0)
    return step.positions.astype(float), triclinic_vectors(dimensions).astype(float) if known else None


def _time_ps(step) -> float | None:
    if "time" in step.data:
        return float(step.data["time"])
    return step.frame * float(step.data["dt"]) if "dt" in step.data else None
