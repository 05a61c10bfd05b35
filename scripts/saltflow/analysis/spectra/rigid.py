"""Velocities of the atoms of a group as translation, rotation and vibration.

R, V centre of mass and its velocity; s = r − R; L = Σ m s × (v − V); I = Σ m (s² 1 − s sᵀ); ω = I⁺ L (pseudoinverse, so
that a linear group has two rotations); v = V + ω × s + v_vib. The three parts are orthogonal in Σ m v·v.
"""

from dataclasses import dataclass

import numpy as np

# Principal moments below this fraction of the largest belong to the axis of a linear group.
LINEAR = 1e-6


@dataclass(frozen=True)
class VelocityDecomposition:
    """Parts of the velocities of one group, (frames, atoms, 3) each, and ω in rad/ps, (frames, 3)."""

    translation: np.ndarray
    rotation: np.ndarray
    vibration: np.ndarray
    angular_velocity: np.ndarray


def decompose(positions_A: np.ndarray, velocities_A_ps: np.ndarray, masses_u: np.ndarray) -> VelocityDecomposition:
    """Split the velocities of a group.

    Args:
        positions_A: of the group, not split by the border of the cell, (frames, atoms, 3).
        velocities_A_ps: (frames, atoms, 3).
        masses_u: (atoms,).
    """
    weights = masses_u / masses_u.sum()
    arms_A = positions_A - np.einsum("a,taj->tj", weights, positions_A)[:, None]
    centre = np.einsum("a,taj->tj", weights, velocities_A_ps)[:, None]
    relative = velocities_A_ps - centre
    momentum = np.einsum("a,taj->tj", masses_u, np.cross(arms_A, relative))
    squares = np.einsum("a,taj,taj->t", masses_u, arms_A, arms_A)
    inertia = squares[:, None, None] * np.eye(3) - np.einsum("a,taj,tak->tjk", masses_u, arms_A, arms_A)
    angular = np.einsum("tjk,tk->tj", np.linalg.pinv(inertia, rcond=LINEAR, hermitian=True), momentum)
    rotation = np.cross(angular[:, None], arms_A)
    return VelocityDecomposition(np.broadcast_to(centre, relative.shape), rotation, relative - rotation, angular)


def degrees_of_freedom(positions_A: np.ndarray, masses_u: np.ndarray) -> dict[str, int]:
    """Degrees of freedom of translation, rotation and vibration of a group at positions (atoms, 3)."""
    arms_A = positions_A - masses_u @ positions_A / masses_u.sum()
    extent = np.linalg.svd(np.sqrt(masses_u)[:, None] * arms_A, compute_uv=False)
    rotations = 2 if extent[1] ** 2 < LINEAR * extent[0] ** 2 else 3
    return {"translation": 3, "rotation": rotations, "vibration": 3 * len(masses_u) - 3 - rotations}
