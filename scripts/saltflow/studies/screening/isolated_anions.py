"""Isolated anions: those whose first shell of cations holds mobile ions only (arXiv 2406.02852)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list

from saltflow.base.errors import InputError
from saltflow.materials.ions.radii import ionic_radius_A
from saltflow.materials.ordering.disordered_crystal import SYMMETRY_TOLERANCE_A, DisorderedCrystal, Orbit

SHELL = 1.25  # of the sum of two radii: the end of the first shell


@dataclass(frozen=True)
class AnionOrbit:
    """Symmetry-equivalent anions.

    Attributes:
        label: of the first site in the file. elements: such as "S" or "S/Cl".
        sites: their indices in the primitive cell.
        occupancy: of each site.
        neighbours: element → cations in the first shell of one site, by their occupancies.
        shell: sites of mobile ions in the first shell of each anion, as (site, cell) with the cell as three integers.
        site_symmetry: point group of the site, in spglib's notation.
        is_isolated: whether mobile ions, and no other cations, are in the shell.
    """

    label: str
    elements: str
    sites: tuple[int, ...]
    occupancy: float
    neighbours: Mapping[str, float]
    shell: tuple[tuple[tuple[int, tuple[int, int, int]], ...], ...]
    site_symmetry: str
    is_isolated: bool


def anions_of(crystal: DisorderedCrystal, charges: Mapping[str, int], *, mobile: str) -> list[AnionOrbit]:
    """Every kind of anion of a crystal.

    Args:
        crystal: with its occupancies; a site that is half empty counts as half a neighbour.
        charges: element → formal charge in e.
        mobile: element of the mobile ion.

    Raises:
        InputError: the crystal holds no mobile ion, or no anion.
    """
    if charges.get(mobile, 0) <= 0:
        raise InputError([f"'{crystal.path}' holds no cation {mobile}; name another with --mobile."])
    orbit_of = {site: orbit for orbit in crystal.orbits for site in orbit.sites.tolist()}
    anions = [orbit for orbit in crystal.orbits if _charge(orbit, charges) < 0]
    if not anions:
        raise InputError([f"'{crystal.path}' holds no anion; it is no salt."])
    pairs = _shells(crystal, orbit_of, charges)
    symmetries = _site_symmetries(crystal, orbit_of)
    return [_anion(orbit, orbit_of, pairs, symmetries[orbit.sites[0]], mobile=mobile) for orbit in anions]


def _charge(orbit: Orbit, charges: Mapping[str, int]) -> float:
    return sum(part * charges[element] for element, part in orbit.occupancies.items())


def _radii_A(orbit: Orbit, charges: Mapping[str, int]) -> tuple[float, float, bool]:
    """Ionic and covalent radius of the largest ion that occupies the sites, and whether the ionic one is known."""
    covalent = max(float(covalent_radii[atomic_numbers[element]]) for element in orbit.occupancies)
    ionic = max(ionic_radius_A(element, charges[element]) for element in orbit.occupancies)
    return ionic, covalent, ionic != covalent


def _shells(
    crystal: DisorderedCrystal, orbit_of: Mapping[int, Orbit], charges: Mapping[str, int]
) -> dict[int, list[tuple[int, tuple[int, int, int]]]]:
    """Anion → the cations of its first shell, as (site, cell)."""
    sites = sorted(orbit_of)
    ionic, covalent, known = map(np.array, zip(*(_radii_A(orbit_of[site], charges) for site in sites), strict=True))
    signs = np.sign([_charge(orbit_of[site], charges) for site in sites])
    atoms = Atoms("X" * len(sites), scaled_positions=crystal.positions, cell=crystal.cell, pbc=True)
    first, second, cells, distances = neighbor_list("ijSd", atoms, 2 * SHELL * float(max(ionic.max(), covalent.max())))
    # Of phosphides and others without an ionic radius the covalent radii of both.
    sums = np.where(known[first], ionic[first] + ionic[second], covalent[first] + covalent[second])
    near = (signs[first] < 0) & (signs[second] > 0) & (distances <= SHELL * sums)
    found: dict[int, list] = {site: [] for site in sites}
    for anion, cation, cell in zip(first[near], second[near], cells[near], strict=True):
        found[int(anion)].append((int(cation), tuple(int(each) for each in cell)))
    return found


def _site_symmetries(crystal: DisorderedCrystal, orbit_of: Mapping[int, Orbit]) -> Sequence[str]:
    """Point group of every site; "?" where spglib finds none."""
    import spglib

    kinds = [tuple(sorted(orbit_of[site].occupancies.items())) for site in sorted(orbit_of)]
    numbers = [sorted(set(kinds)).index(kind) + 1 for kind in kinds]
    found = spglib.get_symmetry_dataset((crystal.cell, crystal.positions, numbers), symprec=SYMMETRY_TOLERANCE_A)
    return ["?"] * len(kinds) if found is None else list(found.site_symmetry_symbols)


def _anion(
    orbit: Orbit,
    orbit_of: Mapping[int, Orbit],
    pairs: Mapping[int, Sequence[tuple[int, tuple[int, int, int]]]],
    symmetry: str,
    *,
    mobile: str,
) -> AnionOrbit:
    sites = tuple(int(site) for site in orbit.sites)
    neighbours: dict[str, float] = {}
    for site, _ in pairs[sites[0]]:
        for element, part in orbit_of[site].occupancies.items():
            neighbours[element] = neighbours.get(element, 0.0) + part
    shells = tuple(tuple(each for each in pairs[site] if mobile in orbit_of[each[0]].occupancies) for site in sites)
    return AnionOrbit(
        label=orbit.label,
        elements="/".join(sorted(orbit.occupancies)),
        sites=sites,
        occupancy=sum(orbit.occupancies.values()),
        neighbours={element: round(number, 3) for element, number in neighbours.items()},
        shell=shells,
        site_symmetry=symmetry,
        is_isolated=set(neighbours) == {mobile},
    )
