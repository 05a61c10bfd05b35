"""The atoms of a trajectory that holds positions alone, from a second file."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.mdanalysis_formats import names_of


@dataclass(frozen=True)
class AtomList:
    """The atoms of a topology.

    Args:
        names: one list per naming scheme, the likeliest to be elements first.
        positions_A: (atoms, 3); None where the file holds none.
    """

    names: list[list[str]]
    positions_A: np.ndarray | None


def read_topology(path: Path) -> AtomList:
    """The atoms of a PDB, GRO, PSF, DATA, CIF, POSCAR, extended XYZ or any other file that MDAnalysis or ASE reads.

    Raises:
        SaltflowError: neither reads it.
    """
    if not path.is_file():
        raise SaltflowError(f"There is no file {path}; correct --topology.")
    for reader in (_by_mdanalysis, _by_ase):
        try:
            found = reader(path)
        except Exception:  # parsers raise anything for a file of another kind
            continue
        if found.names:
            return found
    raise SaltflowError(f"{path} could not be read as a topology; give a PDB, GRO, CIF, POSCAR or extended XYZ file.")


def _by_mdanalysis(path: Path) -> AtomList:
    from MDAnalysis import Universe

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = Universe(str(path), to_guess=())
        positions = universe.atoms.positions.astype(float) if hasattr(universe, "trajectory") else None
    return AtomList(names_of(universe), positions)


def _by_ase(path: Path) -> AtomList:
    from ase.io import read

    atoms = read(path)
    return AtomList([atoms.get_chemical_symbols()], atoms.positions)
