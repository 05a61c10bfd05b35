"""Phonons from finite differences in a supercell.

Parlinski et al., Phys. Rev. Lett. 78, 4063 (1997): the force between two atoms counts for their nearest images, shared
equally where several are as near. Fields of long range, which split longitudinal from transverse optical modes, are as
the potential knows them: no term is added for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from ase.units import _amu, _e

from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

STEP_A = 0.01
THZ = 1e-2 * (_e / _amu) ** 0.5 / (2 * np.pi)  # of the root of an eigenvalue in eV/(Å² u)
AS_NEAR_A = 1e-3
REACH = 2  # supercells in which the nearest image is sought


@dataclass(frozen=True)
class ForceConstants:
    """Force constants of a crystal.

    Attributes:
        cell: the unit cell at its minimum.
        repeats: of it in the supercell.
        constants_eV_A2: (translations, atoms, 3, atoms, 3): of an atom of the first cell and one of each other cell.
    """

    cell: Atoms
    repeats: tuple[int, int, int]
    constants_eV_A2: np.ndarray

    @property
    def commensurate(self) -> np.ndarray:
        """Wave vectors that the supercell holds, whose frequencies need no interpolation, (translations, 3)."""
        return _translations(self.repeats) / np.array(self.repeats)

    def frequencies_THz(self, wave_vectors: Sequence[Sequence[float]]) -> np.ndarray:
        """All modes in ascending order, imaginary ones as negative numbers, (wave vectors, 3 × atoms).

        Args:
            wave_vectors: in units of the reciprocal cell.
        """
        images, is_near = self._nearest()
        shares = is_near / is_near.sum(axis=-1, keepdims=True)
        cells, size = _translations(self.repeats), 3 * len(self.cell)
        roots = np.sqrt(np.repeat(self.cell.get_masses(), 3))
        found = []
        for wave_vector in np.asarray(wave_vectors, dtype=float):
            phases = shares @ np.exp(2j * np.pi * images @ wave_vector)
            phases *= np.exp(2j * np.pi * cells @ wave_vector)[:, None, None]
            matrix = np.einsum("tij,tiajb->iajb", phases, self.constants_eV_A2).reshape(size, size)
            squares = np.linalg.eigvalsh((matrix + matrix.conj().T) / 2 / np.outer(roots, roots))
            found.append(THZ * np.sign(squares) * np.sqrt(np.abs(squares)))
        return np.array(found)

    def _nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Shifts by whole supercells in unit cells, (images, 3), and which of them bring two atoms nearest.

        The latter has the shape (translations, atoms, atoms, images).
        """
        places = self.cell.get_scaled_positions(wrap=False)
        images = np.array(list(product(range(-REACH, REACH + 1), repeat=3))) * np.array(self.repeats)
        between = _translations(self.repeats)[:, None, None] + places[None, None] - places[None, :, None]
        lengths = np.linalg.norm((between[:, :, :, None] + images) @ self.cell.cell.array, axis=-1)
        return images, lengths < lengths.min(axis=-1, keepdims=True) + AS_NEAR_A


def force_constants(cell: Atoms, evaluation: BatchedEvaluation, *, repeats: tuple[int, int, int]) -> ForceConstants:
    """Central differences of forces over 0.01 Å, all six displacements of an atom as one batch.

    They are made symmetric, and such that a shift of the whole crystal costs nothing.

    Args:
        cell: at its minimum.
        evaluation: the potential.
        repeats: of the cell in the supercell.
    """
    supercell, atoms = cell.repeat(repeats), len(cell)
    constants = np.empty((len(supercell) // atoms, atoms, 3, atoms, 3))
    moves = [(axis, sign) for axis in range(3) for sign in (1, -1)]
    for atom in range(atoms):
        places = np.repeat(supercell.positions[None], len(moves), axis=0)
        for place, (axis, sign) in zip(places, moves, strict=True):
            place[atom, axis] += sign * STEP_A
        forces = np.array(evaluation([supercell] * len(moves), list(places))[1]).reshape(3, 2, -1, atoms, 3)
        constants[:, atom] = -((forces[:, 0] - forces[:, 1]) / (2 * STEP_A)).transpose(1, 0, 2, 3)
    opposite = np.ravel_multi_index((-_translations(repeats) % repeats).T, repeats)
    constants = (constants + constants[opposite].transpose(0, 3, 4, 1, 2)) / 2
    own = np.arange(atoms)
    constants[0, own, :, own, :] -= constants.sum(axis=(0, 3))
    return ForceConstants(cell, repeats, constants)


def _translations(repeats: Sequence[int]) -> np.ndarray:
    """Of the unit cells of a supercell, in the order of ASE's `repeat`, (translations, 3)."""
    return np.array(list(product(*map(range, repeats))))
