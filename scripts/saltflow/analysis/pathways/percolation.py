"""Percolation thresholds of a density on a periodic grid.

Voxels are added in order of falling density and joined with their face neighbours by union–find. Every voxel also
stores the image of the cell in which its cluster's root lies (union–find with displacements: Machta, Choi, Lucke,
Schweizer & Chayes, Phys. Rev. E 54, 1332, 1996). Joining two voxels of one cluster whose images differ by a lattice
vector w closes a path that winds around the cell by w. The number of linearly independent w of a cluster is the number
of dimensions in which it percolates, whatever the direction of the path.
"""

from collections import namedtuple
from dataclasses import dataclass

import numba
import numpy as np


@dataclass(frozen=True)
class Threshold:
    """The voxel with which a density first percolates in a number of dimensions.

    Args:
        density: of that voxel.
        voxel: its flat index, the bottleneck.
        voxels: size of the percolating cluster then.
        mass: sum of its densities.
    """

    density: float
    voxel: int
    voxels: int
    mass: float


@dataclass(frozen=True)
class Percolation:
    """Percolation of one density.

    Args:
        thresholds: for 1, 2 and 3 dimensions; None where the occupied voxels do not percolate.
        levels: densities at which the curves are taken, descending, (levels,).
        voxels: number of voxels at least that dense, (levels,).
        percolating_voxels: number of them in clusters that percolate in at least 1, 2, 3 dimensions,
            (levels, 3).
        percolating_mass: sum of the densities of those, (levels, 3).
    """

    thresholds: tuple[Threshold | None, Threshold | None, Threshold | None]
    levels: np.ndarray
    voxels: np.ndarray
    percolating_voxels: np.ndarray
    percolating_mass: np.ndarray


# Nodes, numbered in the order of addition, and their clusters:
# parent, image: parent of a node, and image of the node relative to its parent, (nodes, …).
# size, mass: of the cluster of a root. slot: row of a root in `windings` and `rank`, −1 while it has none.
# voxels_by_rank, mass_by_rank: sums over all clusters by the number of dimensions in which they percolate, (4,).
_Clusters = namedtuple("_Clusters", "parent image size mass slot windings rank slots voxels_by_rank mass_by_rank")


def percolate(density: np.ndarray, *, levels: np.ndarray) -> Percolation:
    """Thresholds and curves of a density on a periodic grid.

    Args:
        density: not negative, (n₁, n₂, n₃); voxels of zero are never entered.
        levels: densities at which the curves are taken, (levels,).
    """
    flat = np.ascontiguousarray(density).ravel()
    occupied = np.flatnonzero(flat > 0)
    order = occupied[np.argsort(flat[occupied], kind="stable")[::-1]].astype(np.int32)
    levels = np.sort(np.asarray(levels, dtype=float))[::-1]
    ascending = flat[order][::-1]
    marks = len(order) - np.searchsorted(ascending, levels, side="left")
    clusters = _clusters(flat[order], fewest_to_wind=min(density.shape))
    found, masses, voxels, mass = _add_voxels(clusters, order, np.array(density.shape, dtype=np.int64), marks)
    thresholds = tuple(
        None if step < 0 else Threshold(float(flat[order[step]]), int(order[step]), int(size), float(mass_then))
        for (step, size), mass_then in zip(found, masses, strict=True)
    )
    # Clusters of rank 3 also percolate in 1 and 2 dimensions.
    at_least = slice(None, None, -1)
    return Percolation(
        thresholds=thresholds,
        levels=levels,
        voxels=marks,
        percolating_voxels=np.cumsum(voxels[:, :0:-1], axis=1)[:, at_least],
        percolating_mass=np.cumsum(mass[:, :0:-1], axis=1)[:, at_least],
    )


def _clusters(masses: np.ndarray, *, fewest_to_wind: int) -> _Clusters:
    """Single nodes, none added yet; `fewest_to_wind`: smallest number of nodes of a path around the cell."""
    nodes = len(masses)
    slots = nodes // fewest_to_wind + 1
    return _Clusters(
        parent=np.arange(nodes, dtype=np.int32),
        image=np.zeros((nodes, 3), dtype=np.int16),
        size=np.ones(nodes, dtype=np.int32),
        mass=masses.astype(np.float64),
        slot=np.full(nodes, -1, dtype=np.int32),
        windings=np.zeros((slots, 3, 3), dtype=np.int64),
        rank=np.zeros(slots, dtype=np.int64),
        slots=np.zeros(1, dtype=np.int64),
        voxels_by_rank=np.zeros(4, dtype=np.int64),
        mass_by_rank=np.zeros(4),
    )


