"""Knock-offs (interstitialcy): an interstitial takes the site of a lattice ion and pushes it into a void."""

from collections.abc import Iterable

import numpy as np

from saltflow.base.errors import InputError
from saltflow.studies.barriers.hop_classes import (
    Hop,
    HopClass,
    Image,
    as_image,
    equal_moves,
    hop_vector,
    images_within,
    is_free,
    site_maps,
)
from saltflow.studies.mobile_sites import MobileSites

# From a void to another, over an ion of the lattice and its image.
KnockOff = tuple[int, int, Image, int, Image]


def find_knock_offs(sites: MobileSites, *, r_max_A: float) -> list[HopClass]:
    """The classes of knock-offs between voids whose two legs are no longer than a limit, each once.

    A leg within 0.75 Å of another atom or void is left out. The hop of a class leads from void to void, as the
    interstitial does; its length is that displacement.

    Raises:
        InputError: none is left.
    """
    ions = np.flatnonzero(sites.crystal.symbols == sites.mobile)
    places = sites.fractional[ions]
    moves = _all_knock_offs(sites, places, r_max_A)
    if not moves:
        raise InputError(
            [f"No {sites.mobile} has two free voids within {r_max_A:g} Å to be pushed between; raise --r-max."]
        )
    void_maps, void_shifts = site_maps(sites, sites.positions)
    ion_maps, ion_shifts = site_maps(sites, places)

    def images(move: KnockOff) -> Iterable[KnockOff]:
        start, end, image, ion, cell = move
        for number, rotation in enumerate(sites.rotations):
            origin = void_shifts[number, start]
            to_end = void_shifts[number, end] + rotation @ np.array(image) - origin
            to_ion = ion_shifts[number, ion] + rotation @ np.array(cell) - origin
            yield (
                int(void_maps[number, start]),
                int(void_maps[number, end]),
                as_image(to_end),
                int(ion_maps[number, ion]),
                as_image(to_ion),
            )

    classes = []
    for members in equal_moves(moves, images, reverse_of=_reversed):
        hops: tuple[Hop, ...] = tuple(move[:3] for move in members)
        pushed = (int(ions[members[0][3]]), members[0][4])
        classes.append(HopClass(f"h{len(classes) + 1}", hops[0], hops, moves[members[0]], pushed))
    return classes


def leg_vectors(sites: MobileSites, hop: HopClass) -> tuple[np.ndarray, np.ndarray]:
    """Ways of the interstitial and of the pushed ion in Å, shape (3,) each."""
    atom, cell = hop.pushed
    start = sites.positions[hop.representative[0]]
    first = (sites.fractional[atom] + np.array(cell) - start) @ sites.cell
    return first, hop_vector(sites, hop.representative) - first


def _all_knock_offs(sites: MobileSites, places: np.ndarray, r_max_A: float) -> dict[KnockOff, float]:
    """Every knock-off and its reverse, with the displacement of the interstitial."""
    images = images_within(sites.cell, r_max_A)
    legs: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {ion: [] for ion in range(len(places))}
    for void, start in enumerate(sites.positions):
        vectors = (places[:, None] + images - start) @ sites.cell
        lengths = np.linalg.norm(vectors, axis=2)
        for ion, image in np.argwhere(lengths < r_max_A):
            if is_free(sites, start, vectors[ion, image]):
                legs[int(ion)].append((void, images[image], vectors[ion, image]))
    return {
        (start, end, as_image(cell - other), ion, as_image(cell)): float(np.linalg.norm(there - back))
        for ion, ways in legs.items()
        for start, cell, there in ways
        for end, other, back in ways
        if start != end or np.any(cell != other)
    }


def _reversed(move: KnockOff) -> KnockOff:
    start, end, image, ion, cell = move
    return end, start, as_image(-np.array(image)), ion, as_image(np.subtract(cell, image))
