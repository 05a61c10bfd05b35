"""Tries of grand-canonical Monte Carlo to put an ion into a host that moves, or to take one out.

An ion is put at a random place within a small sphere around a free site, or taken out of the sphere of a site that
holds one. With N spheres that hold one and F that are free, an ion enters with
min(1, F v/((N + 1) v_A) exp(−(ΔE − E_A + eV)/kT)) and leaves with min(1, N v_A/((F + 1) v) exp(−(ΔE + E_A − eV)/kT)):
v is the volume of a sphere, E_A and v_A energy and vibrational volume of an atom of the metal, a classical Einstein
crystal, by which momenta cancel (after Norman and Filinov, High Temp. 7, 216, 1969).
"""

from dataclasses import dataclass
from math import pi

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.moved_sites import moved_sites_A

LARGEST_RADIUS_A = 0.6  # four standard deviations of a stiff site at 300 K


@dataclass(frozen=True)
class Reservoir:
    """What ions come from: energy_eV and vibrational volume_A3 of an atom of the metal, at a temperature_K."""

    energy_eV: float
    volume_A3: float
    temperature_K: float


@dataclass(frozen=True)
class Trial:
    """A host with an ion more or less. ln_weight: logarithm of what the proposals and volumes give its acceptance."""

    atoms: Atoms
    added: int
    ln_weight: float


@dataclass(frozen=True)
class Spheres:
    """Where ions may enter while the framework stays as it is.

    sites_A: centres, (sites, 3). radius_A: so small that none overlap. ions_after: number of framework atoms.
    """

    ion: str
    sites_A: np.ndarray
    radius_A: float
    ions_after: int

    @classmethod
    def of(cls, host: Host, atoms: Atoms) -> "Spheres":
        """Those of a host among atoms: the framework first, then the ions."""
        sites_A, radius_A = moved_sites_A(host, atoms), LARGEST_RADIUS_A
        if len(sites_A) > 1:
            first, second = np.triu_indices(len(sites_A), 1)
            radius_A = min(radius_A, float(find_mic(sites_A[first] - sites_A[second], atoms.cell)[1].min()) / 2)
        return cls(host.ion, sites_A, radius_A, len(host.framework))

    def hold(self, atoms: Atoms) -> np.ndarray:
        """Whether each sphere holds each ion, (sites, ions)."""
        ions = atoms.positions[self.ions_after :]
        if not len(ions):
            return np.zeros((len(self.sites_A), 0), dtype=bool)
        between = (self.sites_A[:, None] - ions).reshape(-1, 3)
        return find_mic(between, atoms.cell)[1].reshape(len(self.sites_A), -1) < self.radius_A

    def try_ion(self, atoms: Atoms, metal: Reservoir, random: np.random.Generator) -> Trial | None:
        """An ion in or out, each half of the time; None where there is no site for it.

        Args:
            atoms: of this framework.
            metal: the reservoir.
            random: numbers.
        """
        inside = self.hold(atoms)
        free, taken = (np.flatnonzero(inside.sum(axis=1) == number) for number in (0, 1))
        ratio = 4 / 3 * pi * self.radius_A**3 / metal.volume_A3
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        if random.random() < 0.5:
            if not len(free):
                return None
            place = self.sites_A[random.choice(free)] + self.radius_A * _in_unit_sphere(random)
            return Trial(bare + Atoms([self.ion], [place]), 1, np.log(len(free) * ratio / (len(taken) + 1)))
        if not len(taken):
            return None
        del bare[self.ions_after + int(np.flatnonzero(inside[random.choice(taken)])[0])]
        return Trial(bare, -1, np.log(len(taken) / ratio / (len(free) + 1)))


def _in_unit_sphere(random: np.random.Generator) -> np.ndarray:
    direction = random.normal(size=3)
    return direction / np.linalg.norm(direction) * random.random() ** (1 / 3)
