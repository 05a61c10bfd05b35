"""Whole atoms on every orbit of a supercell: neutral, and as near to the refined occupancies as they can be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from saltflow.materials.ordering.disordered_crystal import DisorderedCrystal

# The largest deviation counts before the sum of all.
LARGEST_FIRST = 1_000.0


@dataclass(frozen=True)
class SiteCounts:
    """How many atoms of each element occupy each orbit.

    Attributes:
        cells: primitive cells in the supercell.
        counts: for each orbit element → atoms.
        deviation: largest |atoms/sites − refined occupancy|.
        farthest: label and element where it occurs.
    """

    cells: int
    counts: tuple[dict[str, int], ...]
    deviation: float
    farthest: str

    @property
    def amounts(self) -> dict[str, int]:
        """Element → atoms in the supercell."""
        amounts: dict[str, int] = {}
        for orbit in self.counts:
            for element, count in orbit.items():
                amounts[element] = amounts.get(element, 0) + count
        return {element: count for element, count in amounts.items() if count}


def site_counts(
    crystal: DisorderedCrystal,
    charges: Mapping[str, float],
    *,
    cells: int,
    amounts: Mapping[str, int] | None = None,
) -> SiteCounts | None:
    """The neutral counts whose largest deviation from the refined occupancies is least, then whose sum is.

    An integer linear program: atoms of each element on each disordered orbit, at most one atom per site, exactly one
    where the refinement leaves no vacancy.

    Args:
        charges: element → formal charge in e.
        cells: primitive cells in the supercell.
        amounts: atoms of each element that the supercell must hold, where its formula is prescribed.

    Returns:
        None where no counts are neutral, or none have the amounts.
    """
    disordered = [orbit for orbit in crystal.orbits if not orbit.is_ordered]
    options = [(number, element) for number, orbit in enumerate(disordered) for element in orbit.occupancies]
    sites = np.array([cells * len(orbit.sites) for orbit in disordered])
    of_orbit = np.array([number for number, _ in options], int)
    fixed: dict[str, int] = {}
    for orbit in crystal.orbits:
        if orbit.is_ordered:
            (element,) = orbit.occupancies
            fixed[element] = fixed.get(element, 0) + cells * len(orbit.sites)
    whole = _solve(disordered, options, sites, of_orbit, fixed, charges=charges, amounts=amounts)
    if whole is None:
        return None
    refined = np.array([disordered[number].occupancies[element] for number, element in options])
    deviations = np.abs(whole / sites[of_orbit] - refined)
    worst = int(np.argmax(deviations))
    found = iter([{} for _ in disordered])
    counts = [dict.fromkeys(orbit.occupancies, cells * len(orbit.sites)) if orbit.is_ordered else next(found)
              for orbit in crystal.orbits]  # fmt: skip
    partial = [counts[number] for number, orbit in enumerate(crystal.orbits) if not orbit.is_ordered]
    for (number, element), count in zip(options, whole, strict=True):
        partial[number][element] = int(count)
    farthest = f"{options[worst][1]} on {disordered[of_orbit[worst]].label}"
    return SiteCounts(cells, tuple(counts), float(deviations[worst]), farthest)


def _solve(disordered, options, sites, of_orbit, fixed, *, charges, amounts) -> np.ndarray | None:
    """Counts of each option, shape (options,). Variables: counts, their deviations, and the largest of these."""
    size = len(options)
    refined = np.array([disordered[number].occupancies[element] for number, element in options])
    per_site = np.diag(1 / sites[of_orbit])
    one, nothing = np.eye(size), np.zeros((size, size))
    largest = np.ones((size, 1))
    above = LinearConstraint(np.hstack([per_site, -one, 0 * largest]), ub=refined)
    below = LinearConstraint(np.hstack([-per_site, -one, 0 * largest]), ub=-refined)
    bounded = LinearConstraint(np.hstack([nothing, one, -largest]), ub=0)
    on_orbit = np.array([of_orbit == number for number in range(len(disordered))], float)
    vacant = np.array([sum(orbit.occupancies.values()) < 1 - 1e-9 for orbit in disordered])
    rows, least, most = [*on_orbit], [*np.where(vacant, 0, sites)], [*sites]
    elements = dict.fromkeys([*fixed, *(element for _, element in options)])
    if amounts is None:
        net = sum(charges[element] * count for element, count in fixed.items())
        rows.append(np.array([charges[element] for _, element in options]))
        least.append(-net)
        most.append(-net)
    else:
        if set(amounts) - set(elements):
            return None
        for element in elements:
            rows.append(np.array([name == element for _, name in options], float))
            least.append(amounts.get(element, 0) - fixed.get(element, 0))
            most.append(least[-1])
    exact = LinearConstraint(np.hstack([np.array(rows), np.zeros((len(rows), size + 1))]), least, most)
    found = milp(
        np.concatenate([np.zeros(size), np.ones(size), [LARGEST_FIRST]]),
        integrality=np.concatenate([np.ones(size), np.zeros(size + 1)]),
        bounds=Bounds(0, np.concatenate([sites[of_orbit], np.full(size + 1, np.inf)])),
        constraints=[above, below, bounded, exact],
        options={"time_limit": 20.0},
    )
    return None if found.x is None else np.round(found.x[:size]).astype(int)
