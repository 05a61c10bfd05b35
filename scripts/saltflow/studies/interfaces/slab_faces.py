"""What a face of a slab looks like, so that equal faces are known without regard to where they lie."""

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list

REACH_A = 6.0
NEAREST = 12  # distances of each atom that are compared
ALIKE_A = 0.05


def face_signature(slab: Atoms, *, top: bool) -> np.ndarray:
    """One row per atom: element, depth below the face, distances to its nearest neighbours, and their elements.

    It changes neither with rotations and shifts in the plane nor with reflections across planes that hold the normal.

    Args:
        slab: normal along z, with more vacuum than `REACH_A`.
        top: whether of the upper face.

    Returns:
        shape (atoms, 3 + `NEAREST`), sorted.
    """
    heights = slab.positions[:, 2]
    depths_A = heights.max() - heights if top else heights - heights.min()
    first, second, distances_A = neighbour_list("ijd", slab, REACH_A)
    order = np.lexsort((distances_A, first))
    center, rank = first[order], np.arange(len(order)) - np.searchsorted(first[order], first[order])
    near = np.full((len(slab), NEAREST), REACH_A)
    near[center[rank < NEAREST], rank[rank < NEAREST]] = distances_A[order][rank < NEAREST]
    elements = np.bincount(first, weights=slab.numbers[second] / 10 * np.exp(-distances_A), minlength=len(slab))
    rows = np.column_stack([slab.numbers, depths_A, elements, near])
    return rows[np.lexsort(rows[:, 3::-1].round(1).T)]


def are_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two signatures are of equal faces."""
    return one.shape == other.shape and bool(np.abs(one - other).max() < ALIKE_A)
