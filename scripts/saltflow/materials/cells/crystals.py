"""Read a crystal from a structure file; order partial occupancies, or repeat it, to a near-cubic cell."""

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list

from saltflow.base.errors import InputError
from saltflow.materials.cells.packing import SINGLE_ION
from saltflow.materials.compositions import Composition
from saltflow.materials.frame_info import FrameInfo
from saltflow.materials.ordering.disordered_crystal import read_disordered
from saltflow.materials.ordering.ordered_cells import order_crystal
from saltflow.materials.ordering.ordering_plan import OrderingPlan, plan_formula
from saltflow.materials.structure_files import is_cif, pymatgen_structures, read_structure

# Closer sites are one site described twice; the shortest bond is O–H, 0.96 Å.
MIN_SITE_DISTANCE_A = 0.7
# Relative deviation from the target size that is allowed for a more cubic cell.
SIZE_TOLERANCE = 0.1
MAX_SIZES_TRIED = 5


def read_crystal(path: str | Path, composition: Composition, *, atoms: int, seed: int = 0) -> Atoms:
    """A near-cubic supercell of a crystal; partial occupancies are ordered by electrostatic energy.

    Args:
        path: structure file, of `read_structure`.
        composition: the crystal must have its stoichiometry, with partial occupancies within 1 % of a site.
        atoms: target size, met within 10 % where the unit cell and the stoichiometry allow.
        seed: of the ordering; unused for a crystal without partial occupancies.

    Returns:
        Periodic Atoms with composition, formula_units and unit of `FrameInfo`, the latter −1 for every atom.

    Raises:
        InputError: as of `check_crystal`, or ions that exclude each other cannot be kept apart.
    """
    if is_disordered(path):
        supercell = _ordered(path, composition, atoms=atoms, seed=seed)
    else:
        from ase.build import make_supercell  # a third of a second, in every plan

        crystal = _read_unit_cell(path, composition)
        supercell = make_supercell(crystal, _near_cubic(crystal, atoms=atoms))
    supercell.pbc = True
    formula_units = Fraction(len(supercell)) / sum(composition.amounts.values())
    return FrameInfo.of(supercell).replace(
        composition=composition.id, formula_units=formula_units, unit=np.full(len(supercell), SINGLE_ION)
    )


def check_crystal(path: str | Path, composition: Composition, *, atoms: int) -> None:
    """Make sure that a structure file gives cells of a composition; nothing is ordered.

    Raises:
        InputError: as of `read_structure`, the crystal has overlapping sites or another stoichiometry than the
            composition, or its occupancies give no cell of it.
    """
    if is_disordered(path):
        _plan(path, composition, atoms=atoms)
    else:
        _read_unit_cell(path, composition)


def is_disordered(path: str | Path) -> bool:
    """Whether a structure file has partial or mixed occupancies."""
    if not is_cif(path):
        return False
    try:
        return any(not structure.is_ordered for structure in pymatgen_structures(path))
    except InputError:  # said by whoever reads the sites
        return False


def _ordered(path: str | Path, composition: Composition, *, atoms: int, seed: int) -> Atoms:
    plan = _plan(path, composition, atoms=atoms)
    try:
        cell = order_crystal(plan, seed=seed)
    except InputError as error:
        raise _in_start(composition, error) from error
    logging.getLogger(__name__).info(
        "%s: ordered to %d atoms, Ewald energy %.4f eV; occupancies kept within %.4f.",
        composition.id,
        plan.atoms,
        cell.energy_eV,
        plan.counts.deviation,
    )
    return cell.atoms


def _plan(path: str | Path, composition: Composition, *, atoms: int) -> OrderingPlan:
    try:
        crystal = read_disordered(path)
        return plan_formula(crystal, composition.oxidation_states, amounts=composition.amounts, atoms=atoms)
    except InputError as error:
        raise _in_start(composition, error) from error


def _in_start(composition: Composition, error: InputError) -> InputError:
    return InputError([f"{composition.id}, column start: {problem}" for problem in error.problems])


def _read_unit_cell(path: str | Path, composition: Composition) -> Atoms:
    """The unit cell of an ordered crystal, as it stands in its file."""
    try:
        crystal = read_structure(path)
    except InputError as error:
        raise _in_start(composition, error) from error
    _check_sites(crystal, composition, path)
    _check_stoichiometry(crystal, composition, path)
    return crystal


def _check_stoichiometry(crystal: Atoms, composition: Composition, path: str | Path) -> None:
    found = crystal.symbols.formula.count()
    formula_units = Fraction(len(crystal)) / sum(composition.amounts.values())
    expected = {element: amount * formula_units for element, amount in composition.amounts.items()}
    if found != expected:
        raise InputError(
            [
                f"{composition.id}, column start: {path} holds {crystal.symbols.formula.reduce()[0]}, not "
                f"{composition.formula}; correct the formula or the structure file."
            ]
        )


def _check_sites(crystal: Atoms, composition: Composition, path: str | Path) -> None:
    first, second, distances = neighbour_list("ijd", crystal, MIN_SITE_DISTANCE_A)
    if len(distances):
        closest = int(np.argmin(distances))
        pair = "–".join(f"{crystal.symbols[index]}{index}" for index in (first[closest], second[closest]))
        raise InputError(
            [
                f"{composition.id}, column start: the sites {pair} of {path} overlap "
                f"({distances[closest]:.2f} Å apart); remove the duplicate site from the file."
            ]
        )


def _near_cubic(crystal: Atoms, *, atoms: int) -> np.ndarray:
    """The supercell matrix, shape (3, 3), of the most cubic cell with about the wanted number of atoms."""
    from ase.build.supercells import eval_length_deviation, find_optimal_cell_shape

    wanted = max(1, round(atoms / len(crystal)))
    deviation = int(SIZE_TOLERANCE * wanted)
    sizes = sorted(range(wanted - deviation, wanted + deviation + 1), key=lambda size: abs(size - wanted))
    matrices = [find_optimal_cell_shape(crystal.cell, size, "sc") for size in sizes[:MAX_SIZES_TRIED]]
    deviations = [float(eval_length_deviation(matrix @ crystal.cell.array)) for matrix in matrices]
    return matrices[int(np.argmin(deviations))]
