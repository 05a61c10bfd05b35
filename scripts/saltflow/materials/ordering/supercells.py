"""Supercells of a primitive cell, the most cubic of every size."""

from itertools import product

import numpy as np
from ase.geometry import minkowski_reduce

# Cubes that supercells are fitted to: volumes as powers of the largest, this many.
CUBES = 14
STEPS = np.array(list(product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)


def near_cubic_supercells(cell: np.ndarray, *, most_cells: int) -> dict[int, tuple[np.ndarray, float]]:
    """Number of cells → matrix, shape (3, 3), and deviation from a cube, of the most cubic supercell found.

    Tried are the lattice vectors nearest to the edges of cubes of many sizes, with every coefficient changed by up to
    one. The deviation is Σ (edge/L − 1)² over the three edges with L³ the volume: 0 for a cube. Not every size occurs.

    Args:
        cell: lattice vectors as rows in Å.
        most_cells: largest size.
    """
    reduced, operation = minkowski_reduce(cell)
    volume, inverse = abs(np.linalg.det(reduced)), np.linalg.inv(reduced)
    found: dict[int, tuple[np.ndarray, float]] = {}
    for cells in np.geomspace(1, most_cells, CUBES):
        matrices = np.rint((cells * volume) ** (1 / 3) * inverse).astype(int) + STEPS
        sizes = np.rint(np.linalg.det(matrices)).astype(int)
        matrices, sizes = matrices * np.sign(sizes)[:, None, None], np.abs(sizes)
        kept = (sizes >= 1) & (sizes <= most_cells)
        matrices, sizes = matrices[kept], sizes[kept]
        edges = np.linalg.norm(matrices @ reduced, axis=2)
        deviations = np.sum((edges / np.cbrt(sizes * volume)[:, None] - 1) ** 2, axis=1).round(9)
        order = np.lexsort((deviations, sizes))
        for index in order[np.unique(sizes[order], return_index=True)[1]]:
            size, deviation = int(sizes[index]), float(deviations[index])
            if size not in found or deviation < found[size][1]:
                matrix = matrices[index] @ operation
                found[size] = matrix * round(np.sign(np.linalg.det(matrix))), deviation
    return found
