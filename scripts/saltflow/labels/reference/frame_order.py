"""Order frames for warm starts: each the most similar to the one before."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms


def order_by_similarity(frames: Sequence[Atoms]) -> list[int]:
    """Indices of the frames: equal lists of atoms together, each frame followed by the nearest that is left.

    A nearest-neighbour chain from the first frame of each kind; for frames of a few trajectories within a few percent
    of the shortest path.
    """
    kinds: dict[tuple, list[int]] = {}
    for index, frame in enumerate(frames):
        kinds.setdefault(tuple(frame.numbers), []).append(index)
    return [index for members in kinds.values() for index in _chain(frames, members)]


def distance_A(first: Atoms, second: Atoms) -> float:
    """Root mean square displacement of the atoms (minimum image) plus that of the cell vectors, in Å.

    The atoms must be the same, in the same order. Frames that are not finite have infinite distance.
    """
    if not all(np.isfinite(each.positions).all() and each.cell.volume > 0 for each in (first, second)):
        return np.inf
    steps = second.get_scaled_positions(wrap=False) - first.get_scaled_positions(wrap=False)
    moved = (steps - np.round(steps)) @ first.cell.array
    strained = second.cell.array - first.cell.array
    return float(np.sqrt((moved**2).sum(axis=1).mean()) + np.sqrt((strained**2).sum(axis=1).mean()))


def _chain(frames: Sequence[Atoms], members: Sequence[int]) -> list[int]:
    left, order = list(members[1:]), [members[0]]
    while left:
        nearest = min(left, key=lambda index: distance_A(frames[order[-1]], frames[index]))
        left.remove(nearest)
        order.append(nearest)
    return order
