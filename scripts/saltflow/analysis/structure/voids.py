"""Free volume, and the largest hole."""

from collections.abc import Hashable, Mapping

import numpy as np

from saltflow.analysis.structure.coordination_shells import Snapshot, nearest_distances

POINTS = 4096
# Powers of the root of x⁴ = x + 1: the additive sequence that fills space most evenly in three dimensions.
STEPS = (1 / 1.2207440846057596) ** np.arange(1, 4)
LARGEST_HOLE_A = 8.0


def observe_voids(snapshot: Snapshot, radii_A: Mapping[str, float], *, frame: int) -> dict[Hashable, float]:
    """Fraction of the cell outside all ionic spheres, and the largest distance from any atom, of one frame.

    Args:
        snapshot: the frame.
        radii_A: element → ionic radius.
        frame: number of the frame, which selects its sample points.

    Returns:
        ("free volume",) → fraction of the cell; ("largest hole",) → radius in Å of the largest sphere without an atom's
        centre, at most 8 Å and half the cell.
    """
    points = (np.outer(np.arange(1, POINTS + 1) + frame * POINTS, STEPS)) % 1.0
    free = np.ones(POINTS, dtype=bool)
    hole_A = np.full(POINTS, np.inf)
    for element, radius_A in radii_A.items():
        distances_A = nearest_distances(snapshot, points, snapshot.atoms_of(element))
        free &= distances_A > radius_A
        hole_A = np.minimum(hole_A, distances_A)
    limit_A = min(LARGEST_HOLE_A, snapshot.half_width_A)
    return {("free volume",): float(free.mean()), ("largest hole",): float(np.minimum(hole_A, limit_A).max())}
