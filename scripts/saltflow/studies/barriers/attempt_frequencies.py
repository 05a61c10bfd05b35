"""Attempt frequencies of hops from vibrations at the end states and at the saddle.

Vineyard, J. Phys. Chem. Solids 3, 121 (1957).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from ase.units import _amu, _e
from scipy.linalg import null_space

from saltflow.studies.barriers.elastic_band import Band
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

STEP_A = 0.01
PER_S = 1e10 * (_e / _amu) ** 0.5 / (2 * np.pi)  # of the root of an eigenvalue in eV/(Å² u)
NO_SADDLE, NO_MINIMUM = "not a first-order saddle", "end state is no minimum"


@dataclass(frozen=True)
class Prefactors:
    """Attempt frequencies of a hop.

    Attributes:
        forward_per_s, backward_per_s: None unless the states are two minima and a first-order saddle.
        problem: why there are none, else ''.
        imaginary_modes: of the initial state, the saddle and the final state.
        atoms: that vibrate.
    """

    forward_per_s: float | None
    backward_per_s: float | None
    problem: str
    imaginary_modes: list[int]
    atoms: int

    @property
    def is_valid(self) -> bool:
        """Whether there are frequencies."""
        return not self.problem


def attempt_frequencies(
    band: Band, evaluation: BatchedEvaluation, *, ions: Sequence[int], radius_A: float
) -> Prefactors:
    """Vineyard's ν* = Π ν(minimum) / Π ν(saddle) without the imaginary mode, in both directions.

    Force constants are central differences of forces over 0.01 Å, all displacements of a state as one batch. Atoms
    farther than the radius from the ions, wherever these are on the path, stay fixed.

    Args:
        band: a converged path whose highest image is the saddle.
        evaluation: the potential.
        ions: atoms that hop.
        radius_A: infinite for all atoms.
    """
    states = [0, int(np.argmax(band.energies_eV)), len(band.positions) - 1]
    near = _near(band, ions, radius_A)
    modes = [_eigenvalues(band.template, band.positions[state], evaluation, near) for state in states]
    imaginary = [int(np.count_nonzero(each <= 0)) for each in modes]
    problem = NO_MINIMUM if imaginary[0] or imaginary[2] else "" if imaginary[1] == 1 else NO_SADDLE
    if problem or not all(np.isfinite(each).all() for each in modes):
        return Prefactors(None, None, problem or NO_SADDLE, imaginary, len(near))
    initial, saddle, final = (np.log(PER_S * np.sqrt(each[each > 0])).sum() for each in modes)
    return Prefactors(float(np.exp(initial - saddle)), float(np.exp(final - saddle)), "", imaginary, len(near))


def _near(band: Band, ions: Sequence[int], radius_A: float) -> np.ndarray:
    """Atoms within a radius of a hopping one in any image."""
    is_near = np.zeros(len(band.template), bool)
    for positions in band.positions:
        for ion in ions:
            distances = find_mic(positions - positions[ion], band.template.cell)[1]
            is_near |= distances <= radius_A
    return np.flatnonzero(is_near)


def _eigenvalues(
    template: Atoms, positions: np.ndarray, evaluation: BatchedEvaluation, indices: np.ndarray
) -> np.ndarray:
    """Squared angular frequencies in eV/(Å² u); where all atoms vibrate, without the three translations."""
    steps = [(atom, axis, sign) for atom in indices for axis in range(3) for sign in (1, -1)]
    displaced = np.repeat(positions[None], len(steps), axis=0)
    for row, (atom, axis, sign) in zip(displaced, steps, strict=True):
        row[atom, axis] += sign * STEP_A
    _, forces = evaluation([template] * len(steps), list(displaced))
    forces = np.array(forces)[:, indices].reshape(len(indices) * 3, 2, -1)
    constants = -(forces[:, 0] - forces[:, 1]) / (2 * STEP_A)
    roots = np.repeat(np.sqrt(template.get_masses()[indices]), 3)
    dynamical = (constants + constants.T) / 2 / np.outer(roots, roots)
    if len(indices) == len(template):
        translations = np.tile(np.eye(3), (len(indices), 1)) * roots[:, None]
        basis = null_space(translations.T)
        dynamical = basis.T @ dynamical @ basis
    if not np.isfinite(dynamical).all():
        return np.full(len(dynamical), np.nan)
    return np.linalg.eigvalsh(dynamical)
