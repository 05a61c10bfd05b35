"""The order of frames in which a wavefunction is best handed on: each the most like the one before."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms


def alike(frames: Sequence[Atoms]) -> list[int]:
    """Indices of the frames, those of the same atoms together and each followed by the nearest that is left.

    A chain of nearest neighbours from the first frame of each kind: no shortest path, but cheap and within a few
    percent of one for frames of some trajectories.
    """
    kinds: dict[tuple, list[int]] = {}
    for index, frame in enumerate(frames):
        kinds.setdefault(tuple(frame.numbers), []).append(index)
    return [index for members in kinds.values() for index in _chain(frames, members)]


def distance_A(first: Atoms, second: Atoms) -> float:
    """Root mean square displacement of the atoms, minimum image, plus that of the cell's corners.

    The atoms must be the same, in the same order; frames that are not numbers are infinitely far away.
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
