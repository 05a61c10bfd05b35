"""Linked hops: concerted clusters, strings of ions that replace each other, and time-shuffled hops for comparison."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from saltflow.analysis.motion.hops import Hops

MOST_PAIRS = 1_000_000  # compared at once


@dataclass(frozen=True)
class LinkCriteria:
    """When two hops of different ions are linked.

    Args:
        frames: largest difference in time.
        string_A: in a string, largest distance between the end of one hop and the start of the other.
        concerted_A: largest distance between the starts of concerted hops.
        cell_A: mean cell, (3, 3).
    """

    frames: int
    string_A: float
    concerted_A: float
    cell_A: np.ndarray


def count_linked_ions(hops: Hops, criteria: LinkCriteria) -> dict[str, np.ndarray]:
    """For each hop, the number of ions in its string and in its concerted cluster, its own ion included.

    A string is a set of hops linked by replacement, min(|end_i − start_j|, |end_j − start_i|) < δ. Source: Donati et
    al., Phys. Rev. Lett. 80, 2338 (1998).

    Args:
        hops: ordered in time.
        criteria: when two hops are linked.

    Returns:
        "string" and "concerted", (hops,).
    """
    found: dict[str, list[np.ndarray]] = {"string": [], "concerted": []}
    for first, second in _near_in_time(hops.frames, window=criteria.frames):
        others = hops.ions[first] != hops.ions[second]
        first, second = first[others], second[others]
        begun_A = _distances_A(hops.starts_A[first] - hops.starts_A[second], criteria.cell_A)
        followed_A = np.minimum(
            _distances_A(hops.ends_A[first] - hops.starts_A[second], criteria.cell_A),
            _distances_A(hops.ends_A[second] - hops.starts_A[first], criteria.cell_A),
        )
        found["string"].append(np.stack([first, second])[:, followed_A < criteria.string_A])
        found["concerted"].append(np.stack([first, second])[:, begun_A < criteria.concerted_A])
    return {name: _ions_together(hops, pairs) for name, pairs in found.items()}


def shuffled_in_time(hops: Hops, *, first: int, frames: int, rng: np.random.Generator) -> Hops:
    """The hops with a random shift in time for each ion, periodic over the run.

    Rates, positions and correlations of single ions are kept; correlations between ions are lost.

    Args:
        hops: of one segment.
        first, frames: the window of time that holds the hops.
        rng: random numbers.
    """
    shifts = rng.integers(frames, size=int(hops.ions.max(initial=0)) + 1)
    moved = first + (hops.frames - first + shifts[hops.ions]) % frames
    order = np.argsort(moved, kind="stable")
    return Hops(hops.ions[order], moved[order], hops.starts_A[order], hops.ends_A[order])


def _near_in_time(frames: np.ndarray, *, window: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of hops, each once, at most a window apart; some at a time."""
    count = np.searchsorted(frames, frames + window, side="right") - np.arange(len(frames)) - 1
    cut = np.searchsorted(np.cumsum(count), np.arange(MOST_PAIRS, count.sum() + MOST_PAIRS, MOST_PAIRS), side="right")
    start = 0
    for stop in (*cut.tolist(), len(frames)):
        stop = min(max(stop, start + 1), len(frames))
        here = count[start:stop]
        first = np.repeat(np.arange(start, stop), here)
        step = np.arange(here.sum()) - np.repeat(np.cumsum(here) - here, here)
        yield first, first + 1 + step
        start = stop
        if start >= len(frames):
            return


def _distances_A(vectors_A: np.ndarray, cell_A: np.ndarray) -> np.ndarray:
    vectors = vectors_A @ np.linalg.inv(cell_A)
    return np.linalg.norm((vectors - np.rint(vectors)) @ cell_A, axis=-1)


def _ions_together(hops: Hops, pairs: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate([np.empty((2, 0), dtype=int), *pairs], axis=1)
    count = len(hops.ions)
    graph = sparse.coo_matrix((np.ones(joined.shape[1]), joined), shape=(count, count))
    clusters, labels = csgraph.connected_components(graph, directed=False)
    members = np.unique(np.stack([labels, hops.ions]), axis=1)
    return np.bincount(members[0], minlength=clusters)[labels]
