"""How much energy a strain of a plane costs, and the share of a mismatch that costs least."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.units import GPa

from saltflow.base.errors import SaltflowError
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

STRAIN = 0.005


def plane_stiffness_GPa(crystal: Atoms, miller: Sequence[int], evaluation: BatchedEvaluation) -> float:
    """M of the energy per volume M ε² of an equal strain in all directions of a plane.

    Nothing moves along the normal, and atoms move with the cell; for 1 0 0 of a cubic crystal without internal
    freedom it is C11 + C12.

    Args:
        crystal: at rest.
        miller: of the plane.
        evaluation: the potential.
    """
    normal = np.asarray(miller) @ crystal.cell.reciprocal().array
    normal /= np.linalg.norm(normal)
    in_plane = np.eye(3) - np.outer(normal, normal)
    states = []
    for strain in (-STRAIN, 0.0, STRAIN):
        state = crystal.copy()
        state.set_cell(crystal.cell.array @ (np.eye(3) + strain * in_plane), scale_atoms=True)
        states.append(state)
    energies, _ = evaluation(states, [state.positions for state in states])
    curvature_eV = energies[0] - 2 * energies[1] + energies[2]
    return float(curvature_eV / (2 * STRAIN**2) / crystal.get_volume() / GPa)


def cheapest_share(lower_GPa: float, upper_GPa: float) -> float:
    """The fraction of a mismatch for the lower of two slabs of equal thickness, so that their strains cost least.

    Raises:
        SaltflowError: a strain gains energy.
    """
    if not min(lower_GPa, upper_GPa) > 0:
        raise SaltflowError("A strain of one of the planes gains energy, so that no share costs least; give --share.")
    return upper_GPa / (lower_GPa + upper_GPa)
