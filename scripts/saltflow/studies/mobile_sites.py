"""Sites of the mobile ion in an ordered crystal: its own, or the voids between all atoms."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from matscipy.neighbours import neighbour_list
from scipy.spatial import Voronoi

from saltflow.base.errors import InputError

SYMMETRY_TOLERANCE_A = 0.01
MIN_DISTANCE_A = 0.7
VOID_DISTANCE_A = 1.6  # from a void to the nearest atom; Li in an octahedron of oxygen has 2.0 to 2.2
MERGED_A = 1.0  # closer voids are one
MOST_VOIDS = 60
MOST_MERGERS = 10  # of images into their middle, after which they are one place


@dataclass(frozen=True)
class MobileSites:
    """Where the mobile ion is, or may be, in a crystal.

    Attributes:
        crystal: unit cell of an ordered crystal; all atoms are in it, some perhaps by rounding just outside.
        mobile: element of the mobile ion.
        positions: fractional, shape (sites, 3).
        atoms: index of the atom on each site, −1 for a void, shape (sites,).
        rotations, translations: symmetry operations in fractional coordinates, shapes (n, 3, 3) and (n, 3).
    """

    crystal: Atoms
    mobile: str
    positions: np.ndarray
    atoms: np.ndarray
    rotations: np.ndarray
    translations: np.ndarray

    @property
    def fractional(self) -> np.ndarray:
        """Places of all atoms as the crystal has them, shape (atoms, 3).

        Not wrapped: an atom that relaxes from 0 to −1e-5 stays in its cell, as in supercells of the crystal.
        """
        return self.crystal.get_scaled_positions(wrap=False)

    @property
    def cell(self) -> np.ndarray:
        """Lattice vectors as rows in Å."""
        return self.crystal.cell.array


def find_sites(crystal: Atoms, mobile: str, *, voids: bool) -> MobileSites:
    """The sites of a mobile ion, or the voids that an interstitial ion may take.

    Voids are vertices of the Voronoi cells of all atoms, at least 1.6 Å from the nearest, the widest first, and what
    symmetry makes of them. Images within 1 Å of each other are one void in their middle; vertices within 1 Å of a void
    are the same void.

    Raises:
        InputError: the element is not in the crystal (for its own sites) or is all that is in it, atoms overlap, the
            structure is a molecule, or there are no voids.
    """
    _check(crystal, mobile, needs_ion=not voids)
    crystal = crystal.copy()
    crystal.wrap()
    rotations, translations = symmetry_of(crystal)
    own = np.flatnonzero(crystal.symbols == mobile)
    if not voids:
        positions, atoms = crystal.get_scaled_positions(wrap=False)[own], own
    else:
        positions = _voids(crystal, rotations, translations)
        atoms = np.full(len(positions), -1)
        if not len(positions):
            remedy = "give a file with the ion, and take its own sites (mechanism vacancy)"
            raise InputError([f"The crystal has no void of {VOID_DISTANCE_A} Å; {remedy}."])
    return MobileSites(crystal, mobile, positions, atoms, rotations, translations)


def _check(crystal: Atoms, mobile: str, *, needs_ion: bool) -> None:
    formula = crystal.symbols.formula.reduce()[0]
    if needs_ion and mobile not in crystal.symbols:
        raise InputError([f"There is no {mobile} in {formula}; name the mobile ion with --mobile."])
    if set(crystal.symbols) == {mobile}:
        raise InputError([f"{formula} is {mobile} alone; a barrier needs a framework of other elements."])
    if crystal.cell.rank < 3:
        raise InputError([f"{formula} has no cell: this is a molecule; give a crystal."])
    first, second, distances = neighbour_list("ijd", crystal, MIN_DISTANCE_A)
    if len(distances):
        pair = f"{crystal.symbols[first[0]]}{first[0]} and {crystal.symbols[second[0]]}{second[0]}"
        raise InputError([f"The atoms {pair} are {distances.min():.2f} Å apart; correct the structure file."])
    volume_A3 = crystal.cell.volume / len(crystal)
    if volume_A3 > 100:
        raise InputError([f"{formula} has {volume_A3:.0f} Å³ per atom: this is a molecule or a slab; give a crystal."])


def symmetry_of(crystal: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (n, 3, 3) and translations (n, 3) in fractional coordinates that leave a crystal as it is."""
    import spglib

    cell = (crystal.cell.array, crystal.get_scaled_positions(), crystal.numbers)
    found = spglib.get_symmetry(cell, symprec=SYMMETRY_TOLERANCE_A)
    if found is None:
        return np.eye(3, dtype=int)[None], np.zeros((1, 3))
    return found["rotations"], found["translations"]


def _voids(crystal: Atoms, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    cell = crystal.cell.array
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = (crystal.get_scaled_positions()[:, None] + images).reshape(-1, 3)
    vertices = Voronoi(points @ cell).vertices @ np.linalg.inv(cell)
    vertices = vertices[np.all((vertices >= -1e-6) & (vertices < 1 - 1e-6), axis=1)]
    width = find_mic(((vertices[:, None] - crystal.get_scaled_positions()) @ cell).reshape(-1, 3), cell)[1]
    width = width.reshape(len(vertices), -1).min(axis=1)
    found = np.empty((0, 3))
    for vertex in vertices[np.argsort(-width, kind="stable")][: np.count_nonzero(width > VOID_DISTANCE_A)]:
        if len(found) >= MOST_VOIDS:
            break
        orbit = _merged_orbit(vertex, cell, rotations, translations)
        if (
            orbit is not None
            and _is_apart(orbit[0], found, MERGED_A, cell)
            and _is_apart(orbit[0], crystal.get_scaled_positions(), VOID_DISTANCE_A, cell)
        ):
            found = np.vstack([found, orbit])
    return found


def _merged_orbit(
    vertex: np.ndarray, cell: np.ndarray, rotations: np.ndarray, translations: np.ndarray
) -> np.ndarray | None:
    """What symmetry makes of a vertex, shape (n, 3); where images lie within 1 Å, of the middle between them."""
    for _ in range(MOST_MERGERS):
        images = (rotations @ vertex + translations) % 1.0
        between, distances = find_mic((images - vertex) @ cell, cell)
        near = distances < MERGED_A
        if distances[near].max() < SYMMETRY_TOLERANCE_A:
            break
        vertex = vertex + between[near].mean(axis=0) @ np.linalg.inv(cell)
    else:
        return None
    orbit = np.empty((0, 3))
    for image in images:
        if _is_apart(image, orbit, MERGED_A, cell):
            orbit = np.vstack([orbit, image])
    return orbit


def _is_apart(place: np.ndarray, others: np.ndarray, distance_A: float, cell: np.ndarray) -> bool:
    return not len(others) or find_mic((others - place) @ cell, cell)[1].min() > distance_A
