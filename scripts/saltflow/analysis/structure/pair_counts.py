"""Histograms of all pair distances of a frame, exact and without a neighbour list.

Fractional coordinates are 32-bit integers, one turn per cell: differences wrap to the nearest image by overflow. Atoms
are sorted along one axis, so that partners within the cut-off are contiguous.
"""

import numpy as np

ROWS_AT_ONCE = 64
TURN = 2.0**32
HALF_TURN = np.uint64(2**31)


def pair_counts(
    fractional: np.ndarray, kinds: np.ndarray, cell_A: np.ndarray, *, species: int, bins: int, bin_width_A: float
) -> np.ndarray:
    """Number of ordered pairs of each two species per bin of distance, (species, species, bins).

    Args:
        fractional: fractional coordinates, wrapped or not, (atoms, 3); resolved to 2⁻³² of the cell.
        kinds: index of each atom's species, (atoms,).
        cell_A: cell vectors as rows, (3, 3); the bins must end within half its smallest width.
        species: number of species.
        bins: number of bins, from a distance of zero.
        bin_width_A: width of a bin.
    """
    turns = np.round((fractional % 1.0) * TURN).astype(np.uint64)
    order = np.argsort(turns[:, 0])
    turns, kinds = turns[order], np.asarray(kinds)[order]
    # After the last atom, the atoms follow again, one turn later.
    along = np.concatenate([turns[:, 0], turns[:, 0] + np.uint64(TURN)])
    wrapped = np.tile(turns.astype(np.uint32).view(np.int32).T, 2)
    followers = np.tile(kinds, 2)
    reach_A = bins * bin_width_A
    reach = np.uint64(reach_A * np.linalg.norm(np.linalg.inv(cell_A)[:, 0]) * TURN + 1)
    # |fractional @ cell| = |fractional @ lower|, with fewer products.
    lower_bins = np.linalg.cholesky(cell_A @ cell_A.T) / TURN / bin_width_A
    counts = np.zeros((species, species, bins), dtype=np.int64)
    for start in range(0, len(kinds), ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, len(kinds))
        last = int(np.searchsorted(along, along[stop - 1] + reach, side="right"))
        squares = _squares(wrapped[:, start:stop], wrapped[:, start:last], lower_bins)
        _exclude_predecessors(squares, along[start:stop], along[start:last])
        inside = np.flatnonzero(squares.ravel() < bins**2)
        rank = np.sqrt(squares.ravel()[inside]).astype(np.int64)
        rank += ((kinds[start:stop, None] * species + followers[start:last]) * bins).ravel()[inside]
        counts += np.bincount(rank, minlength=counts.size).reshape(counts.shape)
    return counts + counts.swapaxes(0, 1)


def _squares(first: np.ndarray, second: np.ndarray, lower_bins: np.ndarray) -> np.ndarray:
    """Squared distances in widths of a bin, (rows, columns), from wrapped coordinates, (3, rows) and (3, columns)."""
    apart = [np.subtract(one[:, None], other) for one, other in zip(first, second, strict=True)]
    total = np.zeros(apart[0].shape)
    for axis in range(3):
        component = apart[axis] * lower_bins[axis, axis]
        for later in range(axis + 1, 3):
            if lower_bins[later, axis] != 0.0:
                component += apart[later] * lower_bins[later, axis]
        component *= component
        total += component
    return total


def _exclude_predecessors(squares: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """Count each pair once: the second atom follows the first by less than half a turn."""
    rows = len(first)
    squares[:, :rows][np.tril_indices(rows)] = np.inf
    if second[-1] - first[0] >= HALF_TURN:
        squares[second - first[:, None] >= HALF_TURN] = np.inf
