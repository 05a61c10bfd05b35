"""Positions of a trajectory in chunks: frames of all atoms, or long series of a few atoms.

This module alone decides how much is read at once; memory grows neither with the frames nor with the atoms.

Positions are returned as fractional coordinates times a basis. With `FRACTIONAL`, the identity, they stay fractional.
With the mean cell they are in Å, and a breathing cell moves no atom. Without a basis they are as written.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saltflow.trajectory.h5md import CHUNK_ATOMS, CHUNK_FRAMES
from saltflow.trajectory.memory import TrajectoryReader

log = logging.getLogger(__name__)

FRACTIONAL = np.eye(3)
COORDINATES_PER_CHUNK = 1_200_000  # 10 MB
FRAMES_PER_SERIES = 100_000
COORDINATES_PER_SERIES = 2**17  # 1 MiB: small beside anything else, large beside the cost of a call


@dataclass(frozen=True)
class FrameChunk:
    """Some frames of all atoms.

    Args:
        start: number of the first frame, counted in the frames that are read.
        coordinates: (frames, atoms, 3), in Å; fractional where the basis is `FRACTIONAL`.
        cells_A: cell vectors as rows, (frames, 3, 3).
    """

    start: int
    coordinates: np.ndarray
    cells_A: np.ndarray


def read_coordinates(run: TrajectoryReader, frames: range, *, basis_A: np.ndarray | None = None) -> np.ndarray:
    """Coordinates of all atoms in some frames, (frames, atoms, 3), in double precision.

    Args:
        run: the trajectory.
        frames: evenly spaced.
        basis_A: vectors as rows, (3, 3); None leaves positions as written.
    """
    return _in_basis(_read_positions_A(run, frames), _to_basis(run, frames, basis_A))


def frame_chunks(
    run: TrajectoryReader,
    frames: range,
    *,
    basis_A: np.ndarray | None = None,
    drift_weights: np.ndarray | None = None,
    most_frames: int | None = None,
) -> Iterator[FrameChunk]:
    """Frames of all atoms, some at a time.

    Args:
        run: the trajectory.
        frames: evenly spaced.
        basis_A: as for `read_coordinates`.
        drift_weights: weight of each atom in the centre that is kept where it is in the first frame, (atoms,); None
            subtracts no drift.
        most_frames: longest chunk that the analysis can use.
    """
    rows = max(1, COORDINATES_PER_CHUNK // (3 * len(run.symbols) * frames.step * CHUNK_FRAMES)) * CHUNK_FRAMES
    rows = min(rows, most_frames or rows)
    first_centre = None
    for start in range(0, len(frames), rows):
        here = frames[start : start + rows]
        coordinates = read_coordinates(run, here, basis_A=basis_A)
        if drift_weights is not None:
            centres = np.einsum("a,fax->fx", drift_weights, coordinates)
            first_centre = centres[0] if first_centre is None else first_centre
            coordinates -= (centres - first_centre)[:, None]
        yield FrameChunk(start, coordinates, np.asarray(run.cells_A[_as_slice(here)], dtype=float))


def framework_weights(run: TrajectoryReader, mobile_ion: str) -> np.ndarray:
    """Mass of each framework atom over that of the framework, (atoms,); 0 for mobile ions, and without a framework."""
    masses_u = np.where(np.array(run.symbols) == mobile_ion, 0.0, run.masses_u)
    return masses_u / (masses_u.sum() or 1.0)


@dataclass(frozen=True)
class SeriesChunk:
    """A window of time that is read a few atoms at once: new frames, then frames that only end intervals.

    Args:
        run: the trajectory.
        frames: all frames of the series, evenly spaced.
        kinds: kind of each atom, (atoms,).
        basis_A: as for `read_coordinates`.
        start: number of the first new frame, counted in `frames`.
        new: number of new frames.
        stop: end of the overlap.
        task: what is done, for the log.
    """

    run: TrajectoryReader
    frames: range
    kinds: np.ndarray
    basis_A: np.ndarray | None
    start: int
    new: int
    stop: int
    task: str

    def series_A(self) -> Iterator[tuple[int, np.ndarray]]:
        """Positions relative to the first frame of the series, a few atoms of one kind at once; logs the progress.

        Yields:
            Kind, and (atoms, 3, frames).
        """
        atoms = len(self.kinds)
        for first in range(0, atoms, CHUNK_ATOMS):
            group = slice(first, min(first + CHUNK_ATOMS, atoms))
            yield from self._series_of_group_A(group)
            self._log_progress(group.stop / atoms)

    def _series_of_group_A(self, group: slice) -> Iterator[tuple[int, np.ndarray]]:
        kinds = self.kinds[group]
        origins_A = _in_basis(self.run.read_positions_A(_as_slice(self.frames[:1]), group), self._origin_to_basis)[0]
        positions_A = self.run.read_positions_A(_as_slice(self._window), group)
        atoms_at_once = max(1, COORDINATES_PER_SERIES // (3 * len(self._window)))
        for kind in np.unique(kinds):
            members = np.flatnonzero(kinds == kind)
            for few in np.array_split(members, -(-len(members) // atoms_at_once)):
                moved_A = np.empty((len(few), 3, len(self._window)))
                _in_basis(_some_atoms(positions_A, few), self._window_to_basis, out=moved_A.transpose(2, 0, 1))
                moved_A -= origins_A[few, :, None]
                yield int(kind), moved_A

    def _log_progress(self, share: float) -> None:
        if len(self.kinds) > CHUNK_ATOMS or len(self.frames) > FRAMES_PER_SERIES:
            log.info("%s, %.0f %%", self.task, 100 * (self.start + share * self.new) / len(self.frames))

    @property
    def _window(self) -> range:
        return self.frames[self.start : self.stop]

    @cached_property
    def _window_to_basis(self) -> np.ndarray | None:
        return _to_basis(self.run, self._window, self.basis_A)

    @cached_property
    def _origin_to_basis(self) -> np.ndarray | None:
        return _to_basis(self.run, self.frames[:1], self.basis_A)


def series_chunks(
    run: TrajectoryReader,
    frames: range,
    kinds: np.ndarray,
    *,
    basis_A: np.ndarray | None,
    overlap: int,
    multiple_of: int = 1,
    task: str,
) -> Iterator[SeriesChunk]:
    """The windows of time that cover a series.

    Args:
        run, frames, kinds, basis_A, task: as for `SeriesChunk`.
        overlap: frames beyond the new ones; fewer at the end.
        multiple_of: the number of new frames is a multiple of this, but at the end.
    """
    most, start = max(1, FRAMES_PER_SERIES // multiple_of) * multiple_of, 0
    while start < len(frames):
        stop = min(start + most + overlap, len(frames))
        new = stop - start if stop == len(frames) else most
        yield SeriesChunk(run, frames, kinds, basis_A, start, new, stop, task)
        start += new


def _read_positions_A(run: TrajectoryReader, frames: range) -> np.ndarray:
    if frames.step < CHUNK_FRAMES:
        # Skipped frames lie in the same file chunks: reading them as well is faster.
        return run.read_positions_A(slice(frames[0], frames[-1] + 1), slice(None))[:: frames.step]
    return run.read_positions_A(_as_slice(frames), slice(None))


def _to_basis(run: TrajectoryReader, frames: range, basis_A: np.ndarray | None) -> np.ndarray | None:
    """The matrix that takes a position, a row, to the basis, (frames, 3, 3)."""
    return None if basis_A is None else np.linalg.inv(run.cells_A[_as_slice(frames)]) @ basis_A


def _in_basis(positions_A: np.ndarray, to_basis: np.ndarray | None, *, out: np.ndarray | None = None) -> np.ndarray:
    """Positions times the matrices of their frames, (frames, atoms, 3), in double precision."""
    if to_basis is not None:
        return np.matmul(positions_A, to_basis, out=out)
    if out is None:
        return positions_A.astype(float)
    out[...] = positions_A
    return out


def _some_atoms(positions_A: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Some atoms of (frames, atoms, 3), ascending; a view where they follow each other."""
    together = atoms[-1] - atoms[0] == len(atoms) - 1
    return positions_A[:, atoms[0] : atoms[-1] + 1] if together else positions_A[:, atoms]


def _as_slice(frames: range) -> slice:
    return slice(frames.start, frames.stop, frames.step)
