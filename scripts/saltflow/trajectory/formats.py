"""Files of other programs, frame by frame: extended XYZ and XDATCAR by ASE, all others by MDAnalysis."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError


@dataclass(frozen=True)
class Frame:
    """One frame of a file.

    Args:
        positions_A: wrapped or not, (atoms, 3).
        cell_A: vectors as rows, (3, 3); None where the file holds none.
        time_ps: None where the file holds none.
    """

    positions_A: np.ndarray
    cell_A: np.ndarray | None
    time_ps: float | None


@dataclass(frozen=True)
class Source:
    """A file of another program.

    Args:
        names: names of the atoms, one list per naming scheme of the file, the likeliest to be elements first.
        frames: its frames, to be read once.
    """

    names: Sequence[Sequence[str]]
    frames: Iterator[Frame]


def open_source(path: Path, *, topology: Path | None) -> Source:
    """Open a trajectory; its content decides the format.

    Args:
        path: the trajectory.
        topology: file with the atoms, for a format that holds positions alone.

    Raises:
        SaltflowError: a file is missing or cannot be read.
    """
    for each in (path, topology):
        if each is not None and not each.is_file():
            raise SaltflowError(f"There is no file {each}; correct the path.")
    head = _first_lines(path)
    try:
        if head[0].startswith("ITEM:"):
            return _lammps_dump(path)
        if len(head) > 1 and "Lattice=" in head[1]:
            return _by_ase(path, "extxyz")
        if path.name.upper().startswith("XDATCAR") or path.suffix.upper() == ".XDATCAR":
            return _by_ase(path, "vasp-xdatcar")
        return _by_mdanalysis(path, topology)
    except (ValueError, TypeError, OSError, RuntimeError, KeyError, IndexError, NotImplementedError) as error:
        reason = " ".join(str(error).split(".")[0].split())[:200]
        raise SaltflowError(
            f"{path} could not be read ({reason}); a format without atoms needs --topology with a file that has them."
        ) from error


def _first_lines(path: Path) -> list[str]:
    """The first two lines; empty where the file has none."""
    with open(path, errors="replace") as file:
        return [file.readline(4096), file.readline(4096)]


def _by_ase(path: Path, layout: str) -> Source:
    from ase.io import iread

    frames = iread(path, index=":", format=layout)
    first = next(frames)
    return Source([first.get_chemical_symbols()], (_frame(atoms) for atoms in chain([first], frames)))


def _frame(atoms: Atoms) -> Frame:
    return Frame(atoms.positions, np.array(atoms.cell) if atoms.cell.rank == 3 else None, None)


def _lammps_dump(path: Path) -> Source:
    from MDAnalysis import Universe

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = Universe(str(path), format="LAMMPSDUMP", topology_format="LAMMPSDUMP", to_guess=())
    # The dump holds no time step; MDAnalysis would take one picosecond per step.
    return Source(_names(universe), (Frame(*_positions_and_cell(step), None) for step in _steps(universe)))


def _by_mdanalysis(path: Path, topology: Path | None) -> Source:
    from MDAnalysis import Universe  # takes half a second

    paths = [str(each) for each in (topology, path) if each is not None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = Universe(*paths, to_guess=())
    return Source(_names(universe), (Frame(*_positions_and_cell(step), _time_ps(step)) for step in _steps(universe)))


def _names(universe) -> list[list[str]]:
    attributes = [name for name in ("elements", "names", "types") if hasattr(universe.atoms, name)]
    return [[str(name) for name in getattr(universe.atoms, attribute)] for attribute in attributes]


def _steps(universe) -> Iterator:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from universe.trajectory


def _positions_and_cell(step) -> tuple[np.ndarray, np.ndarray | None]:
    from MDAnalysis.lib.mdamath import triclinic_vectors

    dimensions = step.dimensions
    known = dimensions is not None and np.all(np.asarray(dimensions[:3]) > 0)
    return step.positions.astype(float), triclinic_vectors(dimensions).astype(float) if known else None


def _time_ps(step) -> float | None:
    if "time" in step.data:
        return float(step.data["time"])
    return step.frame * float(step.data["dt"]) if "dt" in step.data else None
