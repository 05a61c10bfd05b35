"""Bond cut-offs: the first minimum of g(r), where its first peak lies at a bond length."""

from collections.abc import Mapping
from itertools import product

from ase.data import atomic_numbers, covalent_radii

from saltflow.analysis.structure.roles import Roles

# A first peak beyond this × the sum of covalent radii belongs to second neighbours; ionic bonds of the catalogue lie
# between 0.95 and 1.15.
LONGEST_PEAK = 1.35


def bond_cutoffs_A(pairs: Mapping[str, Mapping], roles: Roles) -> dict[tuple[str, str], float]:
    """(cation, anion) → first minimum of their g(r), for all bonded pairs with a first minimum.

    Args:
        pairs: of `pair_distributions`.
        roles: which elements are cations and anions.
    """
    cutoffs_A = {}
    for cation, anion in product(roles.cations, roles.anions):
        row = pairs[f"{cation}-{anion}"]
        if row["first_minimum_A"] is not None and row["first_peak_A"] <= longest_peak_A(cation, anion):
            cutoffs_A[cation, anion] = row["first_minimum_A"]
    return cutoffs_A


def longest_peak_A(cation: str, anion: str) -> float:
    """Largest distance of the first peak of bonded neighbours."""
    return LONGEST_PEAK * float(sum(covalent_radii[atomic_numbers[element]] for element in (cation, anion)))
