"""How long a bond may be: the first minimum of g(r), where its first peak is that of neighbours."""

from collections.abc import Mapping
from itertools import product

from ase.data import atomic_numbers, covalent_radii

from saltflow.analysis.structure.roles import Roles

# A first peak farther out than this × the sum of covalent radii is no bond but a second neighbour: ionic bonds of the
# catalogue lie between 0.95 and 1.15.
LONGEST_PEAK = 1.35


def bond_cutoffs_A(pairs: Mapping[str, Mapping], roles: Roles) -> dict[tuple[str, str], float]:
    """(cation, anion) → first minimum of their g(r); pairs that are not bonded, or show no minimum, are left out.

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
    """Where the first peak of neighbours lies at most."""
    return LONGEST_PEAK * float(sum(covalent_radii[atomic_numbers[element]] for element in (cation, anion)))


def without_shell(cutoffs_A: Mapping[tuple[str, str], float], roles: Roles) -> list[str]:
    """The cations of which no anion is a neighbour, for all that g(r) shows."""
    found = {cation for cation, _ in cutoffs_A}
    return [cation for cation in roles.cations if cation not in found]
