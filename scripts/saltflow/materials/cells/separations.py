"""Minimum distances between atoms of different packing units."""

import math
from itertools import combinations_with_replacement

from saltflow.materials.compositions import Composition
from saltflow.materials.ions.radii import radii_A

Pair = frozenset[str]


def minimum_separations_A(
    composition: Composition, *, min_separation_factor: float, min_separations_A: dict[str, float]
) -> dict[Pair, float]:
    """Minimum distance of every pair of elements, in Å.

    - Cation and anion, two anions, two neutral atoms: factor × the sum of the ionic radii.
    - Two cations: they touch an anion, not each other. Closest in real networks are edge-sharing polyhedra, where
      both touch one anion at 90°: factor × √((r₁ + a)² + (r₂ + a)²) with the smallest anion radius a.
    - A pair named in `min_separations_A` ("Cl-Cl", in either order): that value.

    Returns:
        frozenset of the two elements (of one for equal elements) → distance.
    """
    given = {frozenset(pair.split("-")): distance for pair, distance in min_separations_A.items()}
    radii = radii_A(composition)
    states = composition.oxidation_states
    smallest_anion = min((radii[element] for element in radii if states.get(element, 0) < 0), default=0.0)
    separations = {}
    for one, other in combinations_with_replacement(radii, 2):
        if states.get(one, 0) > 0 and states.get(other, 0) > 0:
            touching = math.hypot(radii[one] + smallest_anion, radii[other] + smallest_anion)
        else:
            touching = radii[one] + radii[other]
        pair = frozenset((one, other))
        separations[pair] = given.get(pair, min_separation_factor * touching)
    return separations
