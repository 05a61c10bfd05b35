"""Open a trajectory of another program: its content decides the format, not its name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.ase_formats import TRAJ, ULM, open_by_ase
from saltflow.trajectory.formats.foreign_h5md import is_h5md, open_h5md
from saltflow.trajectory.formats.lammps_dump import open_lammps_dump
from saltflow.trajectory.formats.mdanalysis_formats import format_of, open_by_mdanalysis
from saltflow.trajectory.formats.source import Frame, Source
from saltflow.trajectory.formats.vaspout import is_vaspout, open_vaspout
from saltflow.trajectory.formats.xdatcar import is_xdatcar, open_xdatcar
from saltflow.trajectory.formats.xyz import is_xyz, open_xyz

HEAD_LINES, LONGEST_LINE = 12, 1 << 20
HEAD_BYTES = 400
UNREADABLE = {
    "an archive (tar); unpack it and give the trajectory in it": b"ustar",
    "a binary dump of LAMMPS; convert it by LAMMPS's binary2txt, or write the dump as text": b"DUMPCUSTOM",
    "a binary dump of style atom of LAMMPS; write the dump as text": b"DUMPATOM",
}
NETCDF = (".nc", ".ncdf", ".netcdf")
ML_AB = "1.0 Version"  # the first line of VASP's training data


def open_source(path: Path, *, atoms: int | None) -> Source:
    """Open a trajectory.

    Args:
        path: the trajectory, not compressed.
        atoms: number of atoms of the topology, where there is one.

    Raises:
        SaltflowError: it is empty, no trajectory, or cannot be read.
    """
    try:
        opened = _opened(path, atoms)
        return replace(opened, frames=_guarded(opened.frames, path))
    except SaltflowError:
        raise
    except Exception as error:  # parsers raise anything for a file of another kind
        reason = " ".join(str(error).split("Error: ")[-1].split(". ")[0].split())[:150]
        raise SaltflowError(
            f"{path} could not be read as a trajectory ({type(error).__name__}: {reason}); "
            "give H5MD, extended XYZ, a LAMMPS dump, XDATCAR, DCD, XTC, TRR or .traj."
        ) from error


def _guarded(frames: Iterator[Frame], path: Path) -> Iterator[Frame]:
    number = 0
    try:
        for frame in frames:
            yield frame
            number += 1
    except SaltflowError:
        raise
    except Exception as error:  # parsers raise anything for a damaged file
        reason = " ".join(str(error).split())[:150]
        raise SaltflowError(
            f"{path} is damaged in frame {number} ({type(error).__name__}: {reason}); write it again or cut it there."
        ) from error


def _opened(path: Path, atoms: int | None) -> Source:
    with open(path, "rb") as file:
        start = file.read(1024)
    if not start.strip():
        raise SaltflowError(f"{path} is empty; write it again.")
    if kind := next((kind for kind, magic in UNREADABLE.items() if magic in start[:HEAD_BYTES]), None):
        raise SaltflowError(f"{path} is {kind}.")
    if start.startswith(ULM):
        return open_by_ase(path, TRAJ)
    if h5py.is_hdf5(path):
        return _open_hdf5(path, atoms)
    if layout := format_of(start):
        return open_by_mdanalysis(path, layout)
    return _open_text(path)


def _open_hdf5(path: Path, atoms: int | None) -> Source:
    with h5py.File(path, "r") as file:
        of_vasp, of_h5md = is_vaspout(file), is_h5md(file)
    if of_vasp:
        return open_vaspout(path)
    if of_h5md:
        return open_h5md(path, atoms=atoms)
    if path.suffix in NETCDF:
        return open_by_mdanalysis(path, "NCDF")
    raise SaltflowError(f"{path} is HDF5, but neither H5MD nor a vaspout.h5; write the trajectory as H5MD.")


def _open_text(path: Path) -> Source:
    head = _first_lines(path)
    if head[0].startswith("ITEM:"):
        return open_lammps_dump(path)
    if is_xdatcar(head):
        return open_xdatcar(path)
    if is_xyz(head):
        return open_xyz(path)
    if head[0].strip().startswith(ML_AB):
        raise SaltflowError(
            f"{path} is VASP's ML_AB: training configurations chosen from a run, at no constant interval; "
            "give the XDATCAR or vaspout.h5 of the run, or import the file as labels (saltflow dataset import)."
        )
    try:
        return open_by_mdanalysis(path, None)
    except (ValueError, TypeError, ImportError, LookupError, NotImplementedError):
        return open_by_ase(path)


def _first_lines(path: Path) -> list[str]:
    with open(path, errors="replace") as file:
        return [file.readline(LONGEST_LINE) for _ in range(HEAD_LINES)]
