"""Cells relaxed with their atoms until nothing pulls at either, all of them as one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.units import GPa

from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.quasi_newton import CURVATURE_eV_A2, QuasiNewton

RESIDUAL_GPa = 0.05  # of any component of the stress
STIFFNESS_GPa = 80.0  # of a solid, before the first step
LARGEST_STRAIN = 0.03  # of a step


@dataclass(frozen=True)
class RelaxedCell:
    """A cell at its minimum.

    Attributes:
        atoms: with the relaxed cell and positions.
        energy_eV: NaN where it became unphysical.
        residual_GPa: largest component of the stress that is left.
        force_eV_A: largest force that is left.
        volume_change: of the relaxation, over the volume before.
        steps: that it took.
    """

    atoms: Atoms
    energy_eV: float
    residual_GPa: float
    force_eV_A: float
    volume_change: float
    steps: int

    @property
    def is_physical(self) -> bool:
        """Whether all of its numbers are finite."""
        return bool(np.isfinite([self.energy_eV, self.residual_GPa, self.force_eV_A]).all())

    def is_converged(self, force_eV_A: float) -> bool:
        """Whether it came to rest; twice the limit of the stress still counts."""
        return self.force_eV_A <= force_eV_A and self.residual_GPa <= 2 * RESIDUAL_GPa


def relax_cells(
    given: Sequence[Atoms], evaluation: BatchedEvaluation, *, force_eV_A: float, steps: int
) -> list[RelaxedCell]:
    """Relax cells and positions by BFGS; a strain ε and displacements are the coordinates of a cell.

    Strains count as lengths c ε with c² = V K / k, K the stiffness of a solid and k the curvature of a bond, so that
    one Hessian guess suits both. Cells do not rotate.

    Args:
        given: cells of any sizes.
        force_eV_A: limit of the largest force; that of the stress is `RESIDUAL_GPa`.
        steps: at most.
    """
    states = [cell.copy() for cell in given]
    lengths_A = [np.sqrt(cell.get_volume() * STIFFNESS_GPa * GPa / CURVATURE_eV_A2) for cell in given]
    minimisers = [QuasiNewton() for _ in given]
    found: dict[int, RelaxedCell] = {}
    active = list(range(len(states)))
    for step in range(steps + 1):
        left = []
        evaluated = evaluation.of_cells([states[index] for index in active])
        for index, (energy_eV, forces, stress) in zip(active, evaluated, strict=True):
            residual_GPa, force = float(np.abs(stress).max() / GPa), float(np.linalg.norm(forces, axis=1).max())
            change = states[index].get_volume() / given[index].get_volume() - 1
            now = RelaxedCell(states[index], energy_eV, residual_GPa, force, change, step)
            is_done = force < force_eV_A and residual_GPa < RESIDUAL_GPa
            if is_done or not now.is_physical or step == steps:
                found[index] = now
            else:
                _move(states[index], minimisers[index], forces, stress, lengths_A[index])
                left.append(index)
        active = left
        if not active:
            break
    for cell in found.values():
        if cell.is_physical:
            cell.atoms.wrap()
    return [found[index] for index in range(len(states))]


def _move(state: Atoms, minimiser: QuasiNewton, forces: np.ndarray, stress: np.ndarray, length_A: float) -> None:
    virial = -state.get_volume() * stress / length_A
    move = minimiser.move(np.vstack([forces, virial]))
    strain = move[-3:] / length_A
    if (largest := np.abs(strain).max()) > LARGEST_STRAIN:
        move *= LARGEST_STRAIN / largest  # the minimiser holds this array, so that it learns from the real step
        strain = move[-3:] / length_A
    state.set_cell(state.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    state.positions += move[:-3]
