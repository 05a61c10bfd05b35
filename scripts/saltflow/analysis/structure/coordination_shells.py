"""Neighbours in a periodic cell of any shape, and bond-orientational order; the only user of freud."""

from collections.abc import Mapping
from dataclasses import dataclass

import freud
import numpy as np

from saltflow.trajectory.cell_width import half_width_A

# freud refuses a cut-off of exactly half the cell, and works in single precision.
WITHIN_HALF = 1 - 1e-5
FIRST_GUESS_A = 3.0  # usual distance of the nearest atom of an element
freud.parallel.set_num_threads(1)  # jobs ask for one core


@dataclass(frozen=True)
class Snapshot:
    """One frame.

    Args:
        positions_A: wrapped or not, (atoms, 3).
        cell_A: cell vectors as rows, (3, 3).
        symbols: element of each atom, (atoms,).
    """

    positions_A: np.ndarray
    cell_A: np.ndarray
    symbols: np.ndarray

    @property
    def volume_A3(self) -> float:
        """Volume of the cell."""
        return float(abs(np.linalg.det(self.cell_A)))

    @property
    def half_width_A(self) -> float:
        """Half the smallest distance between opposite faces: within it the nearest image is unique."""
        return half_width_A(self.cell_A)

    def atoms_of(self, *elements: str) -> np.ndarray:
        """Indices of the atoms of some elements."""
        return np.flatnonzero(np.isin(self.symbols, elements))


@dataclass(frozen=True)
class Shells:
    """Directed bonds from centres to their ligands, ordered by centre.

    Args:
        centers: centre of each bond, (bonds,).
        ligands: ligand of each bond, (bonds,).
        vectors_A: from the centre to the ligand, (bonds, 3).
        images: cell of the ligand's nearest image in units of the cell vectors, (bonds, 3).
    """

    centers: np.ndarray
    ligands: np.ndarray
    vectors_A: np.ndarray
    images: np.ndarray

    @property
    def lengths_A(self) -> np.ndarray:
        """Lengths of the bonds, (bonds,)."""
        return np.linalg.norm(self.vectors_A, axis=1)

    def of(self, chosen: np.ndarray) -> "Shells":
        """Some of the bonds."""
        return Shells(self.centers[chosen], self.ligands[chosen], self.vectors_A[chosen], self.images[chosen])

    def around(self, atoms: np.ndarray) -> "Shells":
        """The bonds of some centres."""
        return self.of(np.isin(self.centers, atoms))


def shells(snapshot: Snapshot, cutoffs_A: Mapping[tuple[str, str], float]) -> Shells:
    """All bonds of a frame.

    Args:
        snapshot: the frame.
        cutoffs_A: (element of the centre, element of the ligand) → longest bond, at most half the cell; other pairs
            have no bonds.
    """
    reach_A = min(max(cutoffs_A.values(), default=0.0), snapshot.half_width_A * WITHIN_HALF)
    centers = snapshot.atoms_of(*{center for center, _ in cutoffs_A})
    ligands = snapshot.atoms_of(*{ligand for _, ligand in cutoffs_A})
    if reach_A <= 0 or not len(centers) or not len(ligands):
        return Shells(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 3)), np.zeros((0, 3)))
    box, points, _ = _in_box(snapshot)
    # A little farther, because freud rounds to single precision; lengths in double precision decide.
    found = freud.locality.AABBQuery(box, points[ligands]).query(
        points[centers], {"mode": "ball", "r_max": min(reach_A * (1 + 1e-5), snapshot.half_width_A * WITHIN_HALF)}
    )
    pairs = found.toNeighborList()[:]
    pairs = np.stack([centers[pairs[:, 0]], ligands[pairs[:, 1]]], axis=1)
    vectors_A, images = _nearest_images(snapshot, pairs)
    lengths_A = np.linalg.norm(vectors_A, axis=1)
    kinds, codes = np.unique(snapshot.symbols, return_inverse=True)
    limits_A = np.array([[cutoffs_A.get((str(one), str(other)), 0.0) for other in kinds] for one in kinds])
    kept = (lengths_A < limits_A[codes[pairs[:, 0]], codes[pairs[:, 1]]]) & (pairs[:, 0] != pairs[:, 1])
    order = np.argsort(pairs[kept, 0], kind="stable")
    return Shells(*(part[kept][order] for part in (pairs[:, 0], pairs[:, 1], vectors_A, images)))


