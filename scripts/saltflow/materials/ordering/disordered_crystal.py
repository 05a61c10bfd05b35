"""A crystal whose sites are partially or jointly occupied, as a refinement gives it, in its primitive cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from saltflow.base.errors import InputError
from saltflow.materials.structure_files import pymatgen_structures

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Sites are equivalent when a symmetry operation maps them onto each other within this distance.
SYMMETRY_TOLERANCE_A = 0.01
# An occupancy nearer to 1 or 0 than this is 1 or 0: refinements print three or four digits.
WHOLE = 2e-3


@dataclass(frozen=True)
class Orbit:
    """Symmetry-equivalent sites.

    Attributes:
        label: of the first site in the file.
        sites: their indices, shape (sites,).
        occupancies: element → fraction of the sites that it occupies; the rest is vacant.
    """

    label: str
    sites: np.ndarray
    occupancies: Mapping[str, float]

    @property
    def is_ordered(self) -> bool:
        """Whether one element occupies every site."""
        return len(self.occupancies) == 1 and sum(self.occupancies.values()) == 1

    @property
    def text(self) -> str:
        """Such as "Li1 with Li 0.54" or "Ge1 with Ge 0.5, P 0.5"."""
        return f"{self.label} with " + ", ".join(f"{name} {part:.4g}" for name, part in self.occupancies.items())


@dataclass(frozen=True)
class DisorderedCrystal:
    """The primitive cell of a crystal with its refined occupancies.

    Attributes:
        path: its file, for messages.
        cell: lattice vectors as rows in Å, shape (3, 3).
        positions: fractional, shape (sites, 3).
        orbits: every site is in one of them.
    """

    path: str
    cell: np.ndarray
    positions: np.ndarray
    orbits: tuple[Orbit, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether every site holds one element."""
        return all(orbit.is_ordered for orbit in self.orbits)

    @property
    def amounts(self) -> dict[str, float]:
        """Element → atoms in the primitive cell, in the order of the file."""
        amounts: dict[str, float] = {}
        for orbit in self.orbits:
            for element, part in orbit.occupancies.items():
                amounts[element] = amounts.get(element, 0.0) + part * len(orbit.sites)
        return amounts

    @property
    def atoms(self) -> float:
        """Atoms in the primitive cell."""
        return sum(self.amounts.values())


def read_disordered(path: str | Path) -> DisorderedCrystal:
    """The crystal of a CIF, with its occupancies.

    Symmetry is found anew (spglib), on sites that differ by their occupants, so that a file without symmetry
    operations gives the same orbits and the same primitive cell.

    Raises:
        InputError: as of `read_structure`, or the occupancies of a site exceed 1 or are negative.
    """
    structures = pymatgen_structures(path)
    if len(structures) != 1:
        raise InputError([f"the file '{path}' holds {len(structures)} structures where one is wanted; keep one."])
    return crystal_of(structures[0], path)


def crystal_of(structure: "Structure", path: str | Path) -> DisorderedCrystal:
    """The crystal of a structure of pymatgen, with its occupancies.

    Args:
        structure: with symmetry operations applied.
        path: its file, or another name for messages.

    Raises:
        InputError: the occupancies of a site exceed 1 or are negative.
    """
    occupancies = [_occupancies(site, path) for site in structure]
    occupied = [index for index, parts in enumerate(occupancies) if parts]
    occupancies = [occupancies[index] for index in occupied]
    labels = [structure[index].label for index in occupied]
    kinds = [tuple(sorted(parts.items())) for parts in occupancies]
    numbers = [sorted(set(kinds)).index(kind) + 1 for kind in kinds]
    positions = structure.frac_coords[occupied]
    cell, chosen, orbit_of = _primitive(structure.lattice.matrix, positions, numbers)
    orbits = [
        Orbit(label=labels[chosen[sites[0]]], sites=sites, occupancies=occupancies[chosen[sites[0]]])
        for sites in (np.flatnonzero(orbit_of == number) for number in dict.fromkeys(orbit_of))
    ]
    cartesian = positions[chosen] @ structure.lattice.matrix
    return DisorderedCrystal(
        path=str(path), cell=cell, positions=cartesian @ np.linalg.inv(cell) % 1.0, orbits=tuple(orbits)
    )


def _occupancies(site, path: str | Path) -> dict[str, float]:
    """Element → occupancy of a site of pymatgen; isotopes of hydrogen are hydrogen."""
    parts: dict[str, float] = {}
    for species, part in site.species.items():
        element = getattr(species, "element", species).symbol
        element = {"D": "H", "T": "H"}.get(element, element)
        parts[element] = parts.get(element, 0.0) + float(part)
    parts = {element: round(part, 6) for element, part in parts.items() if part > WHOLE}
    total = sum(parts.values())
    if abs(total - 1) <= WHOLE and len(parts) == 1:
        parts = dict.fromkeys(parts, 1.0)
    elif abs(total - 1) <= WHOLE:
        parts = {element: part / total for element, part in parts.items()}
    elif total > 1:
        raise InputError(
            [f"the occupancies of the site {site.label} of '{path}' add up to {total:.3f}; correct them to at most 1."]
        )
    return parts


def _primitive(
    cell: np.ndarray, positions: np.ndarray, numbers: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Primitive cell, the site of the file that stands for each of its sites, and the orbit of each."""
    import spglib

    found = spglib.get_symmetry_dataset((cell, positions, numbers), symprec=SYMMETRY_TOLERANCE_A)
    if found is None:
        return cell, np.arange(len(numbers)), np.arange(len(numbers))
    _, chosen = np.unique(found.mapping_to_primitive, return_index=True)
    chosen = np.sort(chosen)
    return np.array(found.primitive_lattice), chosen, np.array(found.crystallographic_orbits)[chosen]
