"""Start density of packed cells from ionic radii."""

import math
from fractions import Fraction

from ase.data import atomic_masses, atomic_numbers

from saltflow.materials.compositions import Composition
from saltflow.materials.density import G_CM3_PER_U_A3
from saltflow.materials.ions.radii import radii_A

HALOGENS = ("F", "Cl", "Br", "I")


def shannon_density(composition: Composition) -> float:
    """Density in g/cm3 of Shannon spheres at the packing fraction 0.52 + 0.06 × (halides per anion).

    Melt-like; quenched replicas end at 1.0 to 1.25 × this density.
    """
    radii = radii_A(composition)
    mass_u = spheres_A3 = 0.0
    for element, amount in composition.amounts.items():
        mass_u += float(amount) * atomic_masses[atomic_numbers[element]]
        spheres_A3 += float(amount) * 4 / 3 * math.pi * radii[element] ** 3
    packing_fraction = 0.52 + 0.06 * float(_halide_fraction(composition))
    return float(mass_u / spheres_A3 * packing_fraction * G_CM3_PER_U_A3)


def _halide_fraction(composition: Composition) -> Fraction:
    anions = {element: amount for element, amount in composition.amounts.items()
              if composition.oxidation_states.get(element, 0) < 0}  # fmt: skip
    halides = sum((amount for element, amount in anions.items() if element in HALOGENS), Fraction(0))
    return halides / sum(anions.values()) if anions else Fraction(0)
