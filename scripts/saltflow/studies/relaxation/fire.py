"""The FIRE minimiser for one configuration or band (Bitzek et al., Phys. Rev. Lett. 97, 170201, 2006)."""

import numpy as np

TIME_STEP, LONGEST_TIME_STEP = 0.1, 0.6  # with masses of 1
ACCELERATION, DAMPING, MIXING, MIXING_DECAY, PATIENT_STEPS = 1.1, 0.5, 0.1, 0.99, 5
LONGEST_MOVE_A = 0.1  # of any atom in a step


class Fire:
    """Velocities and time step of a minimisation."""

    def __init__(self):
        self._velocities: np.ndarray | None = None
        self._time_step, self._mixing, self._downhill = TIME_STEP, MIXING, 0

    def move(self, forces: np.ndarray) -> np.ndarray:
        """Displacements in Å for forces in eV/Å, of the same shape."""
        if self._velocities is None:
            self._velocities = np.zeros_like(forces)
        power = float(np.vdot(forces, self._velocities))
        if power > 0:
            speed = np.linalg.norm(self._velocities) / max(np.linalg.norm(forces), 1e-12)
            self._velocities = (1 - self._mixing) * self._velocities + self._mixing * speed * forces
            self._downhill += 1
            if self._downhill > PATIENT_STEPS:
                self._time_step = min(self._time_step * ACCELERATION, LONGEST_TIME_STEP)
                self._mixing *= MIXING_DECAY
        else:
            self._velocities[:] = 0.0
            self._time_step *= DAMPING
            self._mixing, self._downhill = MIXING, 0
        self._velocities = self._velocities + self._time_step * forces
        move = self._time_step * self._velocities
        longest = np.linalg.norm(move, axis=-1).max()
        return move * min(1.0, LONGEST_MOVE_A / longest) if longest else move
