"""Hops of ions in molecular dynamics of a crystal, mapped onto its graph of hops.

An ion belongs to a site from when it comes within a core of it until it comes within the core of another one
(Buchete & Hummer, J. Phys. Chem. B 112, 6057, 2008): vibrations between cores are no hops.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.studies.barriers.hop_classes import HopClass, hop_vector
from saltflow.studies.mobile_sites import MobileSites

CORE_FRACTION = 1 / 3  # of the shortest distance between sites
DISTANCES_AT_ONCE = 2_000_000
NOWHERE = -1

Place = tuple[int, int, int, int]  # site and the image of the unit cell


@dataclass(frozen=True)
class MDHop:
    """One hop of one ion.

    Attributes:
        ion: its number.
        start, end: places.
        left, arrived: last frame within the core of the start, first within that of the end.
    """

    ion: int
    start: Place
    end: Place
    left: int
    arrived: int


def core_radius_A(sites: MobileSites, cell_A: np.ndarray) -> float:
    """Radius of the cores in a cell, a third of the shortest distance between sites."""
    between = sites.positions[:, None] - sites.positions
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 1, 3)
    distances = np.linalg.norm((between + images) @ cell_A, axis=-1)
    return CORE_FRACTION * float(distances[distances > 1e-6].min())


def find_md_hops(
    places: np.ndarray, sites: MobileSites, cell_A: np.ndarray, *, shortest_stay: int = 1
) -> tuple[list[MDHop], float]:
    """All hops of a trajectory.

    A hop to a site and back is none where the stay there is shorter than `shortest_stay` frames.

    Args:
        places: unwrapped coordinates of the ions in units of the unit cell, shape (frames, ions, 3).
        sites: of the unit cell.
        cell_A: unit cell of the dynamics, vectors as rows.
        shortest_stay: frames.

    Returns:
        the hops by ion and time, and the fraction of ions × frames within no core.
    """
    radius_A = core_radius_A(sites, cell_A)
    hops: list[MDHop] = []
    nowhere = 0
    for ion in range(places.shape[1]):
        site, image = _visited(places[:, ion], sites, cell_A, radius_A=radius_A)
        nowhere += int(np.count_nonzero(site == NOWHERE))
        hops += _without_returns(list(_changes(ion, site, image)), shortest_stay=shortest_stay)
    return hops, nowhere / (places.shape[0] * places.shape[1])


def _visited(
    path: np.ndarray, sites: MobileSites, cell_A: np.ndarray, *, radius_A: float
) -> tuple[np.ndarray, np.ndarray]:
    """Site whose core holds an ion, −1 for none, shape (frames,), and its image, shape (frames, 3)."""
    site, image = np.empty(len(path), int), np.empty((len(path), 3), int)
    step = max(1, DISTANCES_AT_ONCE // len(sites.positions))
    for first in range(0, len(path), step):
        some = slice(first, first + step)
        between = path[some, None] - sites.positions
        nearest_image = np.round(between).astype(int)
        distance = np.linalg.norm((between - nearest_image) @ cell_A, axis=2)
        nearest = np.argmin(distance, axis=1)
        here = np.arange(len(nearest))
        site[some] = np.where(distance[here, nearest] < radius_A, nearest, NOWHERE)
        image[some] = nearest_image[here, nearest]
    return site, image


def _changes(ion: int, site: np.ndarray, image: np.ndarray) -> Iterator[MDHop]:
    inside = np.flatnonzero(site != NOWHERE)
    where = np.column_stack([site[inside], image[inside]])
    for place in np.flatnonzero(np.any(np.diff(where, axis=0) != 0, axis=1)):
        start, end = (tuple(int(each) for each in where[index]) for index in (place, place + 1))
        yield MDHop(ion, start, end, int(inside[place]), int(inside[place + 1]))


def _without_returns(hops: list[MDHop], *, shortest_stay: int) -> list[MDHop]:
    kept: list[MDHop] = []
    for hop in hops:
        is_back = kept and kept[-1].start == hop.end and hop.left - kept[-1].arrived + 1 < shortest_stay
        if is_back:
            kept.pop()
        else:
            kept.append(hop)
    return kept


def is_concerted(hops: Sequence[MDHop], sites: MobileSites, supercell: np.ndarray, *, neighbour_A: float) -> list[bool]:
    """Whether another ion hops during each hop and starts within a distance of its start.

    Args:
        hops: of one trajectory.
        supercell: of the dynamics in units of the unit cell, integers, shape (3, 3).
        neighbour_A: the distance.
    """
    starts = np.array([np.array(hop.start[1:]) + sites.positions[hop.start[0]] for hop in hops]).reshape(-1, 3)
    order = sorted(range(len(hops)), key=lambda number: hops[number].left)
    longest = max((hop.arrived - hop.left for hop in hops), default=0)
    found = [False] * len(hops)
    lefts = np.array([hops[number].left for number in order])
    for place, number in enumerate(order):
        hop = hops[number]
        last = int(np.searchsorted(lefts, hop.arrived, side="right"))
        first = int(np.searchsorted(lefts, hop.left - longest, side="left"))
        for other in order[first:place] + order[place + 1 : last]:
            both = hops[other]
            if both.ion != hop.ion and both.left < hop.arrived and both.arrived > hop.left:
                between = _shortest_A(starts[other] - starts[number], supercell, sites.cell)
                found[number] = found[number] or between <= neighbour_A
    return found


def _shortest_A(between: np.ndarray, supercell: np.ndarray, cell_A: np.ndarray) -> float:
    """Length of a difference in units of the unit cell, by the nearest image of the supercell."""
    fractional = between @ np.linalg.inv(supercell)
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return float(np.linalg.norm((fractional - np.round(fractional) + images) @ supercell @ cell_A, axis=1).min())


def class_of(hop: MDHop, names: dict[tuple, str]) -> str | None:
    """The class of a hop; None where the graph has no such hop."""
    step = tuple(int(end - start) for start, end in zip(hop.start[1:], hop.end[1:], strict=True))
    back = tuple(-each for each in step)
    return names.get((hop.start[0], hop.end[0], step)) or names.get((hop.end[0], hop.start[0], back))


def names_of(classes: Sequence[HopClass]) -> dict[tuple, str]:
    """Hop of the unit cell → name of its class, one direction of each."""
    return {hop: each.name for each in classes for hop in each.members}


def count_hops(
    hops: Sequence[MDHop], concerted: Sequence[bool], sites: MobileSites, classes: Sequence[HopClass]
) -> tuple[dict, list[dict]]:
    """How often each class happened, and the hops that the graph has not.

    Returns:
        name of each class → hops and how many of them were concerted; and for each pair of sites without a hop of the
        graph its length_A, hops and concerted, the most frequent first.
    """
    names = names_of(classes)
    found = {each.name: {"hops": 0, "concerted": 0} for each in classes}
    missed: Counter = Counter()
    together: defaultdict = defaultdict(int)
    for hop, is_one_of_several in zip(hops, concerted, strict=True):
        if name := class_of(hop, names):
            found[name]["hops"] += 1
            found[name]["concerted"] += is_one_of_several
        else:
            step = tuple(int(end - start) for start, end in zip(hop.start[1:], hop.end[1:], strict=True))
            length_A = float(np.linalg.norm(hop_vector(sites, (hop.start[0], hop.end[0], step))))
            key = (*sorted((hop.start[0], hop.end[0])), round(length_A, 2))
            missed[key] += 1
            together[key] += is_one_of_several
    absent = [
        {"sites": list(key[:2]), "length_A": key[2], "hops": number, "concerted": together[key]}
        for key, number in missed.most_common()
    ]
    return found, absent
