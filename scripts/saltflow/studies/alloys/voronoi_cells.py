"""Voronoi cells of the atoms of a periodic cell: neighbours, faces and volumes."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial import Voronoi

from saltflow.base.errors import SaltflowError

SMALLEST_FACE = 0.01  # of the surface of its cell: atoms beyond a smaller one are no neighbours
SAME_VERTEX = 1e-3  # in units of the mean distance of atoms: faces of perfect crystals meet in one vertex
PADDING, MOST_PADDINGS = 2.5, 4  # in the same unit; doubled until every cell is closed
EDGES = range(3, 7)  # of the faces that Voronoi's index counts


@dataclass(frozen=True)
class VoronoiCells:
    """Faces of the cells of all atoms, each from both of its sides.

    Attributes:
        centres, neighbours: the atom whose face it is and the one beyond, (faces,).
        edges: number of each face, (faces,).
        volumes_A3: of each cell, (atoms,).
    """

    centres: np.ndarray
    neighbours: np.ndarray
    edges: np.ndarray
    volumes_A3: np.ndarray

    @property
    def indices(self) -> np.ndarray:
        """Voronoi's index of each atom, its faces with 3, 4, 5 and 6 edges, (atoms, 4)."""
        found = np.zeros((len(self.volumes_A3), len(EDGES)), dtype=int)
        for column, edges in enumerate(EDGES):
            np.add.at(found[:, column], self.centres[self.edges == edges], 1)
        return found


def voronoi_cells(atoms: Atoms) -> VoronoiCells:
    """Voronoi cells of all atoms, of equal weight.

    Args:
        atoms: periodic in all directions.

    Raises:
        SaltflowError: the cell has a void as wide as itself, or no volume.
    """
    if not atoms.cell.volume > 0:
        raise SaltflowError("A structure without a cell has no Voronoi cells; give it a periodic one.")
    spacing_A = (atoms.cell.volume / len(atoms)) ** (1 / 3)
    for doubling in range(MOST_PADDINGS):
        padding_A = PADDING * spacing_A * 2**doubling
        points, owners = _with_images(atoms, padding_A)
        cells = Voronoi(points)
        if _are_closed(cells, len(atoms), padding_A):
            return _faces(cells, owners, len(atoms), spacing_A)
    raise SaltflowError("The structure has a void as wide as itself; Voronoi cells need a dense one.")


def _with_images(atoms: Atoms, padding_A: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the atoms, then of their images around the cell, and whose image each is."""
    inside = atoms.get_scaled_positions(wrap=True)
    margin = padding_A * np.linalg.norm(atoms.cell.reciprocal(), axis=1)  # in fractions of each vector
    ranges = [np.arange(-int(np.ceil(each)), int(np.ceil(each)) + 1) for each in margin]
    shifts = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    shifts = shifts[np.argsort(np.any(shifts != 0, axis=1), kind="stable")]  # the cell itself first
    places = (shifts[:, None] + inside).reshape(-1, 3)
    kept = np.all((places >= -margin) & (places <= 1 + margin), axis=1)
    return places[kept] @ atoms.cell.array, np.tile(np.arange(len(atoms)), len(shifts))[kept]


def _are_closed(cells: Voronoi, atoms: int, padding_A: float) -> bool:
    """Whether every cell is finite and no atom beyond the images could cut it."""
    for atom in range(atoms):
        corners = cells.regions[cells.point_region[atom]]
        if -1 in corners:
            return False
        if 2 * np.linalg.norm(cells.vertices[corners] - cells.points[atom], axis=1).max() > padding_A:
            return False
    return True


def _faces(cells: Voronoi, owners: np.ndarray, atoms: int, spacing_A: float) -> VoronoiCells:
    centres, neighbours, edges, areas_A2, heights_A = [], [], [], [], []
    for pair, corners in zip(cells.ridge_points, cells.ridge_vertices, strict=True):
        if min(pair) < atoms:
            number, area_A2 = _polygon(cells.vertices[corners], SAME_VERTEX * spacing_A)
            height_A = np.linalg.norm(np.subtract(*cells.points[pair])) / 2
            for centre, beyond in (pair, pair[::-1]):
                if centre < atoms:
                    centres.append(centre)
                    neighbours.append(owners[beyond])
                    edges.append(number)
                    areas_A2.append(area_A2)
                    heights_A.append(height_A)
    centres, areas_A2 = np.array(centres), np.array(areas_A2)
    surfaces_A2 = np.bincount(centres, weights=areas_A2, minlength=atoms)
    large = areas_A2 > SMALLEST_FACE * surfaces_A2[centres]
    return VoronoiCells(
        centres=centres[large],
        neighbours=np.array(neighbours)[large],
        edges=np.array(edges)[large],
        volumes_A3=np.bincount(centres, weights=areas_A2 * heights_A / 3, minlength=atoms),
    )


def _polygon(corners: np.ndarray, same_A: float) -> tuple[int, float]:
    """Edges and area of a convex polygon whose corners follow one another; corners that coincide are one."""
    edges = np.count_nonzero(np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1) > same_A)
    spokes = corners[1:] - corners[0]
    return edges, float(np.linalg.norm(np.cross(spokes[:-1], spokes[1:]).sum(axis=0)) / 2)
