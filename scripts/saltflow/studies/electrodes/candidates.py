"""Occupations of sites that are tried at one number of ions: all distinct ones, or seeded samples of them."""

from itertools import combinations
from math import comb

import numpy as np

from saltflow.base.provenance import derive_seed
from saltflow.materials.ordering.ewald_kernel import ewald_kernel
from saltflow.studies.electrodes.host import Host

MOST_LISTED = 2000  # occupations; of more, so many are drawn


class Candidates:
    """Occupations of a host at any number of ions.

    Args:
        host: framework and sites.
        count: at most, for each number of ions.
        seed: of those that are drawn.
    """

    def __init__(self, host: Host, *, count: int, seed: int):
        self._host, self._count, self._seed = host, count, seed
        sites = host.sites_A
        pairs = (sites[:, None] - sites).reshape(-1, 3)
        self._repulsion_eV = ewald_kernel(pairs, host.framework.cell.array).reshape(len(sites), -1)

    def of(self, ions: int) -> list[np.ndarray]:
        """Distinct occupations, shape (sites,) each, from the most spread to the most clustered.

        All of them where they are no more than asked for. Else they are spread evenly over the order of the Coulomb
        energy of unit charges: its low end has the ions apart, its high end together, as in a filled layer.
        """
        found = {each.tobytes(): each for each in map(self._host.alike, self._listed(ions))}
        ordered = sorted(found.values(), key=lambda each: (round(self._energy_eV(each), 6), each.tobytes()))
        if len(ordered) <= self._count:
            return ordered
        return [ordered[place] for place in np.linspace(0, len(ordered) - 1, self._count).round().astype(int)]

    def _listed(self, ions: int) -> list[np.ndarray]:
        sites = self._host.sites
        if comb(sites, ions) <= MOST_LISTED:
            return [np.isin(np.arange(sites), chosen) for chosen in combinations(range(sites), ions)]
        random = np.random.default_rng(derive_seed(self._seed, "candidates", ions))
        return [random.permutation(np.arange(sites) < ions) for _ in range(MOST_LISTED)]

    def _energy_eV(self, occupation: np.ndarray) -> float:
        return 0.5 * float(occupation @ self._repulsion_eV @ occupation)
