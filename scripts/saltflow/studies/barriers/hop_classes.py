"""Hops between sites: all of them, in classes that symmetry makes equal."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from saltflow.base.errors import InputError
from saltflow.studies.mobile_sites import MobileSites

CLEARANCE_A = 0.75  # from a straight hop to any atom or site in between
MAPPED_A = 0.1  # a symmetry operation maps a site onto another within this distance
LENGTH_A = 0.05  # hops of one class have lengths that agree so well

Move = TypeVar("Move")
Image = tuple[int, int, int]
Hop = tuple[int, int, Image]  # from a site in the unit cell to a site in an image of it


@dataclass(frozen=True)
class HopClass:
    """Hops that are equal by symmetry.

    Attributes:
        name: h1, h2 … by rising length.
        representative: the one that is computed.
        members: every hop of the class from the unit cell, in the direction of the representative.
        length_A: distance between the sites.
        pushed: of a knock-off the atom of the unit cell whose site the ion takes, and its image; else None.
    """

    name: str
    representative: Hop
    members: tuple[Hop, ...]
    length_A: float
    pushed: tuple[int, Image] | None = None


def find_hops(sites: MobileSites, *, r_max_A: float) -> list[HopClass]:
    """The classes of hops up to a length, each pair of sites once.

    A straight hop within 0.75 Å of an atom, or of another site, is left out: it is no hop, or two.

    Raises:
        InputError: no hop is left.
    """
    hops = {hop: length for hop, length in _all_hops(sites, r_max_A).items() if _is_free(sites, hop)}
    if not hops:
        raise InputError(
            [f"No two sites of {sites.mobile} within {r_max_A:g} Å have a free way between them; raise --r-max."]
        )
    mapped, shifts = site_maps(sites, sites.positions)

    def images(hop: Hop) -> Iterable[Hop]:
        start, end, image = hop
        for target, shift, rotation in zip(mapped, shifts, sites.rotations, strict=True):
            moved = shift[end] + rotation @ np.array(image) - shift[start]
            yield int(target[start]), int(target[end]), as_image(moved)

    return [
        HopClass(f"h{number}", members[0], tuple(members), hops[members[0]])
        for number, members in enumerate(equal_moves(hops, images, reverse_of=_reversed), start=1)
    ]


def equal_moves(
    lengths: Mapping[Move, float], images: Callable[[Move], Iterable[Move]], *, reverse_of: Callable[[Move], Move]
) -> list[list[Move]]:
    """Moves in classes, the shortest first; of a move and its reverse only one is kept.

    Args:
        lengths: of all moves, in Å.
        images: what each symmetry operation makes of a move.
        reverse_of: the same move, backwards.
    """
    left = dict(sorted(lengths.items(), key=lambda item: (round(item[1], 3), item[0])))
    classes = []
    while left:
        representative, members = next(iter(left)), []
        for move in (representative, *images(representative)):
            if move in left:
                members.append(move)
                del left[move]
                left.pop(reverse_of(move), None)
        classes.append(members)
    return classes


def as_image(cell: np.ndarray) -> Image:
    """The cell of a site as plain integers."""
    return tuple(int(step) for step in cell)


def _reversed(hop: Hop) -> Hop:
    start, end, image = hop
    return end, start, tuple(-step for step in image)


def hop_vector(sites: MobileSites, hop: Hop) -> np.ndarray:
    """From start to end in Å, shape (3,)."""
    start, end, image = hop
    return (sites.positions[end] + np.array(image) - sites.positions[start]) @ sites.cell


def _all_hops(sites: MobileSites, r_max_A: float) -> dict[Hop, float]:
    """Every ordered pair of sites within reach; a hop and its reverse are two."""
    images = images_within(sites.cell, r_max_A)
    found = {}
    for start in range(len(sites.positions)):
        between = sites.positions[:, None] + images - sites.positions[start]
        lengths = np.linalg.norm(between @ sites.cell, axis=2)
        for end, image in np.argwhere((lengths < r_max_A) & (lengths > MAPPED_A)):
            found[start, int(end), as_image(images[image])] = float(lengths[end, image])
    return found


def images_within(cell: np.ndarray, reach_A: float) -> np.ndarray:
    """Cells that hold every point within reach of a point of the first, shape (cells, 3)."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = np.ceil(reach_A / heights).astype(int) + 1
    return np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)


def _is_free(sites: MobileSites, hop: Hop) -> bool:
    return is_free(sites, sites.positions[hop[0]], hop_vector(sites, hop))


def is_free(sites: MobileSites, start: np.ndarray, vector: np.ndarray) -> bool:
    """Whether a straight way stays 0.75 Å from all atoms and sites but those at its ends.

    Args:
        start: fractional, shape (3,).
        vector: to the end in Å, shape (3,).
    """
    length = np.linalg.norm(vector)
    obstacles = np.concatenate([sites.fractional, sites.positions])
    images = images_within(sites.cell, length + CLEARANCE_A)
    points = ((obstacles[:, None] + images).reshape(-1, 3) - start) @ sites.cell
    along = points @ vector / length
    across = np.linalg.norm(points - np.outer(along, vector / length), axis=1)
    inside = (along > MAPPED_A) & (along < length - MAPPED_A)
    return not np.any(inside & (across < CLEARANCE_A))


def site_maps(sites: MobileSites, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each symmetry operation takes each position: its number and image, shapes (operations, n) and (…, 3).

    Args:
        positions: fractional, mapped onto each other by the operations, shape (n, 3).
    """
    targets, shifts = [], []
    for rotation, translation in zip(sites.rotations, sites.translations, strict=True):
        moved = positions @ rotation.T + translation
        between = moved[:, None] - positions
        image = np.round(between)
        distance = np.linalg.norm((between - image) @ sites.cell, axis=2)
        target = np.argmin(distance, axis=1)
        targets.append(target)
        shifts.append(image[np.arange(len(target)), target].astype(int))
    return np.array(targets), np.array(shifts)
