"""A trajectory piece by piece, seen from the framework: everything that is not the mobile ion."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory import Run

READ_BYTES = 16e6


@dataclass(frozen=True)
class Piece:
    """Consecutive frames in the framework's frame.

    Args:
        first: number of the first frame.
        mobile: fractional positions of the mobile ions, not wrapped, (frames, ions, 3).
        framework: the same of all other atoms, (frames, atoms, 3).
    """

    first: int
    mobile: np.ndarray
    framework: np.ndarray


def read_pieces(run: Run, mobile_ion: str) -> Iterator[Piece]:
    """Fractional positions with the drift of the framework's centre of mass taken out.

    The frame is the framework's position in the first frame. Without any framework it is the laboratory.

    Args:
        run: the trajectory.
        mobile_ion: element that is not part of the framework.

    Raises:
        SaltflowError: the element is not among the atoms.
    """
    mobile = np.array(run.symbols) == mobile_ion
    if not mobile.any():
        atoms = ", ".join(sorted(set(run.symbols)))
        raise SaltflowError(f"The mobile ion {mobile_ion} is not among the atoms {atoms}; name another one.")
    weights = run.masses_u[~mobile] / run.masses_u[~mobile].sum() if not mobile.all() else np.empty(0)
    start = None
    for first, fractional in _fractional_pieces(run):
        centre = np.einsum("a,taj->tj", weights, fractional[:, ~mobile])
        start = centre[0] if start is None else start
        fractional -= (centre - start)[:, None]
        yield Piece(first, fractional[:, mobile], fractional[:, ~mobile])


def _fractional_pieces(run: Run) -> Iterator[tuple[int, np.ndarray]]:
    frames = max(1, int(READ_BYTES / (24 * len(run.symbols))))
    for first in range(0, run.n_frames, frames):
        span = slice(first, min(first + frames, run.n_frames))
        positions_A = run.read_positions_A(span, slice(0, len(run.symbols))).astype(float)
        yield first, positions_A @ np.linalg.inv(run.cells_A[span])
