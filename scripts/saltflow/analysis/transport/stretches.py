"""Stretches of a trajectory, read a few atoms at once: memory grows neither with its length nor with its atoms."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saltflow.analysis.transport.displacements import FULL_RATE_LAGS
from saltflow.trajectory.segments import Segment

log = logging.getLogger(__name__)

NEW_FRAMES = 5 * FULL_RATE_LAGS
ATOMS_PER_READ = 128  # the chunk of our H5MD files
VALUES_AT_ONCE = 2**17  # 1 MiB: small beside anything else, large beside the cost of a call


@dataclass(frozen=True)
class Stretch:
    """Evenly spaced frames of a segment: new ones, and those behind them that are only ends of intervals.

    Args:
        segment: where they are.
        stride: frames from one to the next.
        start: the first one, counted in strides, as the others.
        new: number of new frames.
        stop: end of the overlap.
        what: what is done, for the log.
    """

    segment: Segment
    stride: int
    start: int
    new: int
    stop: int
    what: str

    def series_A(self) -> Iterator[tuple[int, np.ndarray]]:
        """Positions relative to the segment's first frame, a few atoms of one species at once; logs how far it is.

        Yields:
            Index of the species, and (atoms, 3, frames).
        """
        atoms = len(self.segment.species_of)
        for first in range(0, atoms, ATOMS_PER_READ):
            group = slice(first, min(first + ATOMS_PER_READ, atoms))
            yield from self._series_of_group_A(group)
            self._log_progress(group.stop / atoms)

    def _series_of_group_A(self, group: slice) -> Iterator[tuple[int, np.ndarray]]:
        run, species_of = self.segment.run, self.segment.species_of[group]
        starts_A, positions_A = run.read_positions_A(self._first, group), run.read_positions_A(self._frames, group)
        atoms_at_once = max(1, VALUES_AT_ONCE // (3 * (self.stop - self.start)))
        for kind in np.unique(species_of):
            members = np.flatnonzero(species_of == kind)
            for few in np.array_split(members, -(-len(members) // atoms_at_once)):
                yield int(kind), self._in_mean_cell_A(_columns(positions_A, few), _columns(starts_A, few))

    def _log_progress(self, share: float) -> None:
        frames = -(-self.segment.n_frames // self.stride)
        if len(self.segment.species_of) > ATOMS_PER_READ or frames > NEW_FRAMES:
            percent = 100 * (self.start + share * self.new) / frames
            log.info("%s: replica %d, %.0f %%", self.what, self.segment.replica + 1, percent)

    @property
    def _first(self) -> slice:
        return slice(self.segment.first, self.segment.first + 1)

    @property
    def _frames(self) -> slice:
        first, end = self.segment.first, self.segment.first + self.segment.n_frames
        return slice(first + self.start * self.stride, min(first + self.stop * self.stride, end), self.stride)

    def _in_mean_cell_A(self, positions_A: np.ndarray, starts_A: np.ndarray) -> np.ndarray:
        if self._to_mean_cell is None:
            return np.subtract(positions_A, starts_A, dtype=float, order="C")
        start_A = np.einsum("aj,jk->ak", starts_A[:, :, 0], self._start_to_mean_cell)
        moved_A = np.empty(positions_A.shape)
        for axis in range(3):
            moved_A[:, axis] = -start_A[:, axis, None]
            for component in range(3):
                moved_A[:, axis] += positions_A[:, component] * self._to_mean_cell[component, axis]
        return moved_A

    @cached_property
    def _to_mean_cell(self) -> np.ndarray | None:
        """What turns a row of positions into the mean cell, (3, 3, frames); None where the cell is always the same."""
        if not self.segment.breathes:
            return None
        return np.moveaxis(np.linalg.inv(self.segment.run.cells_A[self._frames]) @ self.segment.mean_cell_A, 0, -1)

    @cached_property
    def _start_to_mean_cell(self) -> np.ndarray:
        return np.linalg.inv(self.segment.run.cells_A[self.segment.first]) @ self.segment.mean_cell_A


def stretches(segment: Segment, *, overlap: int, stride: int = 1, what: str) -> Iterator[Stretch]:
    """The stretches that cover a segment.

    Args:
        segment: the segment.
        overlap: frames beyond the new ones, counted in strides; fewer at the end.
        stride: frames from one to the next.
        what: what is done, for the log.
    """
    frames, start = -(-segment.n_frames // stride), 0
    while start < frames:
        stop = min(start + NEW_FRAMES + overlap, frames)
        new = stop - start if stop == frames else NEW_FRAMES
        yield Stretch(segment, stride, start, new, stop, what)
        start += new


def _columns(positions_A: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Some atoms of (frames, atoms, 3) as (atoms, 3, frames)."""
    together = atoms[-1] - atoms[0] == len(atoms) - 1
    chosen_A = positions_A[:, atoms[0] : atoms[-1] + 1] if together else positions_A[:, atoms]
    return chosen_A.transpose(1, 2, 0)
