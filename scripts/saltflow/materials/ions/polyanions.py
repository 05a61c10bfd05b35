"""Polyanions that are packed as rigid units: geometries from literature bond lengths."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

TETRAHEDRON = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / np.sqrt(3)
TRIANGLE = np.array([[1, 0, 0], [-1 / 2, np.sqrt(3) / 2, 0], [-1 / 2, -np.sqrt(3) / 2, 0]])
DUMBBELL = np.array([[1.0, 0, 0]])
# A bond longer than this × its template is broken; vibrations at 1200 K stretch these bonds by less than 15 %.
BOND_STRETCH = 1.3


@dataclass(frozen=True)
class Polyanion:
    """A centre atom with equal ligands.

    Attributes:
        center, ligand: element symbols.
        directions: unit vectors from the centre to each ligand, shape (ligands, 3).
        bond_A: centre–ligand distance.
        center_state: oxidation state of the centre; it distinguishes polyanions of the same elements.
    """

    center: str
    ligand: str
    directions: np.ndarray
    bond_A: float
    center_state: int

    @property
    def name(self) -> str:
        """Formula without the charge, such as SO4."""
        amount = len(self.directions)
        return f"{self.center}{self.ligand}{amount if amount > 1 else ''}".replace("OO", "O2")

    @property
    def amounts(self) -> dict[str, int]:
        """Element → atoms of it in one polyanion."""
        amounts = {self.center: 1}
        amounts[self.ligand] = amounts.get(self.ligand, 0) + len(self.directions)
        return amounts

    def atoms(self) -> Atoms:
        """The template: the centre at the origin as atom 0, then its ligands; no cell."""
        symbols = [self.center, *[self.ligand] * len(self.directions)]
        positions = np.vstack([np.zeros(3), self.bond_A * self.directions])
        return Atoms(symbols, positions=positions)


# In the order of the search. Mean bond lengths, good to about 0.02 Å, enough to start a melt. Oxyanions: Gagné &
# Hawthorne, Acta Cryst. B74, 79 (2018), for B–O ibid. 63. BF4: Brunton, Acta Cryst. B24, 1703 (1968), NaBF4. BH4:
# Filinchuk et al., J. Phys. Chem. C 112, 10579 (2008), LiBH4. PS4: Homma et al., Solid State Ionics 182, 53 (2011),
# Li3PS4. OH: International Tables C, ch. 9.5, neutron values. O2: Tallman et al., J. Am. Chem. Soc. 79, 2979 (1957),
# Na2O2.
POLYANIONS = (
    Polyanion("S", "O", TETRAHEDRON, 1.473, center_state=6),
    Polyanion("P", "O", TETRAHEDRON, 1.537, center_state=5),
    Polyanion("Cl", "O", TETRAHEDRON, 1.441, center_state=7),
    Polyanion("N", "O", TRIANGLE, 1.247, center_state=5),
    Polyanion("C", "O", TRIANGLE, 1.284, center_state=4),
    Polyanion("B", "O", TRIANGLE, 1.372, center_state=3),
    Polyanion("B", "F", TETRAHEDRON, 1.38, center_state=3),
    Polyanion("B", "H", TETRAHEDRON, 1.22, center_state=3),
    Polyanion("P", "S", TETRAHEDRON, 2.05, center_state=5),
    Polyanion("O", "H", DUMBBELL, 0.97, center_state=-2),
    Polyanion("O", "O", DUMBBELL, 1.49, center_state=-1),
)
