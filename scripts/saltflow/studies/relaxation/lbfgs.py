"""The L-BFGS minimiser for one configuration (Nocedal, Math. Comput. 35, 773, 1980), without line search."""

import numpy as np

MEMORY = 30  # steps
SOFTEST_eV_A2, STIFFEST_eV_A2 = 5.0, 100.0  # bounds of the curvature that scales a step
FIRST_eV_A2 = 50.0
LONGEST_MOVE_A = 0.2  # of any atom in a step


class Lbfgs:
    """What a minimisation remembers of its last steps."""

    def __init__(self):
        self._moves: list[np.ndarray] = []
        self._falls: list[np.ndarray] = []  # of the forces along them
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def move(self, forces: np.ndarray) -> np.ndarray:
        """Displacements in Å for forces in eV/Å, of the same shape."""
        flat = forces.ravel()
        if self._last is not None:
            step, before = self._last
            fall = before - flat
            if step @ fall > 1e-12:  # a positive curvature
                self._moves, self._falls = [*self._moves, step][-MEMORY:], [*self._falls, fall][-MEMORY:]
        along = self._direction(flat)
        if along @ flat <= 0:  # uphill: what it remembers is no longer true
            self._moves, self._falls = [], []
            along = self._direction(flat)
        longest = np.linalg.norm(along.reshape(forces.shape), axis=-1).max()
        step = along * min(1.0, LONGEST_MOVE_A / longest) if longest else along
        self._last = step, flat.copy()
        return step.reshape(forces.shape)

    def _direction(self, flat: np.ndarray) -> np.ndarray:
        along, weights = flat.copy(), []
        for step, fall in zip(reversed(self._moves), reversed(self._falls), strict=True):
            weight = (step @ along) / (step @ fall)
            weights.append(weight)
            along -= weight * fall
        along /= self._curvature_eV_A2()
        for step, fall, weight in zip(self._moves, self._falls, reversed(weights), strict=True):
            along += step * (weight - (fall @ along) / (step @ fall))
        return along

    def _curvature_eV_A2(self) -> float:
        if not self._moves:
            return FIRST_eV_A2
        fall = self._falls[-1]
        return float(np.clip((fall @ fall) / (self._moves[-1] @ fall), SOFTEST_eV_A2, STIFFEST_eV_A2))
