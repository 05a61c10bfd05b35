"""A cell relaxed with its atoms until nothing pulls at either."""

import warnings
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from ase.units import GPa

from saltflow.potentials.as_calculator import AsCalculator
from saltflow.potentials.protocol import MDPotential

RESIDUAL_GPa = 0.05  # of any component of the stress


@dataclass(frozen=True)
class RelaxedCell:
    """A cell at its minimum.

    Attributes:
        atoms: with the relaxed cell and positions.
        residual_GPa: largest component of the stress that is left.
        force_eV_A: largest force that is left.
        volume_change: of the relaxation, over the volume before.
    """

    atoms: Atoms
    residual_GPa: float
    force_eV_A: float
    volume_change: float


def relax_cell(given: Atoms, potential: MDPotential, *, force_eV_A: float, steps: int) -> RelaxedCell:
    """Relax cell and positions by ASE's BFGS.

    Args:
        given: any cell.
        force_eV_A: limit of the largest force; that of the stress is `RESIDUAL_GPa`.
        steps: at most.
    """
    atoms = given.copy()
    atoms.calc = AsCalculator(potential)
    # What the filter calls a force on the cell is the virial over the number of atoms.
    virial_eV = RESIDUAL_GPa * GPa * atoms.get_volume() / len(atoms)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="logm result may be inaccurate")  # by 1e-13
        BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=min(force_eV_A, virial_eV), steps=steps)
    relaxed = atoms.copy()
    relaxed.wrap()
    return RelaxedCell(
        atoms=relaxed,
        residual_GPa=float(np.abs(atoms.get_stress()).max() / GPa),
        force_eV_A=float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
        volume_change=atoms.get_volume() / given.get_volume() - 1,
    )
