"""Configurations relaxed with their cells, all of them as one batch.

Coordinates are those of Tadmor et al., Phys. Rev. B 59, 235 (1999), as in ASE's UnitCellFilter: positions in the cell
at the start, and the deformation of that cell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.units import GPa

from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.lbfgs import Lbfgs

RESIDUAL_GPa = 0.05  # of any component of the stress


@dataclass(frozen=True)
class RelaxedCell:
    """A configuration and its cell at their minimum.

    Attributes:
        atoms: with the relaxed cell and positions, not wrapped.
        energy_eV: NaN where it became unphysical.
        residual_GPa: largest component of the stress that is left.
        force_eV_A: largest force that is left.
        volume_change: of the relaxation, over the volume before.
        is_converged: whether both are below their limits.
    """

    atoms: Atoms
    energy_eV: float
    residual_GPa: float
    force_eV_A: float
    volume_change: float
    is_converged: bool


def relax_cells(
    states: Sequence[Atoms], evaluation: BatchedEvaluation, *, force_eV_A: float, steps: int
) -> Iterator[tuple[int, RelaxedCell]]:
    """Relax positions and cells; gives the index of a configuration and its minimum as soon as it has come to rest.

    Args:
        states: configurations of any sizes.
        force_eV_A: limit of the largest force; that of the stress is `RESIDUAL_GPa`.
        steps: at most.
    """
    templates = [state.copy() for state in states]
    moving = [_Deforming(state) for state in states]
    active = list(range(len(states)))
    for step in range(steps + 1):
        found = evaluation.with_stresses(
            [templates[i] for i in active], [moving[i].positions for i in active], [moving[i].cell for i in active]
        )
        left = []
        for index, energy, forces, stress in zip(active, *found, strict=True):
            force = float(np.linalg.norm(forces, axis=1).max())
            residual = float(np.abs(stress).max() / GPa)
            is_rest = force <= force_eV_A and residual <= RESIDUAL_GPa
            if is_rest or not np.isfinite([energy, force, residual]).all() or step == steps:
                atoms = templates[index]
                before = atoms.get_volume()
                atoms.set_cell(moving[index].cell)
                atoms.positions = moving[index].positions
                yield index, RelaxedCell(atoms, energy, residual, force, atoms.get_volume() / before - 1, is_rest)
            else:
                moving[index].move(forces, stress)
                left.append(index)
        active = left
        if not active:
            return


class _Deforming:
    """Positions and cell of one configuration while it is relaxed."""

    def __init__(self, start: Atoms):
        self._cell = start.cell.array.copy()
        self._natural = start.positions.copy()
        self._deformation = np.eye(3)
        # An atom and the cell then pull back about equally.
        self._weight = np.sqrt(len(start))
        self._minimiser = Lbfgs()

    @property
    def cell(self) -> np.ndarray:
        return self._cell @ self._deformation.T

    @property
    def positions(self) -> np.ndarray:
        return self._natural @ self._deformation.T

    def move(self, forces: np.ndarray, stress: np.ndarray) -> None:
        virial = -abs(np.linalg.det(self.cell)) * stress
        pull = np.linalg.solve(self._deformation, virial.T).T / self._weight
        move = self._minimiser.move(np.vstack([forces @ self._deformation, pull]))
        self._natural = self._natural + move[:-3]
        self._deformation = self._deformation + move[-3:] / self._weight
