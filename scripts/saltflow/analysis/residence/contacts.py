"""Contacts: which mobile ions are in the first shell of which centres, frame by frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saltflow.trajectory.cell_width import half_width_A
from saltflow.trajectory.chunks import FRACTIONAL, FrameChunk, frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

FRAMES_PER_CHUNK = 32  # over so few frames atoms move little, and few pairs can meet
TURN = 2.0**32


@dataclass(frozen=True)
class Shell:
    """Mobile ions around the atoms of one element.

    Args:
        ion, centre: elements.
        ions, centres: their atoms.
        cutoff_A: an ion closer than this is in the shell.
    """

    ion: str
    centre: str
    ions: np.ndarray
    centres: np.ndarray
    cutoff_A: float

    @property
    def name(self) -> str:
        """Such as Li-Al."""
        return f"{self.ion}-{self.centre}"

    @property
    def n_pairs(self) -> int:
        """Pairs of an ion and a centre; pair = ion × number of centres + centre."""
        return len(self.ions) * len(self.centres)


class FractionalChunk(FrameChunk):
    """Some consecutive sampled frames in fractional coordinates, unwrapped and wrapped."""

    @cached_property
    def wrapped(self) -> np.ndarray:
        """Wrapped coordinates as 32-bit integers, (3, frames, atoms); differences wrap by overflow."""
        parts = np.rint((self.coordinates - np.floor(self.coordinates)) * TURN).astype(np.int64).astype(np.int32)
        return np.ascontiguousarray(parts.transpose(2, 0, 1))


@dataclass(frozen=True)
class Contacts:
    """Pairs in the shell over some consecutive sampled frames.

    Args:
        start: number of the first frame.
        pairs: pairs that may be present in these frames, ascending; all others are absent, (pairs,).
        present: (frames, pairs).
    """

    start: int
    pairs: np.ndarray
    present: np.ndarray

    def present_at(self, frame: int) -> np.ndarray:
        """The pairs that are present in a frame."""
        return self.pairs[self.present[frame - self.start]]


def fractional_chunks(run: TrajectoryReader, frames: range) -> Iterator[FractionalChunk]:
    """Evenly spaced frames of a trajectory, a few at a time."""
    for chunk in frame_chunks(run, frames, basis_A=FRACTIONAL, most_frames=FRAMES_PER_CHUNK):
        yield FractionalChunk(**vars(chunk))


def find_contacts(shell: Shell, chunk: FractionalChunk) -> Contacts:
    """Contacts in the frames of a chunk.

    In one frame, all pairs are compared with the cut-off plus the largest displacements of both atoms in the chunk;
    only pairs within it are followed through the chunk.

    Args:
        shell: ions, centres and cut-off.
        chunk: frames in fractional coordinates.
    """
    pairs = _within_reach(shell, chunk)
    first, second = np.divmod(pairs, len(shell.centres))
    apart = chunk.wrapped[:, :, shell.ions[first]] - chunk.wrapped[:, :, shell.centres[second]]
    return Contacts(chunk.start, pairs, squared_A2(apart, chunk.cells_A[:, None]) < shell.cutoff_A**2)


def squared_A2(apart: np.ndarray, cells_A: np.ndarray) -> np.ndarray:
    """Squared distances to the nearest images, (...).

    Args:
        apart: differences of wrapped coordinates, (3, ...), in 32-bit integers.
        cells_A: cell vectors as rows, broadcast over (..., 3, 3).
    """
    parts = apart.astype(np.float32)
    cells = (np.asarray(cells_A) / TURN).astype(np.float32)
    total = np.zeros(parts.shape[1:], dtype=np.float32)
    for axis in range(3):
        along = [parts[vector] * cells[..., vector, axis] for vector in range(3) if np.any(cells[..., vector, axis])]
        total += sum(along[1:], start=along[0]) ** 2
    return total


def _within_reach(shell: Shell, chunk: FractionalChunk) -> np.ndarray:
    middle = len(chunk.cells_A) // 2
    cell_A = chunk.cells_A[middle]
    strain = np.abs(np.linalg.inv(cell_A) @ chunk.cells_A - np.eye(3)).sum(axis=(1, 2)).max()
    cutoff_A = shell.cutoff_A / max(1 - strain, 0.1) + 1e-3
    ion_moves_A, centre_moves_A = (
        _largest_moves_A(chunk.coordinates[:, atoms], middle, cell_A) for atoms in (shell.ions, shell.centres)
    )
    if cutoff_A + ion_moves_A.max() + centre_moves_A.max() >= half_width_A(cell_A):
        return np.arange(shell.n_pairs)  # beyond half the cell, overflow does not give the nearest image
    wrapped = chunk.wrapped[:, middle]
    apart = wrapped[:, shell.ions, None] - wrapped[:, None, shell.centres]
    reach_A = np.add.outer((cutoff_A + ion_moves_A).astype(np.float32), centre_moves_A.astype(np.float32))
    return np.flatnonzero(squared_A2(apart, cell_A) < reach_A**2)


def _largest_moves_A(fractional: np.ndarray, middle: int, cell_A: np.ndarray) -> np.ndarray:
    """Largest distance of each atom from its position in the middle frame, (atoms,)."""
    moves_A = (fractional - fractional[middle]) @ cell_A
    return np.sqrt(np.einsum("fax,fax->fa", moves_A, moves_A).max(axis=0))
