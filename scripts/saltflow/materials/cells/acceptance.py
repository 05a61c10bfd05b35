"""Acceptance criteria of a cell after packing, melting and quenching."""

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list

from saltflow.base.errors import SaltflowError
from saltflow.materials.density import density_g_cm3
from saltflow.materials.frame_info import FrameInfo
from saltflow.materials.ions.polyanions import BOND_STRETCH

Units = list[tuple[Atoms, int]]


def check_acceptance(
    atoms: Atoms,
    *,
    start_density_g_cm3: float,
    units: Units,
    min_density_ratio: float,
    min_pair_factor: float,
) -> list[str]:
    """The acceptance criteria that a cell does not meet.

    Args:
        atoms: periodic cell of any shape, with the array `unit` of `pack_cell` where there are polyanions.
        start_density_g_cm3: density at which the cell was made.
        units: of the cell, from `packing_units`: radii and polyanion geometries.
        min_density_ratio: a cell below this × the start density is a gas.
        min_pair_factor: × the sum of radii (or the distance inside a polyanion, if shorter) is the minimum distance.

    Returns:
        One sentence per criterion that is not met, opening with its name (not finite, gas, close pair, broken anion).

    Raises:
        SaltflowError: the composition has polyanions, but the cell has no array `unit`.
    """
    numbers = np.concatenate([atoms.positions, atoms.cell.array])
    if not np.isfinite(numbers).all() or atoms.cell.volume <= 0:
        return ["not finite: a position or the cell is not a number, or the cell has no volume."]
    return [
        *_gas(atoms, start_density_g_cm3=start_density_g_cm3, min_density_ratio=min_density_ratio),
        *close_pair(atoms, units, min_pair_factor=min_pair_factor),
        *_broken_anions(atoms, units),
    ]


def _gas(atoms: Atoms, *, start_density_g_cm3: float, min_density_ratio: float) -> list[str]:
    ratio = density_g_cm3(atoms) / start_density_g_cm3
    if ratio >= min_density_ratio:
        return []
    return [f"gas: the density is {ratio:.2f} of the start density, below {min_density_ratio:g}."]


def close_pair(atoms: Atoms, units: Units, *, min_pair_factor: float) -> list[str]:
    """A sentence about the pair with the smallest ratio to its minimum distance, if below 1; see `check_acceptance`."""
    allowed_A = {pair: min_pair_factor * length for pair, length in _contact_lengths_A(units).items()}
    first, second, distances = neighbour_list("ijd", atoms, allowed_A)
    if not len(distances):
        return []
    symbols = np.array(atoms.get_chemical_symbols())
    limits = np.array([allowed_A[pair] for pair in zip(symbols[first], symbols[second], strict=True)])
    worst = int(np.argmin(distances / limits))
    names = f"{symbols[first[worst]]}{first[worst]}–{symbols[second[worst]]}{second[worst]}"
    return [f"close pair: {names} are {distances[worst]:.2f} Å apart, below {limits[worst]:.2f} Å."]


def _contact_lengths_A(units: Units) -> dict[tuple[str, str], float]:
    """Sum of ionic radii of each pair of elements, or their distance inside a polyanion, if shorter."""
    radii = {}
    for template, _ in units:
        radii |= dict(zip(template.symbols, template.arrays["radius_A"], strict=True))
    lengths = {(one, other): radii[one] + radii[other] for one in radii for other in radii}
    for template, _ in units:
        symbols, distances = template.get_chemical_symbols(), template.get_all_distances()
        for one, other in np.argwhere(distances > 0):
            pair = symbols[one], symbols[other]
            lengths[pair] = min(lengths[pair], float(distances[one, other]))
    return lengths


def _broken_anions(atoms: Atoms, units: Units) -> list[str]:
    """A sentence for every polyanion whose centre has fewer ligands within reach than its template."""
    templates = {template.get_chemical_formula(): template for template, _ in units if len(template) > 1}
    if not templates:
        return []
    info = FrameInfo.partial(atoms)
    if info.unit is None:
        raise SaltflowError(
            f"{info.composition or 'A cell'}: the integrity of {', '.join(templates)} cannot be "
            f"checked without the array 'unit' of the packed cell; keep it in the file."
        )
    problems = []
    for formula, template in templates.items():
        center, ligand = template.symbols[:2]
        reach_A = BOND_STRETCH * template.get_distance(0, 1)
        held = _ligand_counts(atoms, center=center, ligand=ligand, reach_A=reach_A)
        centers = _centers(atoms, formula=formula, center=center)
        problems += [
            f"broken anion: {template.symbols} number {info.unit[index]} "
            f"({center}{index}) keeps {held[index]} of {len(template) - 1} {ligand} within {reach_A:.2f} Å."
            for index in centers
            if held[index] < len(template) - 1
        ]
    return problems


def _ligand_counts(atoms: Atoms, *, center: str, ligand: str, reach_A: float) -> np.ndarray:
    """Ligands within reach of each atom of the centre's element, shape (atoms,); 0 for other elements."""
    first, second = neighbour_list("ij", atoms, {(center, ligand): reach_A})
    symbols = np.array(atoms.get_chemical_symbols())
    kept = (symbols[first] == center) & (symbols[second] == ligand)
    return np.bincount(first[kept], minlength=len(atoms))


def _centers(atoms: Atoms, *, formula: str, center: str) -> list[int]:
    """The centre of every polyanion of one formula: its first atom of the centre's element."""
    unit = FrameInfo.of(atoms).unit
    centers = []
    for number in np.unique(unit[unit >= 0]):
        members = np.flatnonzero(unit == number)
        if atoms[members].get_chemical_formula() == formula:
            centers.append(next(int(index) for index in members if atoms.symbols[index] == center))
    return centers
