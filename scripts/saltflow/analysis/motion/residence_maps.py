"""Site maps: stays between hops merged into sites, and the time of each ion at each site."""

from dataclasses import dataclass

import numpy as np

from saltflow.analysis.motion.hops import Hops

MOST_STAYS = 50_000  # the longest stays; `SiteMap.covered` tells their fraction of the time


@dataclass(frozen=True)
class SiteMap:
    """Sites of one segment and the time that ions spent there.

    Args:
        places_A: position of the longest stay of each site, (sites, 3).
        fractions: fraction of the run that each ion spent at each site, (ions, sites).
        covered: fraction of the time of all ions that the map holds.
    """

    places_A: np.ndarray
    fractions: np.ndarray
    covered: float


def map_sites(hops: Hops, first_cages_A: np.ndarray, *, frames: int, radius_A: float, cell_A: np.ndarray) -> SiteMap:
    """Merge stays within a radius into sites, beginning with the longest stay.

    A stay is the time of an ion between two of its hops; its position is the mean of the end of the first hop and the
    start of the second.

    Args:
        hops: of one segment.
        first_cages_A: first position of each ion, (ions, 3).
        frames: sampled frames of the segment.
        radius_A: largest distance of a stay from its site.
        cell_A: mean cell, (3, 3).
    """
    ions, places_A, lasting = _stays(hops, first_cages_A, frames=frames)
    longest = np.argsort(-lasting, kind="stable")[:MOST_STAYS]
    ions, places_A, lasting = ions[longest], places_A[longest], lasting[longest]
    fractional = places_A @ np.linalg.inv(cell_A)
    site = np.full(len(ions), -1)
    left, founders = np.arange(len(ions)), []
    while len(left):
        vectors = fractional[left] - fractional[left[0]]
        near = np.linalg.norm((vectors - np.rint(vectors)) @ cell_A, axis=1) < radius_A
        site[left[near]] = len(founders)
        founders.append(left[0])
        left = left[~near]
    fractions = np.zeros((len(first_cages_A), len(founders)))
    np.add.at(fractions, (ions, site), lasting / frames)
    return SiteMap(places_A[founders], fractions, float(fractions.sum() / len(first_cages_A)))


def _stays(hops: Hops, first_cages_A: np.ndarray, *, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ion, place and duration in frames of every stay."""
    order = np.lexsort((hops.frames, hops.ions))
    sorted_ = hops.of(order)
    everyone = np.arange(len(first_cages_A))
    counts = np.bincount(sorted_.ions, minlength=len(everyone))
    last_of = np.cumsum(counts) - 1
    begin_A = np.concatenate([first_cages_A, sorted_.ends_A])
    begins = np.concatenate([np.zeros(len(everyone), dtype=int), sorted_.frames])
    ions = np.concatenate([everyone, sorted_.ions])
    # Stay k of an ion ends with its hop k; the last one with the run.
    next_hop = np.concatenate([last_of - counts + 1, np.arange(len(order)) + 1])
    is_last = np.concatenate([counts == 0, np.isin(np.arange(len(order)), last_of[counts > 0])])
    safe = np.minimum(next_hop, max(len(order) - 1, 0))
    if len(order):
        end_A = np.where(is_last[:, None], begin_A, sorted_.starts_A[safe])
        ends = np.where(is_last, frames, sorted_.frames[safe])
    else:
        end_A, ends = begin_A, np.full(len(ions), frames)
    return ions, (begin_A + end_A) / 2, ends - begins
