"""A host of ions: a supercell of its framework, and the sites that ions may take."""

from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.base.errors import InputError
from saltflow.studies.mobile_sites import SYMMETRY_TOLERANCE_A, MobileSites, find_sites, symmetry_of

MOST_OPERATIONS = 2000  # of a supercell that are used to tell which occupations are alike


@dataclass(frozen=True)
class Host:
    """A framework and the sites of an ion in it.

    Attributes:
        framework: supercell without the ion.
        ion: element.
        sites_A: positions of the sites, shape (sites, 3).
        given: whether a site is occupied in the structure of the file, shape (sites,).
        permutations: where each symmetry operation takes a site, shape (operations, sites).
        vacancies_A: where atoms were taken out on purpose, shape (vacancies, 3).
    """

    framework: Atoms
    ion: str
    sites_A: np.ndarray
    given: np.ndarray
    permutations: np.ndarray
    vacancies_A: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))

    @property
    def sites(self) -> int:
        """How many ions fill the host."""
        return len(self.sites_A)

    def filled(self, occupation: np.ndarray) -> Atoms:
        """The framework, then an ion on each site of an occupation, shape (sites,)."""
        ions = self.sites_A[np.asarray(occupation, dtype=bool)]
        return self.framework + Atoms(f"{self.ion}{len(ions)}" if len(ions) else "", ions)

    def alike(self, occupation: np.ndarray) -> np.ndarray:
        """The one that stands for all occupations that symmetry makes of one, shape (sites,)."""
        images = np.packbits(np.asarray(occupation, dtype=bool)[self.permutations], axis=1)
        first = np.lexsort(images.T[::-1])[-1]  # the largest as a binary number
        return np.asarray(occupation, dtype=bool)[self.permutations[first]]


def host_of(crystal: Atoms, ion: str, *, repeats: tuple[int, int, int]) -> Host:
    """A host whose sites are those that the ion has in the crystal.

    Raises:
        InputError: the ion is not in the crystal, or as of `find_sites`.
    """
    sites = find_sites(crystal, ion, voids=False)
    return _supercell(sites, sites.positions, repeats=repeats, is_occupied=True)


def with_framework(host: Host, framework: Atoms) -> Host:
    """The same sites, as they are now, in another framework, with the symmetry that both leave."""
    ions = Atoms([host.ion] * host.sites, host.sites_A, cell=framework.cell, pbc=True)
    return replace(host, framework=framework, permutations=_permutations(framework, ions))


def host_of_voids(sites: MobileSites, positions: np.ndarray, *, repeats: tuple[int, int, int]) -> Host:
    """A host whose sites are voids of the crystal.

    Args:
        sites: voids of the crystal.
        positions: those of one kind, fractional, shape (voids, 3).
        repeats: of the cell.
    """
    return _supercell(sites, positions, repeats=repeats, is_occupied=False)


def _supercell(sites: MobileSites, positions: np.ndarray, *, repeats: tuple[int, int, int], is_occupied: bool) -> Host:
    if min(repeats) < 1:
        raise InputError(["--repeat has to be three numbers above 0; give such as 2,2,1."])
    crystal = sites.crystal
    framework = crystal[[symbol != sites.mobile for symbol in crystal.symbols]] if is_occupied else crystal
    if not is_occupied and sites.mobile in crystal.symbols:
        raise InputError([f"--voids is for a host without {sites.mobile}; leave it out, or give the empty host."])
    ions = Atoms([sites.mobile] * len(positions), scaled_positions=positions, cell=crystal.cell, pbc=True)
    framework, ions = (each.repeat(repeats) for each in (framework, ions))
    given = np.full(len(ions), is_occupied)
    permutations = _permutations(framework, ions)
    return Host(framework, sites.mobile, ions.positions.copy(), given, permutations)


def _permutations(framework: Atoms, ions: Atoms) -> np.ndarray:
    """Where symmetry takes each site, shape (operations, sites); the identity is the first."""
    rotations, translations = symmetry_of(framework + ions)
    places = ions.get_scaled_positions()
    found = [np.arange(len(ions))]
    for rotation, translation in zip(rotations[:MOST_OPERATIONS], translations, strict=False):
        between = (places @ rotation.T + translation)[:, None] - places
        apart = find_mic((between @ ions.cell.array).reshape(-1, 3), ions.cell)[1].reshape(len(ions), -1)
        to = apart.argmin(axis=1)
        if apart.min(axis=1).max() < 10 * SYMMETRY_TOLERANCE_A and len(set(to)) == len(to):
            found.append(to)
    return np.unique(np.array(found), axis=0)
