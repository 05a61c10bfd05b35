"""Features of a relaxed cell in which dopants share a site.

Of the site: mean and deviation of Shannon's radius and of Pauling's electronegativity, the size mismatch
δ = √(Σ c (1 − r/r̄)²), the configurational entropy −Σ c ln c in units of R. Of the cell: volume per mobile ion,
distances of mobile ions and anions, and how unlike the bonds of an ion of the site are. Areas of bottlenecks are not
among them: they need the sites between which ions pass.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from pymatgen.core import Element

from saltflow.materials.ions.radii import ionic_radius_A

SHELL = 1.25  # of the sum of two radii: the end of the first shell
FEATURES = ("radius_mean_A", "radius_deviation_A", "electronegativity_mean", "electronegativity_deviation",
            "size_mismatch", "mixing_entropy_R", "volume_per_ion_A3", "ions_per_site", "bond_of_ion_mean_A",
            "bond_of_ion_deviation_A", "bond_of_ion_shortest_A", "coordination_of_ion", "bond_of_site_mean_A",
            "distortion_of_site")  # fmt: skip


def features_of(cell: Atoms, *, mobile: str, dopants: Sequence[str], charges: Mapping[str, float]) -> np.ndarray:
    """Values of `FEATURES`, then the fractions of the dopants in the cell, (features + dopants,).

    Args:
        cell: relaxed.
        mobile: element of the mobile ion.
        dopants: of the site.
        charges: element → formal charge in e.
    """
    counts = np.array([float(np.sum(cell.symbols == each)) for each in dopants])
    fractions, radii = counts / counts.sum(), np.array([ionic_radius_A(each, charges[each]) for each in dopants])
    negativities, held = np.array([Element(each).X for each in dopants]), fractions > 0
    mean_A = fractions @ radii
    ions = float(np.sum(cell.symbols == mobile))
    first, lengths = _bonds(cell, charges)
    of_ion = lengths[cell.symbols[first] == mobile]
    distorted, site_bonds = [], []
    for index in np.flatnonzero(np.isin(cell.symbols, dopants)):
        if len(own := lengths[first == index]):
            distorted.append(own.std() / own.mean())
            site_bonds.append(own.mean())
    site = [mean_A, np.sqrt(fractions @ (radii - mean_A) ** 2), *_spread(fractions, negativities),
            np.sqrt(fractions @ (1 - radii / mean_A) ** 2), -fractions[held] @ np.log(fractions[held])]  # fmt: skip
    whole = [cell.get_volume() / ions, ions / counts.sum(), *_shell(of_ion), len(of_ion) / ions]
    return np.array([*site, *whole, _mean(site_bonds), _mean(distorted), *fractions])


def _bonds(cell: Atoms, charges: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Cations, by their index, and lengths in Å of their bonds with anions of the first shell."""
    kinds = sorted(set(cell.symbols))
    cations, anions = ([each for each in kinds if charges[each] * sign > 0] for sign in (1, -1))
    radius = {each: ionic_radius_A(each, charges[each]) for each in kinds}
    limits = {(one, other): SHELL * (radius[one] + radius[other]) for one in cations for other in anions}
    first, second, lengths = neighbor_list("ijd", cell, limits)
    outward = np.isin(np.asarray(cell.symbols)[first], cations)
    return first[outward], lengths[outward]


def _spread(weights: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    mean = weights @ values
    return mean, np.sqrt(weights @ (values - mean) ** 2)


def _shell(lengths: np.ndarray) -> tuple[float, float, float]:
    return (lengths.mean(), lengths.std(), lengths.min()) if len(lengths) else (np.nan, np.nan, np.nan)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else np.nan
