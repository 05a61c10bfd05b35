"""Short-range order: pair distribution functions, running coordination numbers and first-shell cut-offs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage, signal, stats

from saltflow.errors import SaltflowError
from saltflow.trajectory import Run

SCHEMA = 1
TIME_BLOCKS = 5
# Noise in a histogram makes false extrema: g(r) is smoothed over this width before they are sought, and a
# peak counts when it stands out by this much.
SMOOTHING_A = 0.06
PEAK_PROMINENCE = 0.15


@dataclass(frozen=True)
class _Histograms:
    """Pair histograms per group of frames.

    Args:
        g: pair distribution function, (groups, species, species, bins).
        N: running coordination number at the outer edges, (groups, species, species, bins).
    """

    g: np.ndarray
    N: np.ndarray


def pair_distributions(
    trajectories: Sequence[Run], *, r_max_A: float, bin_width_A: float, frames_per_glass: int
) -> dict:
    """g(r), N(r) and first-shell coordination numbers of every pair of elements, averaged over glasses.

    The error is the standard error over glasses, or over blocks of time of a single glass, times the
    Student factor of so few. g is normalised so that an ideal gas gives 1 (an atom is not its own
    neighbour), N(r) of "A-B" counts the B within r of an A.

    Args:
        trajectories: glasses of one composition; positions may be unwrapped.
        r_max_A: largest distance; beyond half the smallest width of the cell periodic images repeat, so
            that it is cut there and `note` says so.
        bin_width_A: width of a bin.
        frames_per_glass: evenly spaced frames taken from each glass.

    Returns:
        JSON-able: r_A (bin centres), edges_A (outer edges, where N is given), pairs "A-B" with curves,
        first peak, first minimum and coordination number, None where g shows none.

    Raises:
        SaltflowError: no trajectory, too few frames, other atoms, or a bin that is not smaller than r_max.
    """
    _check_input(trajectories, r_max_A=r_max_A, bin_width_A=bin_width_A, frames_per_glass=frames_per_glass)
    widest_A = min(_half_width_A(run.cells_A) for run in trajectories)
    bins = int(min(r_max_A, widest_A) / bin_width_A + 1e-9)
    if bins < 1:
        raise SaltflowError(
            f"Half the cell ({widest_A:.2f} Å) or r_max_A ({r_max_A:g} Å) is smaller than one bin of "
            f"{bin_width_A:g} Å; use a larger cell or a smaller bin_width_A."
        )
    edges_A = bin_width_A * np.arange(1, bins + 1)
    species = sorted(set(trajectories[0].symbols))
    histograms = _group_histograms(trajectories, species, edges_A, frames_per_glass=frames_per_glass)
    centres_A = edges_A - bin_width_A / 2
    return {
        "schema": SCHEMA,
        "r_A": centres_A.tolist(),
        "edges_A": edges_A.tolist(),
        "r_max_A": float(edges_A[-1]),
        "note": _note(r_max_A, widest_A),
        "glasses": len(trajectories),
        "frames_per_glass": [len(_chosen_frames(run, frames_per_glass)) for run in trajectories],
        "error_basis": "glasses" if len(trajectories) > 1 else "blocks of time",
        "pairs": {
            f"{species[a]}-{species[b]}": _pair_row(histograms.g[:, a, b], histograms.N[:, a, b], edges_A)
            for a, b in product(range(len(species)), repeat=2)
        },
    }


def _check_input(trajectories: Sequence[Run], *, r_max_A: float, bin_width_A: float, frames_per_glass: int) -> None:
    if not trajectories:
        raise SaltflowError("The structure needs at least one trajectory; run the molecular dynamics first.")
    if not 0 < bin_width_A < r_max_A:
        raise SaltflowError(f"bin_width_A ({bin_width_A:g} Å) must lie between 0 and r_max_A ({r_max_A:g} Å).")
    for glass, run in enumerate(trajectories):
        if sorted(set(run.symbols)) != sorted(set(trajectories[0].symbols)):
            raise SaltflowError(f"Trajectory {glass} holds other elements than trajectory 0.")
        if min(run.n_frames, frames_per_glass) < TIME_BLOCKS:
            raise SaltflowError(
                f"Trajectory {glass} gives {min(run.n_frames, frames_per_glass)} frames for g(r); at least "
                f"{TIME_BLOCKS} are needed: run longer or raise frames_per_glass."
            )


def _half_width_A(cells_A: np.ndarray) -> float:
    """Half the smallest distance between opposite faces over all frames.

    Within it the nearest image of a pair is unique and found by rounding fractional coordinates, however
    skewed the cell: a vector shorter than half the width has every fractional coordinate below one half.
    """
    return float(0.5 / np.linalg.norm(np.linalg.inv(cells_A), axis=1).max())


def _note(r_max_A: float, widest_A: float) -> str:
    if r_max_A <= widest_A:
        return ""
    return (
        f"g(r) ends at {widest_A:.2f} Å instead of {r_max_A:g} Å: half the width of the cell, beyond which "
        "periodic images repeat."
    )


def _chosen_frames(run: Run, frames: int) -> np.ndarray:
    return np.unique(np.linspace(0, run.n_frames - 1, min(frames, run.n_frames)).round().astype(int))


def _group_histograms(
    trajectories: Sequence[Run], species: Sequence[str], edges_A: np.ndarray, *, frames_per_glass: int
) -> _Histograms:
    frames = [_chosen_frames(run, frames_per_glass) for run in trajectories]
    if len(trajectories) > 1:
        groups = list(zip(trajectories, frames, strict=True))
    else:
        groups = [(trajectories[0], part) for part in np.array_split(frames[0], TIME_BLOCKS)]
    parts = [_mean_histograms(run, chosen, species, edges_A) for run, chosen in groups]
    return _Histograms(np.stack([g for g, _ in parts]), np.stack([N for _, N in parts]))


def _mean_histograms(
    run: Run, frames: np.ndarray, species: Sequence[str], edges_A: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """g and N averaged over frames, each (species, species, bins)."""
    atoms = [np.flatnonzero(np.array(run.symbols) == symbol) for symbol in species]
    counts = np.array([len(indices) for indices in atoms])
    neighbours = np.zeros((len(species), len(species), len(edges_A)))
    scaled = np.zeros_like(neighbours)
    for frame in frames:
        cell_A = np.asarray(run.cells_A[frame], dtype=float)
        positions_A = run.read_positions_A(slice(frame, frame + 1), slice(None))[0]
        fractional = np.asarray(positions_A, dtype=float) @ np.linalg.inv(cell_A)
        pairs = _pair_counts([fractional[indices] for indices in atoms], cell_A, edges_A)
        neighbours += pairs
        scaled += pairs * abs(np.linalg.det(cell_A))
    shells_A3 = 4 / 3 * np.pi * np.diff(np.concatenate([[0.0], edges_A]) ** 3)
    possible = np.outer(counts, counts) - np.diag(counts)
    # A species with one atom has no pair with itself: zero neighbours, and g stays zero.
    ideal = np.maximum(possible, 1)[..., None] * shells_A3
    per_atom = neighbours / counts[:, None, None]
    return scaled / ideal / len(frames), np.cumsum(per_atom, axis=-1) / len(frames)


def _pair_counts(fractional: Sequence[np.ndarray], cell_A: np.ndarray, edges_A: np.ndarray) -> np.ndarray:
    """Ordered pairs of each two species per bin, (species, species, bins)."""
    counts = np.zeros((len(fractional), len(fractional), len(edges_A)))
    for a, first in enumerate(fractional):
        for b in range(a, len(fractional)):
            vectors = first[:, None] - fractional[b]
            vectors -= np.rint(vectors)
            vectors_A = vectors @ cell_A
            distances_A = np.sqrt(np.einsum("ijk,ijk->ij", vectors_A, vectors_A))
            if a == b:
                np.fill_diagonal(distances_A, np.inf)
            inside = distances_A[distances_A < edges_A[-1]]
            bins = np.minimum((inside / edges_A[0]).astype(int), len(edges_A) - 1)
            counts[a, b] = np.bincount(bins, minlength=len(edges_A))
            counts[b, a] = counts[a, b]
    return counts


def _pair_row(g: np.ndarray, N: np.ndarray, edges_A: np.ndarray) -> dict:
    """Curves and first shell of one pair from its groups, each (groups, bins)."""
    mean_g = g.mean(axis=0)
    peak, minimum = first_shell(mean_g, bin_width_A=float(edges_A[0]))
    centres_A = edges_A - edges_A[0] / 2
    row = {
        "g": mean_g.tolist(),
        "g_error": _standard_error(g).tolist(),
        "N": N.mean(axis=0).tolist(),
        "N_error": _standard_error(N).tolist(),
        "first_peak_A": None if peak is None else float(centres_A[peak]),
        "first_minimum_A": None if minimum is None else float(edges_A[minimum]),
        "coordination": {"value": None, "error": None},
    }
    if minimum is not None:
        error = float(_standard_error(N)[minimum])
        row["coordination"] = {"value": float(N[:, minimum].mean()), "error": error}
    return row


def _standard_error(groups: np.ndarray) -> np.ndarray:
    factor = stats.t.ppf(stats.norm.cdf(1.0), len(groups) - 1)
    return factor * groups.std(axis=0, ddof=1) / np.sqrt(len(groups))


def first_shell(g: np.ndarray, *, bin_width_A: float) -> tuple[int | None, int | None]:
    """Bins of the first peak of g(r) and of the minimum behind it.

    The minimum is the lowest point between the first two peaks; without a second peak there is none, for
    the curve has not been followed to the end of the shell.

    Args:
        g: pair distribution function, (bins,).
        bin_width_A: width of a bin.

    Returns:
        Indices, None where there is no such peak or minimum.
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