@numba.njit(cache=True)
def _add_voxels(clusters, order, shape, marks):
    """Add voxels in order; returns step, size and mass at each threshold, and sums by rank at the marks."""
    node_of = np.full(shape[0] * shape[1] * shape[2], -1, dtype=np.int32)
    found, masses = np.full((3, 2), -1, dtype=np.int64), np.zeros(3)
    voxels_at, mass_at = np.zeros((len(marks), 4), dtype=np.int64), np.zeros((len(marks), 4))
    vector, mark = np.zeros(3, dtype=np.int64), 0
    # Passing the tuple costs more than a neighbour that is already joined.
    parent, image = clusters.parent, clusters.image
    for node in range(len(order)):
        while mark < len(marks) and marks[mark] <= node:
            voxels_at[mark], mass_at[mark] = clusters.voxels_by_rank, clusters.mass_by_rank
            mark += 1
        if mark == len(marks) and found[2, 0] >= 0:
            break
        node_of[order[node]] = node
        _count(clusters, node, 1)
        for direction in range(6):
            other = node_of[_neighbour(order[node], direction, shape, vector)]
            if other < 0:
                continue
            root, other_root = _root_of(parent, image, node), _root_of(parent, image, other)
            for axis in range(3):
                vector[axis] += image[node, axis] - image[other, axis]
            if root == other_root and vector[0] == 0 and vector[1] == 0 and vector[2] == 0:
                continue
            root = _join(clusters, root, other_root, vector)
            for dimension in range(_rank(clusters, root)):
                if found[dimension, 0] < 0:
                    found[dimension, 0], found[dimension, 1] = node, clusters.size[root]
                    masses[dimension] = clusters.mass[root]
    for left in range(mark, len(marks)):
        voxels_at[left], mass_at[left] = clusters.voxels_by_rank, clusters.mass_by_rank
    return found, masses, voxels_at, mass_at


@numba.njit(cache=True)
def _neighbour(voxel, direction, shape, crossing):
    """The voxel across a face; sets `crossing` to the image of the cell in which it lies."""
    axis, step = direction // 2, 1 - 2 * (direction % 2)
    stride = 1
    for later in range(axis + 1, 3):
        stride *= shape[later]
    crossing[:] = 0
    before = voxel // stride % shape[axis]
    after = before + step
    if after < 0 or after >= shape[axis]:
        crossing[axis] = step
        after -= step * shape[axis]
    return voxel + (after - before) * stride


@numba.njit(cache=True)
def _root_of(parent, image, node):
    """The root of a node; compresses the path, so that images are relative to the root."""
    root = node
    total0, total1, total2 = 0, 0, 0
    while parent[root] != root:
        total0 += image[root, 0]
        total1 += image[root, 1]
        total2 += image[root, 2]
        root = parent[root]
    while node != root and parent[node] != root:
        after = parent[node]
        step0, step1, step2 = image[node, 0], image[node, 1], image[node, 2]
        parent[node] = root
        image[node, 0], image[node, 1], image[node, 2] = total0, total1, total2
        total0, total1, total2 = total0 - step0, total1 - step1, total2 - step2
        node = after
    return root


@numba.njit(cache=True)
def _join(clusters, first, second, vector):
    """Join two clusters, the second root in image `vector`, or close a path around the cell."""
    if first == second:
        _wind(clusters, first, vector)
        return first
    _count(clusters, first, -1)
    _count(clusters, second, -1)
    root = first if clusters.size[first] >= clusters.size[second] else second
    child, sign = (second, 1) if root == first else (first, -1)
    clusters.parent[child] = root
    for axis in range(3):
        clusters.image[child, axis] = sign * vector[axis]
    clusters.size[root] += clusters.size[child]
    clusters.mass[root] += clusters.mass[child]
    _merge_windings(clusters, root, child)
    _count(clusters, root, 1)
    return root


@numba.njit(cache=True)
def _rank(clusters, root):
    """Number of dimensions in which a cluster percolates."""
    return clusters.rank[clusters.slot[root]] if clusters.slot[root] >= 0 else 0


@numba.njit(cache=True)
def _count(clusters, root, sign):
    """Add a cluster to the sums by rank, or subtract it."""
    rank = _rank(clusters, root)
    clusters.voxels_by_rank[rank] += sign * clusters.size[root]
    clusters.mass_by_rank[rank] += sign * clusters.mass[root]


@numba.njit(cache=True)
def _wind(clusters, root, vector):
    """Record a path within a cluster that winds around the cell by a vector, which is not zero."""
    if _rank(clusters, root) == 3:
        return
    _count(clusters, root, -1)
    if clusters.slot[root] < 0:
        clusters.slot[root] = clusters.slots[0]
        clusters.slots[0] += 1
    _add_winding(clusters, clusters.slot[root], vector)
    _count(clusters, root, 1)


@numba.njit(cache=True)
def _merge_windings(clusters, root, child):
    if clusters.slot[root] < 0:
        clusters.slot[root] = clusters.slot[child]
    elif clusters.slot[child] >= 0:
        lost = clusters.slot[child]
        for number in range(clusters.rank[lost]):
            _add_winding(clusters, clusters.slot[root], clusters.windings[lost, number])


@numba.njit(cache=True)
def _add_winding(clusters, slot, vector):
    """Store a winding vector, which is not zero, if it is linearly independent of those stored."""
    rank, (first, second) = clusters.rank[slot], clusters.windings[slot, :2]
    crossed = np.array([
        first[1] * vector[2] - first[2] * vector[1],
        first[2] * vector[0] - first[0] * vector[2],
        first[0] * vector[1] - first[1] * vector[0],
    ])  # fmt: skip
    parallel = rank == 1 and crossed[0] == 0 and crossed[1] == 0 and crossed[2] == 0
    coplanar = rank == 2 and crossed[0] * second[0] + crossed[1] * second[1] + crossed[2] * second[2] == 0
    if rank < 3 and not parallel and not coplanar:
        clusters.windings[slot, rank] = vector
        clusters.rank[slot] = rank + 1
