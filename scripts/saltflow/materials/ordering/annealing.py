"""Simulated annealing of an arrangement of ions by exchanges between equivalent sites."""

from itertools import combinations

import numpy as np

from saltflow.materials.ordering.occupation import DisorderedSupercell
from saltflow.materials.ordering.site_counts import SiteCounts

MOST_STEPS = 200_000
DOUBLE = 0.3  # part of the moves that are two exchanges, where ions exclude each other
COLDEST = 0.004  # last temperature relative to the first
PENALTY_EV = 60.0  # of a pair that excludes each other
LEAST_GAIN_EV = 1e-5  # above the rounding of single precision
DESCENTS = 30  # passes over all sites at the end


class Arrangement:
    """Occupants of the sites of a supercell, with the energy of every exchange at hand.

    Ions s on site i and t on site j interact by U_st,ij = q_s q_t K_ij, and by `PENALTY_EV` where they exclude each
    other. F_si, the energy that s would have on site i with the present occupants elsewhere, gives that of an exchange
    of a on i and b on j: F_bi + F_aj − F_ai − F_bj + 2 U_ab,ij − U_aa,ij − U_bb,ij.

    Args:
        supercell: sites and interactions.
        counts: atoms on each orbit, which exchanges keep.
        electrostatic: whether charges interact; without, only exclusion counts.
        seed: of the random numbers.
    """

    def __init__(self, supercell: DisorderedSupercell, counts: SiteCounts, *, electrostatic: bool, seed: int):
        self._random = np.random.default_rng(seed)
        self._excluded, self._kernel = supercell.excluded, supercell.kernel
        self._charges = supercell.charges if electrostatic else np.zeros(len(supercell.ions))
        self.occupants = self._shuffled(supercell, counts)
        self._members = [np.flatnonzero(supercell.orbit == orbit) for orbit in supercell.orbit]
        sites = np.arange(len(self.occupants))
        potential = supercell.field + self._kernel @ self._charges[self.occupants]
        own = np.diag(self._kernel) * (0.5 * self._charges[:, None] - self._charges[self.occupants])
        conflicts = self._excluded[:, self.occupants, sites].sum(axis=1)
        self._energy = self._charges[:, None] * (potential + own) + PENALTY_EV * conflicts
        self._excluded_at_all = bool(self._excluded.any())
        self._pair, self._exchange_terms = self._terms(supercell, counts)

    def _terms(self, supercell: DisorderedSupercell, counts: SiteCounts) -> tuple[np.ndarray, np.ndarray]:
        """2 U_ab − U_aa − U_bb for two ions that share an orbit: number of each pair, and the matrices."""
        size = len(supercell.ions)
        pairs: dict[tuple[int, int], int] = {}
        for orbit in counts.counts:
            present = sorted({0, *(supercell.ions.index(element) for element in orbit if element in supercell.ions)})
            for pair in combinations(present, 2):
                pairs.setdefault(pair, len(pairs))
        number = np.zeros((size, size), int)
        terms = np.empty((len(pairs), *self._kernel.shape), np.float32)
        for (one, other), index in pairs.items():
            number[one, other] = number[other, one] = index
            exclusions = 2.0 * self._excluded[one, other] - self._excluded[one, one] - self._excluded[other, other]
            terms[index] = PENALTY_EV * exclusions - (self._charges[one] - self._charges[other]) ** 2 * self._kernel
        return number, terms

    def _shuffled(self, supercell: DisorderedSupercell, counts: SiteCounts) -> np.ndarray:
        occupants = np.zeros(len(supercell.orbit), int)
        partial = [
            orbit for orbit, known in zip(counts.counts, supercell.crystal.orbits, strict=True) if not known.is_ordered
        ]
        for number, orbit in enumerate(partial):
            members = np.flatnonzero(supercell.orbit == number)
            ions = [supercell.ions.index(element) for element, count in orbit.items() for _ in range(count)]
            occupants[self._random.permutation(members)[: len(ions)]] = ions
        return occupants

    @property
    def conflicts(self) -> int:
        """Pairs of ions that exclude each other."""
        sites = np.arange(len(self.occupants))
        return round(self._excluded[self.occupants[:, None], self.occupants, sites[:, None], sites].sum() / 2)

    def anneal(self, *, sweeps: int) -> None:
        """Cool from the mean energy of an exchange to `COLDEST` of it, then descend to a minimum.

        Args:
            sweeps: exchanges tried for each site, `MOST_STEPS` in all at most.
        """
        sites = np.flatnonzero([len(np.unique(self.occupants[members])) > 1 for members in self._members])
        if not len(sites):
            return
        steps = min(sweeps * len(sites), MOST_STEPS)
        hottest_eV = self._mean_change_eV(sites)
        for temperature_eV in hottest_eV * np.geomspace(1.0, COLDEST, steps):
            site = int(self._random.choice(sites))
            if self._excluded_at_all and self._random.random() < DOUBLE:
                self._double_exchange(site, temperature_eV)
                continue
            partners, changes = self._exchanges(site)
            # Heat bath over all exchanges of the site and none.
            weights = np.append(-changes / temperature_eV, 0.0)
            chosen = int(np.argmax(weights + self._random.gumbel(size=len(weights))))
            if chosen < len(partners):
                self._exchange(site, int(partners[chosen]))
        self._descend(sites)

    def _double_exchange(self, site: int, temperature_eV: float) -> None:
        """Exchange, then move away an ion that the exchange has made too close; undo both where they cost too much.

        Ions of two orbits that exclude each other cannot move one after the other.
        """
        partners, changes = self._exchanges(site)
        if not len(partners):
            return
        chosen = int(self._random.integers(len(partners)))
        partner, change = int(partners[chosen]), float(changes[chosen])
        self._exchange(site, partner)
        others = np.arange(len(self.occupants))
        close = self._excluded[self.occupants[partner], self.occupants, partner, others]
        close = np.flatnonzero(close | self._excluded[self.occupants[site], self.occupants, site, others])
        second = None
        if len(close):
            neighbour = int(self._random.choice(close))
            places, further = self._exchanges(neighbour)
            if len(places):
                best = int(np.argmax(self._random.gumbel(size=len(further)) - further / temperature_eV))
                second, change = (neighbour, int(places[best])), change + float(further[best])
                self._exchange(*second)
        if change > temperature_eV * self._random.exponential():
            if second:
                self._exchange(*second)
            self._exchange(site, partner)

    def _mean_change_eV(self, sites: np.ndarray) -> float:
        some = self._random.choice(sites, size=min(len(sites), 50), replace=False)
        changes = np.concatenate([self._exchanges(int(site))[1] for site in some])
        changes = np.abs(changes[np.abs(changes) < PENALTY_EV / 2])
        return max(float(changes.mean()) if len(changes) else 0.0, 1e-3)

    def _descend(self, sites: np.ndarray) -> None:
        for _ in range(DESCENTS):
            moved = False
            for site in sites:
                partners, changes = self._exchanges(int(site))
                if len(changes) and changes.min() < -LEAST_GAIN_EV:
                    self._exchange(int(site), int(partners[np.argmin(changes)]))
                    moved = True
            if not moved:
                return

    def _exchanges(self, site: int) -> tuple[np.ndarray, np.ndarray]:
        """Sites with which an exchange of occupants changes something, and by how much in eV."""
        here, members = self.occupants[site], self._members[site]
        occupants = self.occupants[members]
        others = occupants != here
        partners, there = members[others], occupants[others]
        energy = self._energy
        changes = energy[there, site] - energy[here, site] + energy[here, partners] - energy[there, partners]
        return partners, changes + self._exchange_terms[self._pair[here, there], site, partners]

    def _exchange(self, site: int, partner: int) -> None:
        here, there = self.occupants[site], self.occupants[partner]
        gain = self._charges[there] - self._charges[here]
        for at, sign in ((site, 1.0), (partner, -1.0)):
            row = self._kernel[at].copy()
            row[at] = 0.0
            self._energy += sign * gain * self._charges[:, None] * row
            self._energy += sign * PENALTY_EV * (self._excluded[:, there, at] * 1.0 - self._excluded[:, here, at])
        self.occupants[site], self.occupants[partner] = there, here
