"""Units of a packed cell: polyanions of the salts as rigid units, everything else as single ions."""

from collections.abc import Mapping
from fractions import Fraction

from ase import Atoms

from saltflow.base.errors import InputError
from saltflow.materials.compositions import Composition, counts, salts
from saltflow.materials.formulas import parse_formula
from saltflow.materials.ions.polyanions import POLYANIONS, Polyanion
from saltflow.materials.ions.radii import radii_A


def packing_units(composition: Composition, formula_units: int) -> list[tuple[Atoms, int]]:
    """The units of a cell: single ions in the order of the formula, then the polyanions of the salts.

    Args:
        composition: its salts define the polyanions.
        formula_units: of the composition in the cell.

    Returns:
        (template, count) pairs whose atoms add up to the cell's. A template has its centre as atom 0, no
        cell, and the array `radius_A` (ionic radii).

    Raises:
        InputError: the number of an atom or polyanion would be fractional.
    """
    polyanions = _polyanion_counts(composition, formula_units)
    single = counts(composition, formula_units)
    for polyanion, count in polyanions:
        for element, amount in polyanion.amounts.items():
            single[element] -= amount * count
    units = [(Atoms(element), count) for element, count in single.items() if count]
    units += [(polyanion.atoms(), count) for polyanion, count in polyanions]
    radii = radii_A(composition)
    for template, _ in units:
        template.set_array("radius_A", [radii[symbol] for symbol in template.symbols], dtype=float)
    return units


def polyanions_of(salt: str, oxidation_states: Mapping[str, int]) -> list[tuple[Polyanion, int]]:
    """The polyanions of one formula unit of a salt, such as [(SO4, 1)] for Li2SO4 and [] for LiCl.

    Remaining ligands are single ions (Li6PS5Cl is PS4 + S + Cl). Peroxide needs O in the state −1.
    """
    left = parse_formula(salt)
    found = []
    for polyanion in POLYANIONS:
        amounts = polyanion.amounts
        count = int(min(left.get(element, 0) // amount for element, amount in amounts.items()))
        if count and oxidation_states[polyanion.center] == polyanion.center_state:
            found.append((polyanion, count))
            left = {element: amount - count * amounts.get(element, 0) for element, amount in left.items()}
    return found


def _polyanion_counts(composition: Composition, formula_units: int) -> list[tuple[Polyanion, int]]:
    """The polyanions of all salts of a cell, summed over salts."""
    amounts: dict[str, Fraction] = {}
    for coefficient, salt in salts(composition):
        for polyanion, count in polyanions_of(salt, composition.oxidation_states):
            amount = coefficient * count * formula_units
            amounts[polyanion.name] = amounts.get(polyanion.name, Fraction(0)) + amount
    if broken := [name for name, amount in amounts.items() if amount.denominator != 1]:
        raise InputError(
            [
                f"{composition.id}: {formula_units} formula units hold a fraction of {', '.join(broken)}; "
                f"use the number of formula_units_for."
            ]
        )
    present = [polyanion for polyanion in POLYANIONS if polyanion.name in amounts]
    return [(polyanion, int(amounts[polyanion.name])) for polyanion in present]
