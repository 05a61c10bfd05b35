"""Remove overlaps from a packed cell by translating its rigid units."""

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list
from scipy.optimize import minimize

from saltflow.base.errors import SaltflowError
from saltflow.materials.cells.separations import Pair

# Target distances slightly above the minimum distances, so that a minimum of the penalty satisfies them strictly.
MARGIN = 1.02
MAX_STEPS = 2000


def remove_overlaps(atoms: Atoms, *, bodies: np.ndarray, separations_A: dict[Pair, float], subject: str) -> None:
    """Translate the bodies of a periodic cell until every pair of atoms keeps its minimum distance.

    Soft spheres: Σ (minimum distance − distance)² over close pairs of different bodies (or images of one), minimised
    over the translations of the bodies by L-BFGS.

    Args:
        atoms: changed in place.
        bodies: index of the rigid body of each atom, shape (atoms,), counting from 0.
        separations_A: pair of elements → minimum distance.
        subject: for messages.

    Raises:
        SaltflowError: overlaps remain.
    """
    penalty = OverlapPenalty(atoms, bodies=bodies, separations_A=separations_A)
    start = np.zeros(3 * (bodies.max() + 1))
    options = {"maxiter": MAX_STEPS, "ftol": 1e-15}
    found = minimize(penalty, start, jac=True, method="L-BFGS-B", options=options)
    atoms.positions = penalty.positions(found.x)
    worst = penalty.worst_ratio()
    if worst < 1.0:
        raise SaltflowError(
            f"{subject}: the closest pair keeps only {worst:.2f} of its minimum distance; lower the start "
            f"density with cells.density_scale, or cells.min_separations_A."
        )


class OverlapPenalty:
    """Penalty (Å²) and its gradient (Å) as a function of the translations of rigid bodies."""

    def __init__(self, atoms: Atoms, *, bodies: np.ndarray, separations_A: dict[Pair, float]):
        self._atoms = atoms.copy()
        self._start = atoms.positions.copy()
        self._bodies = bodies
        elements = sorted(set(atoms.symbols))
        self._kinds = np.array([elements.index(symbol) for symbol in atoms.symbols])
        self._minimum = np.array([[separations_A[frozenset((one, other))] for other in elements] for one in elements])

    def positions(self, translations: np.ndarray) -> np.ndarray:
        """Atom positions in Å for a flat vector of the bodies' translations."""
        return self._start + translations.reshape(-1, 3)[self._bodies]

    def __call__(self, translations: np.ndarray) -> tuple[float, np.ndarray]:
        self._atoms.positions = self.positions(translations)
        first, vectors, distances, minimum = self._close_pairs(MARGIN * self._minimum)
        overlaps = minimum - distances
        # Each pair is listed from both sides: half of the energy, and the force on `first` only.
        pulls = (overlaps / np.maximum(distances, 1e-9))[:, None] * vectors
        gradient = np.zeros((len(translations) // 3, 3))
        np.add.at(gradient, self._bodies[first], 2 * pulls)
        return 0.5 * float(np.sum(overlaps**2)), gradient.ravel()

    def worst_ratio(self) -> float:
        """Smallest ratio of distance to minimum distance at the last positions; at most 1."""
        _, _, distances, minimum = self._close_pairs(self._minimum)
        return float(np.min(distances / minimum, initial=1.0))

    def _close_pairs(self, minimum: np.ndarray) -> tuple[np.ndarray, ...]:
        """First atom, vector, distance and minimum distance of close pairs of different bodies."""
        cutoff_A = float(minimum.max())
        first, second, distances, vectors, shifts = neighbour_list("ijdDS", self._atoms, cutoff_A)
        # Positions are never wrapped here, so pairs inside a whole polyanion have no shift.
        foreign = (self._bodies[first] != self._bodies[second]) | np.any(shifts != 0, axis=1)
        limits = minimum[self._kinds[first], self._kinds[second]]
        kept = foreign & (distances < limits)
        return first[kept], vectors[kept], distances[kept], limits[kept]
