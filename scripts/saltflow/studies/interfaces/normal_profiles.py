"""Concentrations of atoms and of bonds along the normal, with errors over blocks of time and replicas."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list

from saltflow.statistics.block_averages import BlockAverages, estimate_averages, time_blocks
from saltflow.statistics.estimate import finite_list
from saltflow.studies.interfaces.bond_limits import bond_limits_A
from saltflow.studies.interfaces.reactions import Solid
from saltflow.trajectory.chunks import frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

WIDTH_A = 1.0
BETWEEN = "–"  # the elements of a bond
MOST_FRAMES = 500  # of each replica


def concentration_profiles(runs: Sequence[TrajectoryReader], solid: Solid) -> dict:
    """Atoms and bonds per nm³ over the height, in the second half of each run, in the frame of the solid.

    Heights begin in the middle of the vacuum below the solid. A bond, of `bond_limits_A`, counts at its middle.

    Args:
        runs: replicas of one state, of one size.
        solid: where the solid is; heights are those of its first frame.

    Returns:
        height_A (middles of bins of about 1 Å), and elements and bonds: element, or such as P–S → per_nm3 and
        error_per_nm3 (half width of the 68 % interval over five blocks of time, or over replicas where these differ
        more; None with one block).
    """
    period_A = float(runs[0].cells_A[0][2, 2])
    bins = max(1, round(period_A / WIDTH_A))
    blocks = BlockAverages()
    for number, run in enumerate(runs):
        _add(blocks, run, solid, bins=bins, replica=number)
    found = estimate_averages(blocks, lambda averages: averages)
    profiles = {
        name: {"per_nm3": estimate.value.tolist(), "error_per_nm3": finite_list(estimate.error)}
        for name, estimate in sorted(found.items())
        if estimate.value.any()
    }
    return {
        "height_A": (_lowest_A(solid, period_A) + (np.arange(bins) + 0.5) * period_A / bins).tolist(),
        "elements": {name: profile for name, profile in profiles.items() if BETWEEN not in name},
        "bonds": {name: profile for name, profile in profiles.items() if BETWEEN in name},
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
    drift_A, limits_A = _drift_before(run, solid, half), bond_limits_A(set(run.symbols))

    def place_of(heights_A: np.ndarray) -> np.ndarray:
        above_A = heights_A - drift_A - _lowest_A(solid, period_A)
        return (above_A % period_A / period_A * bins).astype(int) % bins

    for chunk in frame_chunks(run, frames, drift_weights=weights):
        for row, coordinates in enumerate(chunk.coordinates):
            if chunk.start + row in starts:
                blocks.begin(replica=replica)
            heights_A = {element: coordinates[symbols == element, 2] for element in np.unique(symbols).tolist()}
            atoms = Atoms(symbols, coordinates, cell=run.cells_A[0], pbc=True)
            heights_A |= _heights_of_bonds(atoms, limits_A)
            blocks.add(
                {name: np.bincount(place_of(heights), minlength=bins) / bin_nm3 for name, heights in heights_A.items()}
            )


def _heights_of_bonds(atoms: Atoms, limits_A: Mapping[tuple[str, str], float]) -> dict[str, np.ndarray]:
    """Such as P–S → heights of the middles of bonds."""
    first, second, between_A = neighbour_list("ijD", atoms, limits_A)
    once = first < second
    symbols = np.array(atoms.symbols)
    middles_A = atoms.positions[first[once], 2] + between_A[once, 2] / 2
    pairs = np.sort(np.stack([symbols[first[once]], symbols[second[once]]]), axis=0)
    names = np.char.add(np.char.add(pairs[0], BETWEEN), pairs[1])
    return {BETWEEN.join(pair): middles_A[names == BETWEEN.join(pair)] for pair in limits_A}


def _lowest_A(solid: Solid, period_A: float) -> float:
    return solid.planes_A[0] - (period_A - (solid.planes_A[-1] - solid.planes_A[0])) / 2


def drift_between(first: np.ndarray, then: np.ndarray, solid: Solid) -> float:
    """How far the solid has moved along the normal from some positions to others, (atoms, 3) each."""
    return float((np.asarray(then, float) - first)[solid.framework, 2].mean())


def _drift_before(run: TrajectoryReader, solid: Solid, frame: int) -> float:
    everything = slice(0, len(run.symbols))
    first, then = (run.read_positions_A(slice(index, index + 1), everything)[0] for index in (0, frame))
    return drift_between(first, then, solid)
