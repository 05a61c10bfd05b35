"""Concentrations along the normal, with errors over blocks of time and replicas."""

from collections.abc import Sequence

import numpy as np

from saltflow.statistics.block_averages import BlockAverages, estimate_averages, time_blocks
from saltflow.statistics.estimate import finite_list
from saltflow.studies.interfaces.reactions import Solid
from saltflow.trajectory.chunks import frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

WIDTH_A = 1.0
MOST_FRAMES = 500  # of each replica


def concentration_profiles(runs: Sequence[TrajectoryReader], solid: Solid) -> dict:
    """Atoms of each element per nm³ over the height, in the second half of each run, in the frame of the solid.

    Heights begin in the middle of the vacuum below the solid.

    Args:
        runs: replicas of one state, of one size.
        solid: where the solid is; heights are those of its first frame.

    Returns:
        height_A (middles of bins of about 1 Å), and elements: element → per_nm3 and error_per_nm3 (half width of
        the 68 % interval over five blocks of time, or over replicas where these differ more; None with one block).
    """
    period_A = float(runs[0].cells_A[0][2, 2])
    bins = max(1, round(period_A / WIDTH_A))
    blocks = BlockAverages()
    for number, run in enumerate(runs):
        _add(blocks, run, solid, bins=bins, replica=number)
    found = estimate_averages(blocks, lambda averages: averages)
    return {
        "height_A": (_lowest_A(solid, period_A) + (np.arange(bins) + 0.5) * period_A / bins).tolist(),
        "elements": {
            str(element): {"per_nm3": estimate.value.tolist(), "error_per_nm3": finite_list(estimate.error)}
            for element, estimate in sorted(found.items())
        },
    }


def _add(blocks: BlockAverages, run: TrajectoryReader, solid: Solid, *, bins: int, replica: int) -> None:
    symbols = np.array(run.symbols)
    period_A, area_A2 = float(run.cells_A[0][2, 2]), float(np.linalg.norm(np.cross(*run.cells_A[0][:2])))
    bin_nm3 = area_A2 * period_A / bins / 1000
    half = run.n_frames // 2
    step = max(1, (run.n_frames - half) // MOST_FRAMES)
    frames = range(half, run.n_frames, step)
    weights = np.where(solid.framework, 1 / solid.framework.sum(), 0.0)
    starts = {block[0] for block in time_blocks(np.arange(len(frames)))}
    drift_A = _drift_before(run, solid, half)
    for chunk in frame_chunks(run, frames, drift_weights=weights):
        for row, coordinates in enumerate(chunk.coordinates):
            if chunk.start + row in starts:
                blocks.begin(replica=replica)
            height_A = coordinates[:, 2] - drift_A - _lowest_A(solid, period_A)
            place = (height_A % period_A / period_A * bins).astype(int) % bins
            blocks.add(
                {
                    element: np.bincount(place[symbols == element], minlength=bins) / bin_nm3
                    for element in np.unique(symbols)
                }
            )


def _lowest_A(solid: Solid, period_A: float) -> float:
    return solid.planes_A[0] - (period_A - (solid.planes_A[-1] - solid.planes_A[0])) / 2


def drift_between(first: np.ndarray, then: np.ndarray, solid: Solid) -> float:
    """How far the solid has moved along the normal from some positions to others, (atoms, 3) each."""
    return float((np.asarray(then, float) - first)[solid.framework, 2].mean())


def _drift_before(run: TrajectoryReader, solid: Solid, frame: int) -> float:
    everything = slice(0, len(run.symbols))
    first, then = (run.read_positions_A(slice(index, index + 1), everything)[0] for index in (0, frame))
    return drift_between(first, then, solid)
