"""Which ion stands on which disordered site of a supercell, and the electrostatic energy of the arrangement."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.materials.ordering.disordered_crystal import DisorderedCrystal, Orbit
from saltflow.materials.ordering.ewald_kernel import ewald_kernel
from saltflow.materials.ordering.exclusions import exclusion_distance_A

VACANT = ""
MOST_VECTORS = 50_000  # at a time, for memory


class DisorderedSupercell:
    """The sites of a supercell with the interactions between what may occupy them.

    Sites are those of disordered orbits, primitive cell by primitive cell; occupants are numbers of `ions`.

    Args:
        crystal: primitive cell and occupancies.
        matrix: supercell matrix, shape (3, 3).
        charges: element → formal charge in e.
    """

    def __init__(self, crystal: DisorderedCrystal, *, matrix: np.ndarray, charges: Mapping[str, float]):
        from ase.build.supercells import lattice_points_in_supercell  # a third of a second, in every plan

        self.crystal, self.matrix, self._element_charges = crystal, np.asarray(matrix, int), dict(charges)
        self.cell = self.matrix @ crystal.cell
        self._translations = np.round(lattice_points_in_supercell(self.matrix) @ self.matrix).astype(int)
        orbits = [orbit for orbit in crystal.orbits if not orbit.is_ordered]
        self._open = np.concatenate([orbit.sites for orbit in orbits]) if orbits else np.empty(0, int)
        of_open = np.repeat(np.arange(len(orbits)), [len(orbit.sites) for orbit in orbits])
        self.orbit = np.tile(of_open, len(self._translations))
        self.ions = (VACANT, *dict.fromkeys(element for orbit in orbits for element in orbit.occupancies))
        self.charges = np.array([charges.get(ion, 0.0) for ion in self.ions])

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel in eV/e² and distance in Å of every two sites, shapes (sites, sites)."""
        count, cells = len(self._open), len(self._translations)
        places = self.crystal.positions[self._open] @ self.crystal.cell
        steps = self._translations @ self.crystal.cell
        vectors = places[None, :, None] - places[:, None, None] + steps  # from site a to site b, a translation away
        flat = vectors.reshape(-1, 3)
        kernel = ewald_kernel(flat, self.cell).reshape(count, count, cells)
        parts = np.array_split(flat, len(flat) // MOST_VECTORS + 1)
        distance = np.concatenate([find_mic(part, self.cell)[1] for part in parts]).reshape(count, count, cells)
        index = self._differences
        spread = lambda values: values[:, :, index].transpose(2, 0, 3, 1).reshape(count * cells, count * cells)  # noqa: E731
        return spread(kernel), spread(distance)

    @property
    def _differences(self) -> np.ndarray:
        """The translation that leads from one to another, shape (cells, cells)."""
        inverse = np.linalg.inv(self.matrix)
        key = lambda points: np.round((points @ inverse) % 1.0 * round(np.linalg.det(self.matrix))).astype(int)  # noqa: E731
        size = round(np.linalg.det(self.matrix))
        code = lambda points: (key(points) % size) @ np.array([1, size, size * size])  # noqa: E731
        known = code(self._translations)
        order = np.argsort(known)
        wanted = code(self._translations[None, :] - self._translations[:, None])
        return order[np.searchsorted(known[order], wanted)]

    @property
    def kernel(self) -> np.ndarray:
        """Energy in eV/e² of unit charges on every two sites, shape (sites, sites)."""
        return self._pairs[0]

    @cached_property
    def field(self) -> np.ndarray:
        """Potential of the ions of ordered orbits at each site in V, shape (sites,)."""
        places, charges = self._fixed
        own = self.crystal.positions[self._open] @ self.crystal.cell
        vectors = (own[:, None] - places).reshape(-1, 3)
        potential = ewald_kernel(vectors, self.crystal.cell).reshape(len(own), len(places)) @ charges
        return np.tile(potential, len(self._translations))

    @cached_property
    def fixed_energy_eV(self) -> float:
        """Energy of the ions of ordered orbits among themselves."""
        places, charges = self._fixed
        vectors = (places[:, None] - places).reshape(-1, 3)
        kernel = ewald_kernel(vectors, self.crystal.cell).reshape(len(places), len(places))
        return 0.5 * len(self._translations) * float(charges @ kernel @ charges)

    @cached_property
    def _fixed(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions in Å and charges of the ions of ordered orbits in the primitive cell."""
        orbits = [orbit for orbit in self.crystal.orbits if orbit.is_ordered]
        sites = np.concatenate([orbit.sites for orbit in orbits]) if orbits else np.empty(0, int)
        charges = [
            self._element_charges[element] for orbit in orbits for element in list(orbit.occupancies) * len(orbit.sites)
        ]
        return self.crystal.positions[sites] @ self.crystal.cell, np.array(charges, float)

    @cached_property
    def excluded(self) -> np.ndarray:
        """Whether two ions exclude each other on two sites, shape (ions, ions, sites, sites)."""
        _, distance = self._pairs
        excluded = np.zeros((len(self.ions), len(self.ions), *distance.shape), bool)
        for one, first in enumerate(self.ions[1:], start=1):
            for other, second in enumerate(self.ions[1:], start=1):
                limit = exclusion_distance_A(first, second, self._element_charges)
                excluded[one, other] = (distance < limit) & (distance > 1e-6)
        return excluded

    def closest_conflict(self, occupants: np.ndarray) -> tuple[str, str, float, float]:
        """The closest ions that exclude each other, as "Li on Li2", with their distance and its limit in Å."""
        _, distance = self._pairs
        sites = np.arange(len(occupants))
        conflicts = self.excluded[occupants[:, None], occupants, sites[:, None], sites]
        pairs = np.argwhere(conflicts)
        first, second = min(pairs, key=lambda pair: distance[tuple(pair)])
        labels = [orbit.label for orbit in self.crystal.orbits if not orbit.is_ordered]
        named = (f"{self.ions[occupants[site]]} on {labels[self.orbit[site]]}" for site in (first, second))
        ions = (self.ions[occupants[first]], self.ions[occupants[second]])
        return *named, float(distance[first, second]), exclusion_distance_A(*ions, self._element_charges)

    def energy_eV(self, occupants: np.ndarray) -> float:
        """Ewald energy of the whole supercell for occupants, shape (sites,)."""
        charges = self.charges[occupants]
        return self.fixed_energy_eV + float(charges @ self.field + 0.5 * charges @ self.kernel @ charges)

    def fingerprint(self, occupants: np.ndarray) -> tuple[float, ...]:
        """Equal for arrangements that a symmetry operation maps onto each other: sums of the kernel between ions."""
        present = [(occupants == ion).astype(float) for ion in range(1, len(self.ions))]
        return tuple(
            round(float(first @ self.kernel @ second), 5)
            for number, first in enumerate(present)
            for second in present[number:]
        )

    def places(self, orbit: Orbit) -> np.ndarray:
        """Positions of an orbit's sites in Å, primitive cell by primitive cell, shape (sites, 3)."""
        steps = self._translations @ self.crystal.cell
        return (self.crystal.positions[orbit.sites] @ self.crystal.cell + steps[:, None]).reshape(-1, 3)

    def atoms(self, occupants: np.ndarray) -> Atoms:
        """The ordered supercell, elements in the order of the file."""
        disordered = [orbit for orbit in self.crystal.orbits if not orbit.is_ordered]
        rank = {element: number for number, element in enumerate(self.crystal.amounts)}
        placed: list[tuple[int, str, np.ndarray]] = []
        for orbit in self.crystal.orbits:
            places = self.places(orbit)
            ions = list(orbit.occupancies) * len(places)
            if not orbit.is_ordered:
                number = next(index for index, other in enumerate(disordered) if other is orbit)
                ions = [self.ions[ion] for ion in occupants[self.orbit == number]]
            placed += [(rank[ion], ion, place) for ion, place in zip(ions, places, strict=True) if ion != VACANT]
        placed.sort(key=lambda ion: ion[0])
        atoms = Atoms(
            [ion for _, ion, _ in placed], np.array([place for *_, place in placed]), cell=self.cell, pbc=True
        )
        atoms.wrap()
        return atoms
