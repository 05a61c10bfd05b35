"""The electrostatic energy of two unit charges in a periodic cell, by Ewald summation."""

import numpy as np
from ase.geometry import minkowski_reduce
from scipy.constants import e, epsilon_0, pi
from scipy.special import erfc

COULOMB_EV_A = e / (4 * pi * epsilon_0) * 1e10  # 14.3996
# Terms below exp(−REACH²) are left out of either sum.
REACH = 5.2
CHUNK = 4096  # vectors at a time: 20 MB


def ewald_kernel(vectors: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Energy of a pair of unit charges a vector apart, with all periodic images and neutralising backgrounds.

    The energy of charges is ½ Σ_ij q_i q_j kernel(r_j − r_i); the diagonal, kernel(0), is the interaction of a charge
    with its own images. For a neutral cell this is the Ewald energy with a conducting surface.

    Args:
        vectors: in Å, shape (pairs, 3).
        cell: lattice vectors as rows in Å, shape (3, 3).

    Returns:
        Energies in eV per e², shape (pairs,).
    """
    cell, _ = minkowski_reduce(cell)
    volume = abs(np.linalg.det(cell))
    width = np.sqrt(pi) / volume ** (1 / 3)
    wrapped = (vectors @ np.linalg.inv(cell) + 0.5) % 1.0 - 0.5
    images = _lattice_points(cell, REACH / width + 0.5 * np.linalg.norm(cell, axis=1).sum())
    waves = _lattice_points(2 * pi * np.linalg.inv(cell).T, 2 * width * REACH)
    waves = waves[np.any(waves != 0, axis=1)]
    squares = np.sum(waves**2, axis=1)
    weights = 4 * pi / volume * np.exp(-squares / (4 * width**2)) / squares
    values = np.empty(len(vectors))
    for start in range(0, len(vectors), CHUNK):
        some = wrapped[start : start + CHUNK] @ cell
        distances = np.linalg.norm(some[:, None] + images, axis=2)
        itself = distances < 1e-8
        distances[itself] = 1.0
        near = np.where(itself, -2 * width / np.sqrt(pi), erfc(width * distances) / distances).sum(axis=1)
        values[start : start + CHUNK] = near + np.cos(some @ waves.T) @ weights
    return COULOMB_EV_A * (values - pi / (width**2 * volume))


def _lattice_points(cell: np.ndarray, radius: float) -> np.ndarray:
    """Lattice vectors within a radius, shape (points, 3)."""
    most = np.ceil(radius * np.linalg.norm(np.linalg.inv(cell), axis=0)).astype(int)
    indices = np.stack(np.meshgrid(*(np.arange(-number, number + 1) for number in most), indexing="ij"), axis=-1)
    points = indices.reshape(-1, 3) @ cell
    return points[np.linalg.norm(points, axis=1) <= radius]
