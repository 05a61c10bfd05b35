"""How thick the zone is in which the atoms of two solids mix, over time, and whether it grows."""

from collections.abc import Sequence

import numpy as np

from saltflow.statistics.estimate import finite_list
from saltflow.statistics.jackknife import mean_and_error
from saltflow.studies.interfaces.normal_profiles import drift_between
from saltflow.studies.interfaces.reactions import Solid
from saltflow.trajectory.chunks import frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

WIDTH_A = 0.5
BLOCKS = 10
GROWS, STEADY, SHORT = "grows", "does not grow", "fewer than 4 blocks"
SIGNIFICANT = 3.0  # standard errors of the slope


def interphase_thickness(runs: Sequence[TrajectoryReader], solid: Solid, lower: np.ndarray, upper: np.ndarray) -> dict:
    """w = 4 ∫ φ(1 − φ) dz, where φ(z) is the share of the lower solid, in ten blocks of time.

    For φ = [1 − tanh(2z/w)]/2 this is w. The slope of w² over time is the rate constant of parabolic growth.

    Args:
        runs: replicas.
        solid: heights are in its frame.
        lower, upper: atoms of each that are counted, (atoms,).

    Returns:
        times_ps, thickness_A, thickness_error_A (over replicas, None with one), growth_A2_per_ps with
        growth_error_A2_per_ps (standard error of the straight line), and status: grows where the slope is three
        standard errors above 0.
    """
    of_runs = [_of_blocks(run, solid, lower, upper) for run in runs]
    times_ps = of_runs[0][0]
    thickness_A, error_A = mean_and_error([each[1][: len(times_ps)] for each in of_runs])
    found = {
        "times_ps": times_ps.tolist(),
        "thickness_A": thickness_A.tolist(),
        "thickness_error_A": finite_list(error_A),
    }
    if len(times_ps) < 4:
        return found | {"growth_A2_per_ps": None, "growth_error_A2_per_ps": None, "status": SHORT}
    (slope, _), covariance = np.polyfit(times_ps, thickness_A**2, 1, cov=True)
    error = float(np.sqrt(covariance[0, 0]))
    return found | {
        "growth_A2_per_ps": float(slope),
        "growth_error_A2_per_ps": error,
        "status": GROWS if slope > SIGNIFICANT * error else STEADY,
    }


def _of_blocks(
    run: TrajectoryReader, solid: Solid, lower: np.ndarray, upper: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and thickness of each block."""
    period_A = float(run.cells_A[0][2, 2])
    bins = max(1, round(period_A / WIDTH_A))
    blocks = np.array_split(np.arange(run.n_frames), min(BLOCKS, run.n_frames))
    block_of = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    counts = np.zeros((2, len(blocks), bins))
    first = None
    for chunk in frame_chunks(run, range(run.n_frames)):
        for row, positions in enumerate(chunk.coordinates):
            first = positions if first is None else first
            heights_A = positions[:, 2] - drift_between(first, positions, solid)
            place = (heights_A % period_A / period_A * bins).astype(int) % bins
            for kind, chosen in enumerate((lower, upper)):
                counts[kind, block_of[chunk.start + row]] += np.bincount(place[chosen], minlength=bins)
    total = counts.sum(axis=0)
    share = np.divide(counts[0], total, out=np.zeros_like(total), where=total > 0)
    thickness_A = 4 * (share * (1 - share)).sum(axis=1) * period_A / bins
    return np.array([run.times_ps[block].mean() for block in blocks]), thickness_A
