"""The elastic tensor from stresses of strained cells, in Voigt's notation.

Indices 1 to 6 are xx, yy, zz, yz, xz, xy; shear strains are engineering ones, γ = 2ε.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_strain

DIRECTIONS = 6
NONLINEAR = 0.10  # of the largest constant: what is more is beyond the elastic range


def strained(cell: Atoms, direction: int, strain: float) -> Atoms:
    """A cell strained along one of Voigt's directions (0 to 5), with its atoms, without rotation."""
    along = np.zeros(DIRECTIONS)
    along[direction] = strain
    deformed = cell.copy()
    deformed.set_cell(cell.cell.array @ voigt_6_to_full_3x3_strain(along), scale_atoms=True)
    return deformed


@dataclass(frozen=True)
class ElasticTensor:
    """Elastic constants of one cell.

    Attributes:
        constants_GPa: (6, 6), symmetric.
        asymmetry_GPa: largest |C_ij − C_ji| / 2 of the fit, an error of the numbers.
        nonlinearity: largest difference between the constants of the smallest and of the largest strain, over the
            largest constant.
    """

    constants_GPa: np.ndarray
    asymmetry_GPa: float
    nonlinearity: float

    @property
    def is_linear(self) -> bool:
        """Whether the strains are within the elastic range."""
        return self.nonlinearity <= NONLINEAR

    @property
    def is_stable(self) -> bool:
        """Whether every strain costs energy (Born's criterion)."""
        return bool(np.linalg.eigvalsh(self.constants_GPa)[0] > 0)


def fit_tensor(stresses_GPa: Mapping[tuple[int, float], np.ndarray], strains: Sequence[float]) -> ElasticTensor:
    """C_ij = ∂σ_i/∂ε_j from stresses at strains of both signs: what is even in the strain cancels.

    Args:
        stresses_GPa: (direction, strain) → stress in Voigt's notation, (6,), positive where the cell wants to shrink;
            for all directions and ± strains.
        strains: the positive ones.
    """
    slopes = np.empty((len(strains), DIRECTIONS, DIRECTIONS))
    for row, strain in enumerate(strains):
        for direction in range(DIRECTIONS):
            difference = stresses_GPa[direction, strain] - stresses_GPa[direction, -strain]
            slopes[row, :, direction] = difference / (2 * strain)
    weights = np.square(strains) / np.sum(np.square(strains))  # least squares through the origin
    fitted = np.tensordot(weights, slopes, axes=1)
    largest = np.abs(fitted).max()
    order = np.argsort(strains)
    return ElasticTensor(
        constants_GPa=(fitted + fitted.T) / 2,
        asymmetry_GPa=float(np.abs(fitted - fitted.T).max() / 2),
        nonlinearity=float(np.abs(slopes[order[-1]] - slopes[order[0]]).max() / largest),
    )
