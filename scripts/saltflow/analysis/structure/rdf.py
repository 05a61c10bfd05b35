"""Short-range order: pair distribution functions, running coordination numbers and first-shell cut-offs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage, signal

from saltflow.analysis.structure.pair_counts import pair_counts
from saltflow.base.errors import SaltflowError
from saltflow.statistics.block_averages import TIME_BLOCKS, BlockAverages, chosen_frames, estimate_averages, time_blocks
from saltflow.statistics.estimate import Estimate
from saltflow.trajectory.cell_width import half_width_A
from saltflow.trajectory.chunks import FRACTIONAL, read_coordinates
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.state_point_checks import check_state_point

SCHEMA = 2
# Against false extrema of a noisy histogram, g(r) is smoothed over this width, and peaks have at least this prominence.
SMOOTHING_A = 0.06
PEAK_PROMINENCE = 0.15


@dataclass(frozen=True)
class PairAverages:
    """Pair histograms of every frame, in blocks of time.

    Args:
        species: elements in alphabetical order.
        edges_A: outer edges of the bins, (bins,).
        blocks: ("g",) pair distribution function and ("neighbours",) atoms of the second element in a bin around one
            of the first, both (species, species, bins).
        counts: atoms of each species, (species,).
        volume_A3: mean volume of the cells.
        half_width_A: half the smallest distance between opposite faces.
        note: why the distances end before r_max, or ''.
    """

    species: tuple[str, ...]
    edges_A: np.ndarray
    blocks: BlockAverages
    counts: np.ndarray
    volume_A3: float
    half_width_A: float
    note: str


def pair_distributions(
    trajectories: Sequence[TrajectoryReader], *, r_max_A: float, bin_width_A: float, frames_per_replica: int
) -> dict:
    """g(r), N(r) and first-shell coordination numbers of every pair of elements, averaged over replicas.

    Errors are standard errors over blocks of time and replicas. g of an ideal gas is 1 (an atom is not its own
    neighbour); N(r) of "A-B" is the number of B within r of an A.

    Args:
        trajectories: replicas of one composition; positions may be unwrapped.
        r_max_A: largest distance, at most half the smallest width of the cell; `note` tells where it was cut.
        bin_width_A: width of a bin.
        frames_per_replica: evenly spaced frames taken from each replica.

    Returns:
        JSON-able: r_A (bin centres), edges_A (outer edges, where N is given), pairs "A-B" with curves,
        first peak, first minimum and coordination number; None where g has none.

    Raises:
        SaltflowError: no trajectory, too few frames, other atoms, or a bin that is not smaller than r_max.
    """
    averages = pair_averages(
        trajectories, r_max_A=r_max_A, bin_width_A=bin_width_A, frames_per_replica=frames_per_replica
    )
    return pair_rows(averages)


def pair_averages(
    trajectories: Sequence[TrajectoryReader], *, r_max_A: float, bin_width_A: float, frames_per_replica: int
) -> PairAverages:
    """The histograms behind `pair_distributions`, with the same arguments."""
    _check_input(trajectories, r_max_A=r_max_A, bin_width_A=bin_width_A, frames_per_replica=frames_per_replica)
    widest_A = min(half_width_A(run.cells_A) for run in trajectories)
    bins = int(min(r_max_A, widest_A) / bin_width_A + 1e-9)
    if bins < 1:
        raise SaltflowError(
            f"Half the cell ({widest_A:.2f} Å) or r_max_A ({r_max_A:g} Å) is smaller than one bin of "
            f"{bin_width_A:g} Å; use a larger cell or a smaller bin_width_A."
        )
    edges_A = bin_width_A * np.arange(1, bins + 1)
    species = tuple(sorted(set(trajectories[0].symbols)))
    blocks, volumes_A3 = BlockAverages(), []
    for replica, run in enumerate(trajectories):
        for frames in time_blocks(chosen_frames(run.n_frames, frames_per_replica)):
            blocks.begin(replica=replica)
            for frame in frames:
                blocks.add(_histograms(run, int(frame), species, edges_A))
                volumes_A3.append(abs(np.linalg.det(run.cells_A[frame])))
    symbols = np.array(trajectories[0].symbols)
    return PairAverages(
        species=species,
        edges_A=edges_A,
        blocks=blocks,
        counts=np.array([int((symbols == element).sum()) for element in species]),
        volume_A3=float(np.mean(volumes_A3)),
        half_width_A=widest_A,
        note=_note(r_max_A, widest_A),
    )


def pair_rows(averages: PairAverages) -> dict:
    """Pair distributions as JSON."""
    edges_A, species = averages.edges_A, averages.species
    curves = estimate_averages(averages.blocks, _curves)
    replicas = averages.blocks.replicas
    return {
        "r_A": (edges_A - edges_A[0] / 2).tolist(),
        "edges_A": edges_A.tolist(),
        "r_max_A": float(edges_A[-1]),
        "note": averages.note,
        "cell_width_A": 2 * averages.half_width_A,
        "replicas": len(set(replicas.tolist())),
        "frames_per_replica": [
            int(averages.blocks.frames[replicas == replica].sum()) for replica in np.unique(replicas)
        ],
        "pairs": {
            f"{species[first]}-{species[second]}": _pair_row(curves, (first, second), edges_A)
            for first, second in product(range(len(species)), repeat=2)
        },
    }


def _curves(means: Mapping) -> dict:
    return {"g": means["g",], "N": np.cumsum(means["neighbours",], axis=-1)}


def _check_input(
    trajectories: Sequence[TrajectoryReader], *, r_max_A: float, bin_width_A: float, frames_per_replica: int
) -> None:
    check_state_point(trajectories)
    if not 0 < bin_width_A < r_max_A:
        raise SaltflowError(f"bin_width_A ({bin_width_A:g} Å) must lie between 0 and r_max_A ({r_max_A:g} Å).")
    for replica, run in enumerate(trajectories):
        if sorted(set(run.symbols)) != sorted(set(trajectories[0].symbols)):
            raise SaltflowError(f"Trajectory {replica} holds other elements than trajectory 0.")
        if min(run.n_frames, frames_per_replica) < TIME_BLOCKS:
            raise SaltflowError(
                f"Trajectory {replica} gives {min(run.n_frames, frames_per_replica)} frames for g(r); at least "
                f"{TIME_BLOCKS} are needed: run longer or raise frames_per_replica."
            )


def _note(r_max_A: float, widest_A: float) -> str:
    if r_max_A <= widest_A:
        return ""
    return (
        f"g(r) ends at {widest_A:.2f} Å instead of {r_max_A:g} Å: half the width of the cell, beyond which "
        "periodic images repeat."
    )


def _histograms(run: TrajectoryReader, frame: int, species: Sequence[str], edges_A: np.ndarray) -> dict:
    """g and neighbours per bin of one frame, as in `PairAverages`."""
    kinds = np.searchsorted(species, run.symbols)
    counts = np.bincount(kinds, minlength=len(species))
    cell_A = np.asarray(run.cells_A[frame], dtype=float)
    fractional = read_coordinates(run, range(frame, frame + 1), basis_A=FRACTIONAL)[0]
    pairs = pair_counts(
        fractional, kinds, cell_A, species=len(species), bins=len(edges_A), bin_width_A=float(edges_A[0])
    )
    shells_A3 = 4 / 3 * np.pi * np.diff(np.concatenate([[0.0], edges_A]) ** 3)
    possible = np.outer(counts, counts) - np.diag(counts)
    # A single atom has no pair with itself: its g stays zero.
    ideal = np.maximum(possible, 1)[..., None] * shells_A3 / abs(np.linalg.det(cell_A))
    return {("g",): pairs / ideal, ("neighbours",): pairs / counts[:, None, None]}


def _pair_row(curves: Mapping[str, Estimate], pair: tuple[int, int], edges_A: np.ndarray) -> dict:
    """Curves and first shell of one pair."""
    g, N = curves["g"].value[pair], curves["N"].value[pair]
    peak, minimum = first_shell(g, bin_width_A=float(edges_A[0]))
    centres_A = edges_A - edges_A[0] / 2
    row = {
        "g": g.tolist(),
        "g_error": curves["g"].error[pair].tolist(),
        "N": N.tolist(),
        "N_error": curves["N"].error[pair].tolist(),
        "first_peak_A": None if peak is None else float(centres_A[peak]),
        "first_minimum_A": None if minimum is None else float(edges_A[minimum]),
        "coordination": {"value": None, "error": None},
    }
    if minimum is not None:
        row["coordination"] = {"value": float(N[minimum]), "error": float(curves["N"].error[pair][minimum])}
    return row


def first_shell(g: np.ndarray, *, bin_width_A: float) -> tuple[int | None, int | None]:
    """Bins of the first peak of g(r) and of the first minimum.

    The minimum is the lowest point between the first two peaks. Without a second peak, g must rise again behind it, or
    fall to zero: otherwise it is not followed to the end of the shell.

    Args:
        g: pair distribution function, (bins,).
        bin_width_A: width of a bin.

    Returns:
        Indices; None where there is no such peak or minimum.
    """
    smooth = ndimage.gaussian_filter1d(g, SMOOTHING_A / bin_width_A, mode="nearest")
    prominence = PEAK_PROMINENCE * max(1.0, float(smooth.max()) / 4)
    peaks, _ = signal.find_peaks(np.append(smooth, smooth[-1]), prominence=prominence)
    if len(peaks) == 0:
        return None, None
    stop = peaks[1] if len(peaks) > 1 else len(smooth)
    lowest = int(peaks[0] + np.argmin(smooth[peaks[0] : stop]))
    rises_again = lowest < len(smooth) - 1 and smooth[lowest:].max() > smooth[lowest] + prominence / 2
    return int(peaks[0]), lowest if rises_again or smooth[lowest] == 0.0 else None
