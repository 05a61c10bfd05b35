"""The graph of sites and hops: at which barrier do paths cross the crystal in one, two and three dimensions?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ATTEMPT_PER_S = 1e13  # usual order of magnitude of a vibration of the ion


@dataclass(frozen=True)
class Edge:
    """A hop between sites of the unit cell.

    Attributes:
        start, end: sites. image: cell of the end. name: of the class of hops.
        forward_eV, backward_eV: barriers.
        vector_A: from start to end, shape (3,).
        forward_per_s, backward_per_s: attempt frequencies.
    """

    start: int
    end: int
    image: tuple[int, int, int]
    name: str
    forward_eV: float
    backward_eV: float
    vector_A: np.ndarray
    forward_per_s: float = ATTEMPT_PER_S
    backward_per_s: float = ATTEMPT_PER_S

    @property
    def highest_eV(self) -> float:
        """The larger barrier: with it the hop can be made both ways."""
        return max(self.forward_eV, self.backward_eV)


@dataclass(frozen=True)
class BarrierThreshold:
    """The lowest barrier at which sites connect through the crystal.

    Attributes:
        barrier_eV: of the last hop that is needed. name: of its class.
    """

    barrier_eV: float
    name: str


@dataclass(frozen=True)
class Growth:
    """What a hop does to the sites that hops of lower barriers join.

    Attributes:
        edge: the hop.
        dimensions: in which sites connect through the crystal, with it.
        connects: whether it joins two clusters, or one with itself around the crystal in a new direction.
        crossing: sites of the clusters that lead through the crystal, with it.
    """

    edge: Edge
    dimensions: int
    connects: bool
    crossing: frozenset[int]


def growth(edges: Sequence[Edge]) -> list[Growth]:
    """Hops added by rising barrier, and what each does.

    Union–find with images: each site stores the image of the cell in which the root of its cluster lies; a hop within
    a cluster whose images differ closes a path around the crystal. The number of linearly independent ones is the
    number of dimensions (Machta et al., Phys. Rev. E 54, 1332, 1996).
    """
    parent: dict[int, tuple[int, np.ndarray]] = {}
    windings: dict[int, list[np.ndarray]] = {}
    clusters: dict[int, set[int]] = {}
    steps: list[Growth] = []
    dimensions = 0

    def root_of(site: int) -> tuple[int, np.ndarray]:
        image = np.zeros(3, int)
        while site in parent:
            site, step = parent[site]
            image = image + step
        return site, image

    for edge in sorted(edges, key=lambda edge: (edge.highest_eV, edge.name)):
        (start, start_image), (end, end_image) = root_of(edge.start), root_of(edge.end)
        across = np.array(edge.image) + end_image - start_image
        before = windings.pop(start, [])
        if start != end:
            parent[end] = (start, -across)
            loops = windings.pop(end, []) + before
        else:
            loops = [*before, across]
        windings[start] = _independent(loops)
        dimensions = max(dimensions, len(windings[start]))
        members = clusters.pop(start, {start})
        clusters[start] = members | clusters.pop(end, {end})
        crossing = frozenset().union(*(clusters[root] for root, loops in windings.items() if loops))
        steps.append(Growth(edge, dimensions, start != end or len(windings[start]) > len(before), crossing))
    return steps


def thresholds(edges: Sequence[Edge]) -> tuple[BarrierThreshold | None, ...]:
    """For one, two and three dimensions; None where the hops do not connect."""
    steps = growth(edges)
    found = (next((step.edge for step in steps if step.dimensions >= each), None) for each in (1, 2, 3))
    return tuple(edge and BarrierThreshold(edge.highest_eV, edge.name) for edge in found)


def _independent(vectors: Sequence[np.ndarray]) -> list[np.ndarray]:
    kept: list[np.ndarray] = []
    for vector in vectors:
        if np.linalg.matrix_rank(np.array([*kept, vector])) > len(kept):
            kept.append(vector)
    return kept
