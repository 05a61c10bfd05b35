"""Whether a host still holds together, by the bonds of its framework."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import find_mic
from matscipy.neighbours import neighbour_list

BONDED, BROKEN = 1.25, 1.5  # times the sum of covalent radii
OVERLAP = 0.6
MOST_BROKEN = 0.25  # of the bonds of the framework


@dataclass(frozen=True)
class FrameworkBonds:
    """FrameworkBonds between atoms of a framework: pairs closer than 1.25 × the sum of their covalent radii.

    Attributes:
        first, second: indices of the atoms of each bond, shape (bonds,).
    """

    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, framework: Atoms) -> "FrameworkBonds":
        """The bonds of a framework."""
        return cls(*_pairs(framework, BONDED)[:2])

    def broken_fraction(self, atoms: Atoms) -> float:
        """Fraction of the bonds longer than 1.5 × the sum of radii, in atoms that begin with those of the framework."""
        if not len(self.first):
            return 0.0
        between = atoms.positions[self.second] - atoms.positions[self.first]
        lengths = find_mic(between, atoms.cell)[1]
        radii = covalent_radii[atoms.numbers]
        return float(np.mean(lengths > BROKEN * (radii[self.first] + radii[self.second])))

    def why_broken(self, atoms: Atoms) -> str | None:
        """Why atoms are no longer the host; None where they are.

        Two atoms overlap below 0.6 × the sum of their covalent radii; more than a quarter of the bonds are broken.
        """
        if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
            return "fell apart: a position is not finite"
        first, second, distances = _pairs(atoms, OVERLAP)
        if len(distances):
            pair = f"{atoms.symbols[first[0]]} and {atoms.symbols[second[0]]}"
            return f"fell apart: {pair} are {distances.min():.2f} Å apart"
        if (fraction := self.broken_fraction(atoms)) > MOST_BROKEN:
            return f"fell apart: {100 * fraction:.0f} % of the bonds of the framework are broken"
        return None


def _pairs(atoms: Atoms, factor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First, second and distance of the pairs closer than a factor × the sum of their covalent radii."""
    radii = covalent_radii[atoms.numbers]
    first, second, distances = neighbour_list("ijd", atoms, 2 * factor * radii.max())
    close = distances < factor * (radii[first] + radii[second])
    return first[close], second[close], distances[close]
