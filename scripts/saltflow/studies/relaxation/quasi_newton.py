"""The quasi-Newton minimiser BFGS for one configuration (Nocedal and Wright, Numerical Optimization, 2006, ch. 6)."""

import numpy as np

CURVATURE_eV_A2 = 70.0  # of a bond, before the first step, as in ASE
LONGEST_MOVE_A = 0.2  # of any row in a step
LEAST_MOVE_A = 1e-7  # below it two forces tell no curvature


class QuasiNewton:
    """The Hessian of a minimisation, learned from its steps."""

    def __init__(self):
        self._hessian: np.ndarray | None = None
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def move(self, forces: np.ndarray) -> np.ndarray:
        """Displacements in Å for forces in eV/Å, shape (rows, 3) both."""
        flat = forces.ravel()
        if self._hessian is None:
            self._hessian = CURVATURE_eV_A2 * np.eye(len(flat))
        else:
            self._learn(flat)
        values, vectors = np.linalg.eigh(self._hessian)
        move = (vectors @ ((flat @ vectors) / np.abs(values))).reshape(forces.shape)
        longest = np.linalg.norm(move, axis=1).max()
        move *= min(1.0, LONGEST_MOVE_A / longest) if longest else 1.0
        self._last = (move.ravel(), flat)
        return move

    def _learn(self, forces: np.ndarray) -> None:
        move, before = self._last
        if np.abs(move).max() < LEAST_MOVE_A:
            return
        change = forces - before
        expected = self._hessian @ move
        self._hessian -= np.outer(change, change) / (move @ change) + np.outer(expected, expected) / (move @ expected)