def _nearest_images(snapshot: Snapshot, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fractional = snapshot.positions_A @ np.linalg.inv(snapshot.cell_A)
    apart = fractional[pairs[:, 1]] - fractional[pairs[:, 0]]
    images = -np.rint(apart)
    return (apart + images) @ snapshot.cell_A, images.astype(int)


def _in_box(snapshot: Snapshot) -> tuple[freud.box.Box, np.ndarray, np.ndarray]:
    """freud's box (upper triangular), the atoms in it, and the rotation (or rotoreflection) of row vectors."""
    rotation, triangular = np.linalg.qr(snapshot.cell_A.T)
    signs = np.sign(np.diag(triangular))
    box = freud.box.Box.from_matrix(signs[:, None] * triangular)
    return box, box.wrap(snapshot.positions_A @ (rotation * signs)), rotation * signs


def steinhardt(snapshot: Snapshot, bonds: Shells, *, degree: int) -> np.ndarray:
    """Bond-orientational order q_l of every atom, from its bonds; nan without bonds.

    q_l = √(4π/(2l+1) Σ_m |⟨Y_lm⟩|²), Y_lm averaged over the bonds of an atom. Source: Steinhardt, Nelson & Ronchetti,
    Phys. Rev. B 28, 784 (1983).

    Args:
        snapshot: the frame.
        bonds: neighbours of each atom.
        degree: l.

    Returns:
        q_l, (atoms,).
    """
    atoms = len(snapshot.symbols)
    if not len(bonds.centers):
        return np.full(atoms, np.nan)
    box, points, rotation = _in_box(snapshot)
    vectors_A = bonds.vectors_A @ rotation
    neighbours = freud.locality.NeighborList.from_arrays(atoms, atoms, bonds.centers, bonds.ligands, vectors_A)
    order = np.array(freud.order.Steinhardt(l=degree).compute((box, points), neighbors=neighbours).particle_order)
    order[np.bincount(bonds.centers, minlength=atoms) == 0] = np.nan
    return order


def nearest_shells(snapshot: Snapshot, atoms: np.ndarray, *, neighbours: int) -> Shells | None:
    """The bonds of some atoms to their nearest neighbours among them; None where the cell is too small.

    Args:
        snapshot: the frame.
        atoms: indices.
        neighbours: number of neighbours of each atom.
    """
    if len(atoms) <= neighbours:
        return None
    box, points, _ = _in_box(snapshot)
    query = {"mode": "nearest", "num_neighbors": neighbours, "exclude_ii": True, "r_guess": 0.2 * min(box.L)}
    pairs = atoms[freud.locality.AABBQuery(box, points[atoms]).query(points[atoms], query).toNeighborList()[:]]
    vectors_A, images = _nearest_images(snapshot, pairs)
    lengths_A = np.linalg.norm(vectors_A, axis=1)
    if len(pairs) < neighbours * len(atoms) or lengths_A.max() >= snapshot.half_width_A:
        return None
    return Shells(pairs[:, 0], pairs[:, 1], vectors_A, images)


def crystalline(snapshot: Snapshot, bonds: Shells, *, coherence: float, connections: int) -> tuple[float, int]:
    """Solid-like atoms: those with enough neighbours of the same local orientation.

    A connection is a pair of neighbours with a normalised q6·q6 above `coherence`; an atom with enough of them is
    solid-like. Source: ten Wolde, Ruiz-Montero & Frenkel, Phys. Rev. Lett. 75, 2714 (1995).

    Args:
        snapshot: the frame.
        bonds: neighbours, of `nearest_shells`.
        coherence: smallest normalised q6·q6 of a connection.
        connections: smallest number of connections of a solid-like atom.

    Returns:
        The fraction of solid-like centres, and the size of their largest cluster.
    """
    atoms = np.unique(bonds.centers)
    box, points, rotation = _in_box(snapshot)
    vectors_A = bonds.vectors_A @ rotation
    places = (np.searchsorted(atoms, part) for part in (bonds.centers, bonds.ligands))
    neighbours = freud.locality.NeighborList.from_arrays(len(atoms), len(atoms), *places, vectors_A)
    found = freud.order.SolidLiquid(l=6, q_threshold=coherence, solid_threshold=connections)
    found.compute((box, points[atoms]), neighbors=neighbours)
    solid = np.asarray(found.num_connections) >= connections
    return float(solid.mean()), int(found.largest_cluster_size) if solid.any() else 0


def nearest_distances(snapshot: Snapshot, points: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Distances of points to the nearest of some atoms.

    Args:
        snapshot: the frame.
        points: fractional coordinates, (points, 3).
        atoms: indices.

    Returns:
        Distances in Å, (points,); inf where there is none within half the cell.
    """
    distances_A = np.full(len(points), np.inf)
    if not len(atoms):
        return distances_A
    box, placed, rotation = _in_box(snapshot)
    wrapped = box.wrap(points @ snapshot.cell_A @ rotation)
    query = {"mode": "nearest", "num_neighbors": 1, "r_guess": min(FIRST_GUESS_A, snapshot.half_width_A * WITHIN_HALF)}
    found = freud.locality.AABBQuery(box, placed[atoms]).query(wrapped, query).toNeighborList()
    np.minimum.at(distances_A, found.query_point_indices, found.distances)
    return distances_A
