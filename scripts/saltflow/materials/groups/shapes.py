"""Shapes of groups: in one piece through the periodic boundary, averaged over a run, put into a cell."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.materials.groups.finding import Group

# Of the mean shape onto which every frame is fitted again; it no longer changes after two.
FITS = 3
# A mean shape whose smallest principal moment is below this × its largest bends by less than 2° and is made straight.
STRAIGHT_BELOW = 1e-3


def make_whole(positions_A: np.ndarray, cell_A: np.ndarray) -> np.ndarray:
    """Positions (atoms, 3) of one group in one piece: each atom is brought next to the nearest one that is placed.

    Args:
        positions_A: wrapped anyhow.
        cell_A: (3, 3).
    """
    placed = [np.asarray(positions_A[0], dtype=float)]
    left = [np.asarray(position, dtype=float) for position in positions_A[1:]]
    order = list(range(1, len(positions_A)))
    whole = np.array(positions_A, dtype=float)
    while left:
        vectors = np.array([[one - there for there in placed] for one in left])
        nearest, lengths = find_mic(vectors.reshape(-1, 3), cell_A, pbc=True)
        best = int(np.argmin(lengths))
        chosen, beside = divmod(best, len(placed))
        place = placed[beside] + nearest[best]
        whole[order.pop(chosen)] = place
        left.pop(chosen)
        placed.append(place)
    return whole


def mean_shape(frames_A: np.ndarray, masses_u: np.ndarray) -> np.ndarray:
    """Mean shape of a group, (atoms, 3) around its centre of mass, oriented as in the last frame.

    Frames are fitted onto the mean by rotations that minimise the mass-weighted distance (Kabsch, Acta Cryst. A32, 922
    (1976)). A mean that is straight but for the noise of few frames is made straight.

    Args:
        frames_A: (frames, atoms, 3), the group in one piece.
        masses_u: (atoms,).
    """
    shares = masses_u / masses_u.sum()
    inner = frames_A - np.einsum("n,fnx->fx", shares, frames_A)[:, None]
    mean = inner[-1]
    for _ in range(FITS):
        turns = fitting_rotations(inner, mean, masses_u)
        mean = np.einsum("fnx,fxy->fny", inner, turns).mean(0)
    return _straightened(mean, masses_u)


def fitting_rotations(shapes_A: np.ndarray, onto_A: np.ndarray, masses_u: np.ndarray) -> np.ndarray:
    """(frames, 3, 3) rotations that take each shape (frames, atoms, 3) best onto another: shape @ rotation."""
    covariance = np.einsum("n,fnx,ny->fxy", masses_u, shapes_A, onto_A)
    left, _, right = np.linalg.svd(covariance)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return left @ right


def impose_shapes(atoms: Atoms, groups: Sequence[Group], frames_A: np.ndarray) -> Atoms:
    """A cell whose groups are in one piece and have their mean shapes, where and as they lie in the cell.

    Args:
        atoms: the cell, the last of the frames.
        groups: of it.
        frames_A: (frames, all atoms, 3) unwrapped, over which shapes are averaged.
    """
    cell, masses = atoms.copy(), atoms.get_masses()
    for group in groups:
        members, weights = list(group.atoms), masses[list(group.atoms)]
        images = make_whole(atoms.positions[members], atoms.cell.array) - atoms.positions[members]
        own = frames_A[:, members] + images
        shape = mean_shape(np.concatenate([own, (atoms.positions[members] + images)[None]]), weights)
        centre = weights @ (atoms.positions[members] + images) / weights.sum()
        cell.positions[members] = centre + shape
    return cell


def _straightened(shape: np.ndarray, masses_u: np.ndarray) -> np.ndarray:
    _, size, axes = np.linalg.svd(np.sqrt(masses_u)[:, None] * shape)
    # Moments of inertia of the body are sums of two of the squared sizes.
    squares = np.concatenate([size, np.zeros(3 - len(size))]) ** 2
    if squares[1] + squares[2] > STRAIGHT_BELOW * (squares[0] + squares[1]):
        return shape
    return np.outer(shape @ axes[0], axes[0])
