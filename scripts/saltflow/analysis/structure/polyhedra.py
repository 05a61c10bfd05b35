"""Coordination polyhedra of anions around metals: classes, coordination numbers, angle variance."""

from collections.abc import Hashable

import numpy as np

from saltflow.analysis.structure.coordination_shells import Shells, Snapshot
from saltflow.analysis.structure.roles import Roles, shell_label

# Angles of the regular polyhedron and how many of them: tetrahedron, octahedron (without the three of 180°).
REGULAR = {4: (np.degrees(np.arccos(-1 / 3)), 6), 6: (90.0, 12)}
SHARING = {1: "corner", 2: "edge", 3: "face"}


def environments(snapshot: Snapshot, bonds: Shells, roles: Roles) -> dict[int, str]:
    """The class of every metal atom by the anions in its shell, such as X3O1.

    Args:
        snapshot: the frame.
        bonds: of metals to anions.
        roles: which elements are metals and anions.
    """
    counts = _anion_counts(snapshot, bonds, roles)
    kinds, codes = np.unique(counts, axis=0, return_inverse=True)
    labels = [shell_label(dict(zip(roles.anions, kind, strict=True))) for kind in kinds]
    return {int(atom): labels[code] for atom, code in zip(snapshot.atoms_of(*roles.metals), codes.ravel(), strict=True)}


def _anion_counts(snapshot: Snapshot, bonds: Shells, roles: Roles) -> np.ndarray:
    """Anions of each kind in the shell of each metal atom, (metal atoms, anions)."""
    metals = snapshot.atoms_of(*roles.metals)
    around = bonds.around(metals)
    ligands = snapshot.symbols[around.ligands]
    known = np.isin(ligands, roles.anions)
    counts = np.zeros((len(metals), len(roles.anions)), dtype=int)
    places = np.searchsorted(metals, around.centers[known]), np.searchsorted(roles.anions, ligands[known])
    np.add.at(counts, places, 1)
    return counts


def observe_polyhedra(snapshot: Snapshot, bonds: Shells, roles: Roles) -> dict[Hashable, float]:
    """Populations of classes and coordination numbers, and the sums behind the angle variance, of one frame.

    Args:
        snapshot: the frame.
        bonds: of metals to anions.
        roles: of the elements.

    Returns:
        ("class", metal, label), ("coordination", metal, number) → fraction of its atoms; ("mean coordination", metal,
        anion); ("angle variance", metal) → sum over its regular polyhedra, and ("regular", metal) their number.
    """
    observed: dict[Hashable, float] = {}
    counts, metals = _anion_counts(snapshot, bonds, roles), snapshot.atoms_of(*roles.metals)
    labels = environments(snapshot, bonds, roles)
    variances = angle_variances_deg2(bonds.around(metals))
    for metal in roles.metals:
        own = snapshot.symbols[metals] == metal
        number = max(int(own.sum()), 1)
        for atom in metals[own]:
            add_value(observed, ("class", metal, labels[int(atom)]), 1 / number)
        for total in counts[own].sum(axis=1):
            add_value(observed, ("coordination", metal, int(total)), 1 / number)
        for anion, mean in zip(roles.anions, counts[own].mean(axis=0), strict=True):
            observed["mean coordination", metal, anion] = float(mean)
        found = [variances[int(atom)] for atom in metals[own] if int(atom) in variances]
        observed["angle variance", metal] = float(np.sum(found))
        observed["regular", metal] = len(found) / number
        observed["atoms", metal] = number
    return observed


def add_value(observed: dict[Hashable, float], name: Hashable, value: float) -> None:
    """Add to an observable of a frame, which starts at 0."""
    observed[name] = observed.get(name, 0.0) + value


def angle_variances_deg2(bonds: Shells) -> dict[int, float]:
    """Bond-angle variance of every centre with four or six ligands, in degrees².

    σ² = Σ (θ_i − θ0)²/(m − 1) over the m angles of a tetrahedron (6, θ0 = 109.47°) or octahedron (12, 90°; without
    the three largest angles, of opposite ligands). Source: Robinson, Gibbs & Ribbe, Science 172, 567 (1971).

    Args:
        bonds: from centres to ligands.
    """
    first, second = pairs_within(bonds.centers)
    angles_deg = angles_between(bonds.vectors_A[first], bonds.vectors_A[second])
    centers = bonds.centers[first]
    numbers = dict(zip(*(part.tolist() for part in np.unique(bonds.centers, return_counts=True)), strict=True))
    variances = {}
    for size, (ideal_deg, count) in REGULAR.items():
        atoms = np.array([atom for atom, number in numbers.items() if number == size], dtype=int)
        if len(atoms):
            own = np.isin(centers, atoms)
            order = np.argsort(centers[own], kind="stable")
            table = np.sort(angles_deg[own][order].reshape(len(atoms), -1), axis=1)[:, :count]
            values = ((table - ideal_deg) ** 2).sum(axis=1) / (count - 1)
            variances |= dict(zip(atoms.tolist(), values.tolist(), strict=True))
    return variances


def pairs_within(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of indices with the same group, each once.

    Args:
        groups: sorted, (n,).

    Returns:
        First and second indices, (pairs,) each.
    """
    first, second = [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)]
    for offset in range(1, len(groups)):
        same = np.flatnonzero(groups[offset:] == groups[:-offset])
        if not len(same):
            break
        first.append(same)
        second.append(same + offset)
    return np.concatenate(first), np.concatenate(second)


def angles_between(one_A: np.ndarray, other_A: np.ndarray) -> np.ndarray:
    """Angles between vectors in degrees, (n, 3) and (n, 3) → (n,)."""
    cosines = np.einsum("ij,ij->i", one_A, other_A)
    lengths = np.linalg.norm(one_A, axis=1) * np.linalg.norm(other_A, axis=1)
    return np.degrees(np.arccos(np.clip(cosines / np.maximum(lengths, 1e-12), -1.0, 1.0)))
