"""Trajectories piece by piece, in the frame of reference of the framework."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saltflow.trajectory.segments import Segment, System

COORDINATES_PER_STRETCH = 1_200_000  # 10 MB
CHUNK_FRAMES = 32  # of our H5MD files


@dataclass(frozen=True)
class Stretch:
    """Some consecutive frames of all atoms.

    Args:
        start: number of the first frame.
        positions_A: unwrapped, in the mean cell, without the drift of the framework, (frames, atoms, 3).
    """

    start: int
    positions_A: np.ndarray


def read_stretches(segment: Segment, system: System) -> Iterator[Stretch]:
    """A segment, so many frames at a time that memory stays small.

    The drift is that of the centre of mass of all atoms but the mobile ones; there is none without such atoms. A
    breathing cell moves nothing by itself: fractional coordinates times the mean cell are positions.
    """
    atoms = len(segment.species_of)
    weights = system.framework_weights[segment.species_of]
    frames = max(1, COORDINATES_PER_STRETCH // (3 * atoms * CHUNK_FRAMES)) * CHUNK_FRAMES
    centre_A = None
    for start in range(0, segment.n_frames, frames):
        span = slice(segment.first + start, segment.first + min(start + frames, segment.n_frames))
        positions_A = segment.run.read_positions_A(span, slice(None)).astype(float)
        if segment.breathes:
            positions_A = positions_A @ (np.linalg.inv(segment.run.cells_A[span]) @ segment.mean_cell_A)
        centres_A = np.einsum("a,fax->fx", weights, positions_A)
        centre_A = centres_A[0] if centre_A is None else centre_A
        yield Stretch(start, positions_A - (centres_A - centre_A)[:, None])
