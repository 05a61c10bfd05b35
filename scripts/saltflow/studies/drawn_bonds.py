"""Bonds of a crystal that a picture shows."""

from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

ANIONS = ("O", "F", "S", "Cl", "Se", "Br", "Te", "I")
OTHER_ANIONS = ("N", "P", "H", "C")  # where there is none of the others
BOND_FACTOR = 1.2  # × the sum of covalent radii


def bonds_A(crystal: Atoms) -> dict[str, float]:
    """Longest bonds that are drawn, "cation-anion" → Å."""
    elements = sorted(set(crystal.symbols))
    anions = [each for each in elements if each in ANIONS] or [each for each in elements if each in OTHER_ANIONS]
    radii = {each: covalent_radii[atomic_numbers[each]] for each in elements}
    cations = [each for each in elements if each not in anions]
    return {f"{cation}-{anion}": BOND_FACTOR * (radii[cation] + radii[anion]) for cation in cations for anion in anions}
