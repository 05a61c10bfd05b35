"""Replicas are independent: one run given twice, under any name, in any format or in part, is refused."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.chunks import FRACTIONAL, read_coordinates
from saltflow.trajectory.memory import TrajectoryReader

TOLERANCE_A = 2e-3
ATOMS_COMPARED = 4


def refuse_same_run(trajectories: Sequence[TrajectoryReader], names: Sequence[str]) -> None:
    """Check that no trajectory holds the middle or the last frame of another; replicas may share their first.

    Raises:
        SaltflowError: one does.
    """
    for first, second in permutations(range(len(trajectories)), 2):
        run, other = trajectories[first], trajectories[second]
        if run.symbols != other.symbols or run.n_frames < 2:
            continue
        if any(_holds(other, run, frame) for frame in {run.n_frames // 2, run.n_frames - 1}):
            raise SaltflowError(
                f"{names[first]} and {names[second]} hold the same frames; replicas must be independent runs: give "
                "each run once, and the parts of one run in one file."
            )


def _holds(other: TrajectoryReader, run: TrajectoryReader, frame: int) -> bool:
    """Whether another trajectory holds a frame: found by a few atoms, confirmed by all."""
    wanted = read_coordinates(run, range(frame, frame + 1), basis_A=FRACTIONAL)[0]
    few_A = other.read_positions_A(slice(None), slice(0, ATOMS_COMPARED))
    few = few_A @ np.linalg.inv(other.cells_A)
    alike = _largest_distance_A(few - wanted[:ATOMS_COMPARED], run.cells_A[frame]) < TOLERANCE_A
    return any(
        _largest_distance_A(
            read_coordinates(other, range(found, found + 1), basis_A=FRACTIONAL) - wanted, run.cells_A[frame]
        )[0]
        < TOLERANCE_A
        for found in np.flatnonzero(alike).tolist()
    )


def _largest_distance_A(apart: np.ndarray, cell_A: np.ndarray) -> np.ndarray:
    """Of fractional differences to the nearest image, (frames, atoms, 3) → (frames,)."""
    return np.linalg.norm((apart - np.rint(apart)) @ cell_A, axis=-1).max(axis=-1)
