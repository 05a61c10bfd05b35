"""How close two ions of disordered sites may stand: sites nearer than that exclude each other."""

from ase.data import atomic_numbers, covalent_radii

from saltflow.materials.ions.radii import ionic_radius_A

# × the smaller of the sums of ionic and of covalent radii: Li–O of 1.45 Å, where the shortest known is 1.75 Å.
OPPOSITE_FACTOR = 0.75
# × the sum of covalent radii: Li–Li of 1.66 Å, between the split sites of garnets (0.8–1.6 Å) and real pairs (2.3 Å).
ALIKE_FACTOR = 0.65
ALIKE_LEAST_A = 1.2


def exclusion_distance_A(one: str, other: str, charges: dict[str, float]) -> float:
    """Distance in Å below which two ions cannot be present at once.

    Args:
        one, other: elements.
        charges: element → formal charge in e.
    """
    covalent = covalent_radii[atomic_numbers[one]] + covalent_radii[atomic_numbers[other]]
    if charges[one] * charges[other] < 0:
        ionic = ionic_radius_A(one, charges[one]) + ionic_radius_A(other, charges[other])
        return OPPOSITE_FACTOR * min(ionic, covalent)
    return max(ALIKE_LEAST_A, ALIKE_FACTOR * covalent)
