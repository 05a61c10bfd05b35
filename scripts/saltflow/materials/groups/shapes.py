"""Shapes of groups: unwrapped across the periodic boundary, averaged over a run, imposed on a cell."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.materials.groups.finding import AtomGroup

# Iterations of fitting all frames to the mean shape; it converges in two.
FITS = 3
# A mean shape with a smaller ratio of principal moments bends by less than 2° and is made linear.
STRAIGHT_BELOW = 1e-3


def make_whole(positions_A: np.ndarray, cell_A: np.ndarray) -> np.ndarray:
    """Positions (atoms, 3) of one group without jumps: each atom is placed next to its nearest placed neighbour.

    Args:
        positions_A: (atoms, 3), wrapped or not.
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

    Frames are rotated onto the mean (Kabsch, Acta Cryst. A32, 922 (1976), mass-weighted). A mean that is linear within
    the noise is made linear.

    Args:
        frames_A: (frames, atoms, 3), of `make_whole`.
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
    """(frames, 3, 3) rotations that fit each shape (frames, atoms, 3) onto another: shape @ rotation."""
    covariance = np.einsum("n,fnx,ny->fxy", masses_u, shapes_A, onto_A)
    left, _, right = np.linalg.svd(covariance)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return left @ right


def impose_shapes(atoms: Atoms, groups: Sequence[AtomGroup], frames_A: np.ndarray) -> Atoms:
    """A cell whose groups are whole and have their mean shapes, at their positions and orientations in the cell.

    Args:
        atoms: the cell, the last of the frames.
        groups: of it.
        frames_A: (frames, all atoms, 3) unwrapped, for the mean shapes.
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
    # Moments of inertia are sums of two of the squared sizes.
    squares = np.concatenate([size, np.zeros(3 - len(size))]) ** 2
    if squares[1] + squares[2] > STRAIGHT_BELOW * (squares[0] + squares[1]):
        return shape
    return np.outer(shape @ axes[0], axes[0])
