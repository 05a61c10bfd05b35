"""Which supercell of a disordered crystal is ordered, and with how many atoms on each orbit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np

from saltflow.base.errors import InputError
from saltflow.materials.ordering.disordered_crystal import DisorderedCrystal
from saltflow.materials.ordering.site_counts import SiteCounts, site_counts
from saltflow.materials.ordering.supercells import near_cubic_supercells

TOLERANCE = 0.01  # largest |atoms/sites − refined occupancy|
SIZE_TOLERANCE = 0.1  # of a cell of prescribed formula
MOST_TIMES_LARGER = 4  # than wanted, where the formula needs a larger cell


@dataclass(frozen=True)
class OrderingPlan:
    """A supercell with whole atoms on every orbit.

    Attributes:
        crystal: primitive cell and refined occupancies.
        charges: element → formal charge in e.
        matrix: of the supercell, shape (3, 3).
        counts: atoms on every orbit.
    """

    crystal: DisorderedCrystal
    charges: Mapping[str, float]
    matrix: np.ndarray
    counts: SiteCounts

    @property
    def formula(self) -> str:
        """Reduced formula of the supercell, elements in the order of the file."""
        return formula_of(self.counts.amounts)

    @property
    def atoms(self) -> int:
        """Atoms in the supercell."""
        return sum(self.counts.amounts.values())


def formula_of(amounts: Mapping[str, int]) -> str:
    """Formula with the greatest common divisor taken out."""
    divisor = int(np.gcd.reduce(list(amounts.values())))
    return "".join(f"{element}{count // divisor if count > divisor else ''}" for element, count in amounts.items())


def plan_within(
    crystal: DisorderedCrystal, charges: Mapping[str, float], *, most_atoms: int, tolerance: float = TOLERANCE
) -> OrderingPlan:
    """The most cubic supercell, of at least half the atom limit where one is, whose counts meet the occupancies.

    Args:
        charges: element → formal charge in e.
        most_atoms: atom limit.
        tolerance: largest |atoms/sites − refined occupancy|.

    Raises:
        InputError: the primitive cell is above the limit, no counts are neutral, or none meet the tolerance; the
            sentence names the nearest neutral formula.
    """
    most_cells = int(most_atoms / crystal.atoms * (1 + tolerance))
    if most_cells < 1:
        raise InputError(
            [f"'{crystal.path}': its primitive cell has {crystal.atoms:.1f} atoms, over {most_atoms}; raise --atoms."]
        )
    supercells = near_cubic_supercells(crystal.cell, most_cells=most_cells)
    large = sorted((size for size in supercells if 2 * size > most_cells), key=lambda size: supercells[size][1])
    small = sorted((size for size in supercells if 2 * size <= most_cells), reverse=True)
    nearest: SiteCounts | None = None
    for size in (*large, *small):
        counts = site_counts(crystal, charges, cells=size)
        if counts is None or sum(counts.amounts.values()) > most_atoms:
            continue
        if counts.deviation <= tolerance:
            return OrderingPlan(crystal, charges, supercells[size][0], counts)
        if nearest is None or counts.deviation < nearest.deviation:
            nearest = counts
    raise InputError([_nothing_fits(crystal, charges, nearest, most_atoms=most_atoms, tolerance=tolerance)])


def _nothing_fits(crystal, charges, nearest: SiteCounts | None, *, most_atoms: int, tolerance: float) -> str:
    if nearest is None:
        shown = ", ".join(f"{element} {charge:+g}" for element, charge in charges.items())
        net = sum(charges[element] * amount for element, amount in crystal.amounts.items())
        return (
            f"'{crystal.path}': no whole numbers of ions on its sites are neutral with {shown} (as refined, "
            f"{net:+.2f} e in the primitive cell); correct the charges or the occupancies."
        )
    return (
        f"'{crystal.path}': no neutral supercell of at most {most_atoms} atoms meets the occupancies within "
        f"{tolerance:g}; the nearest is {formula_of(nearest.amounts)} of {sum(nearest.amounts.values())} atoms, off by "
        f"{nearest.deviation:.3f} ({nearest.farthest}): raise --atoms, or accept it with --tolerance "
        f"{np.ceil(1000 * nearest.deviation) / 1000:g}."
    )


def plan_formula(
    crystal: DisorderedCrystal, charges: Mapping[str, float], *, amounts: Mapping[str, Fraction], atoms: int
) -> OrderingPlan:
    """The supercell of about a wanted size whose formula is prescribed.

    Within 10 % of the size the most cubic one, else the nearest size, up to four times larger.

    Args:
        charges: element → formal charge in e.
        amounts: element → atoms in a formula unit.
        atoms: wanted size.

    Raises:
        InputError: the refined occupancies are another formula, or no size holds whole formula units.
    """
    _check_elements(crystal, amounts)
    wanted = max(1.0, atoms / crystal.atoms)
    supercells = near_cubic_supercells(crystal.cell, most_cells=int(MOST_TIMES_LARGER * wanted) + 1)
    near = [size for size in supercells if abs(size - wanted) <= SIZE_TOLERANCE * wanted]
    others = sorted(supercells.keys() - set(near), key=lambda size: abs(size - wanted))
    nearest: SiteCounts | None = None
    for size in (*sorted(near, key=lambda size: supercells[size][1]), *others):
        for whole in _whole_amounts(crystal, amounts, cells=size):
            counts = site_counts(crystal, charges, cells=size, amounts=whole)
            if counts is None:
                continue
            if counts.deviation <= TOLERANCE:
                return OrderingPlan(crystal, charges, supercells[size][0], counts)
            if nearest is None or counts.deviation < nearest.deviation:
                nearest = counts
    refined = " ".join(f"{element}{amount:.4g}" for element, amount in crystal.amounts.items())
    deviation = f" within {TOLERANCE:g} (nearest: {nearest.deviation:.3f}, {nearest.farthest})" if nearest else ""
    sizes = range(round(wanted * (1 + SIZE_TOLERANCE)), 0, -1)
    counted = (site_counts(crystal, charges, cells=size) for size in sizes)
    neutral = next((counts for counts in counted if counts and counts.deviation <= TOLERANCE), None)
    remedy = "correct the formula or the occupancies"
    if neutral:
        remedy = f"write {formula_of(neutral.amounts)}, the nearest neutral formula"
    raise InputError(
        [
            f"the occupancies of '{crystal.path}' ({refined} in the primitive cell) do not give the formula{deviation} "
            f"in a cell of about {atoms} atoms; {remedy}, or name a cell that `saltflow order` makes."
        ]
    )


def _check_elements(crystal: DisorderedCrystal, amounts: Mapping[str, Fraction]) -> None:
    if different := sorted(set(amounts) ^ set(crystal.amounts)):
        where = ["the formula" if element in amounts else "the file" for element in different]
        shown = ", ".join(f"{element} ({place} only)" for element, place in zip(different, where, strict=True))
        raise InputError(
            [f"'{crystal.path}' and the formula have different elements: {shown}; correct the formula or the file."]
        )


def _whole_amounts(
    crystal: DisorderedCrystal, amounts: Mapping[str, Fraction], *, cells: int
) -> Iterator[dict[str, int]]:
    """Atoms of each element in the whole numbers of formula units nearest to those of a supercell."""
    smallest = lcm(*(amount.denominator for amount in amounts.values()))
    exact = cells * crystal.atoms / float(sum(amounts.values())) / smallest
    for units in dict.fromkeys((round(exact), int(exact), int(exact) + 1)):
        if units:
            yield {element: int(amount * smallest * units) for element, amount in amounts.items()}
