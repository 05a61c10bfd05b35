"""Clusters of bonded atoms in a periodic cell, and which of them percolate."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph


@dataclass(frozen=True)
class Bonds:
    """Bonds of one frame, each once.

    Args:
        pairs: atoms, (bonds, 2).
        images: cells between the second atom and the first, (bonds, 3).
        lengths_A: lengths, (bonds,).
    """

    pairs: np.ndarray
    images: np.ndarray
    lengths_A: np.ndarray

    def of(self, chosen: np.ndarray) -> "Bonds":
        """Some of the bonds."""
        return Bonds(self.pairs[chosen], self.images[chosen], self.lengths_A[chosen])


def clusters(bonds: Bonds, *, atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of each atom, and the clusters that are connected with their own periodic image.

    Args:
        bonds: bonds of one frame.
        atoms: number of atoms.

    Returns:
        Cluster of each atom, (atoms,), and whether each cluster percolates, (clusters,).
    """
    graph = sparse.csr_matrix((np.ones(len(bonds.pairs)), bonds.pairs.T), shape=(atoms, atoms))
    count, labels = csgraph.connected_components(graph, directed=False)
    cells = _unfolded_cells(bonds, labels, atoms=atoms)
    # Around a ring of bonds the images add up to zero, unless it closes through the boundary.
    first, second = bonds.pairs.T
    torn = np.any(cells[first] + bonds.images != cells[second], axis=1)
    percolates = np.zeros(count, dtype=bool)
    percolates[labels[first[torn]]] = True
    return labels, percolates


def _unfolded_cells(bonds: Bonds, labels: np.ndarray, *, atoms: int) -> np.ndarray:
    """The periodic image of each atom when its cluster is followed bond by bond, (atoms, 3)."""
    neighbours: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in range(atoms)]
    for (first, second), image in zip(bonds.pairs.tolist(), bonds.images.tolist(), strict=True):
        neighbours[first].append((second, tuple(image)))
        neighbours[second].append((first, tuple(-part for part in image)))
    cells: list[tuple[int, ...] | None] = [None] * atoms
    for root in np.unique(labels, return_index=True)[1].tolist():
        cells[root] = (0, 0, 0)
        queue = [root]
        while queue:
            atom = queue.pop()
            for other, image in neighbours[atom]:
                if cells[other] is None:
                    cells[other] = tuple(map(sum, zip(cells[atom], image, strict=True)))
                    queue.append(other)
    return np.array(cells)
