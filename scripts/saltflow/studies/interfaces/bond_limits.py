"""Up to which length two atoms are bonded."""

from collections.abc import Collection
from itertools import combinations_with_replacement

from ase.data import atomic_numbers, covalent_radii

from saltflow.analysis.species.bond_intervals import MADE


def bond_limits_A(elements: Collection[str]) -> dict[tuple[str, str], float]:
    """Pair of elements, in alphabetical order → Å: `MADE` times the sum of their covalent radii."""
    radii_A = {each: MADE * float(covalent_radii[atomic_numbers[each]]) for each in sorted(elements)}
    return {(one, other): radii_A[one] + radii_A[other] for one, other in combinations_with_replacement(radii_A, 2)}
