"""Hop frequencies of ions and rotation frequencies of polyanions."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.geometry import find_mic

from saltflow.analysis.spectra.orientation import decay_time, orientation_correlation
from saltflow.trajectory.chunks import frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

FRAMES = 20_000  # largest number of sampled frames
# Longest lag of orientations, as a fraction of the run.
LONGEST_LAG = 0.5


def hop_frequency_per_ps(run: TrajectoryReader, *, mobile_ion: str, hop_length_A: float) -> float:
    """Hops of an ion per ps: the number of first passages over a distance a, per ion and time.

    For Brownian motion it is 6D/a²; jumps longer than a are counted one by one. Positions are relative to the centre of
    the other atoms.

    Args:
        run: unwrapped trajectory.
        mobile_ion: element of the ions.
        hop_length_A: the distance a.
    """
    mobile = np.array([symbol == mobile_ion for symbol in run.symbols])
    others = (~mobile).astype(float)
    hops, resting, steps = 0, None, 0
    for chunk in frame_chunks(run, _sampled(run), drift_weights=others / max(others.sum(), 1.0)):
        for positions_A in chunk.coordinates[:, mobile]:
            if resting is None:
                resting = positions_A.copy()
                continue
            steps += 1
            away = np.square(positions_A - resting).sum(-1) >= hop_length_A**2
            resting[away] = positions_A[away]
            hops += int(away.sum())
    duration_ps = steps * interval_ps(run)
    return hops / (int(mobile.sum()) * duration_ps) if duration_ps else float("nan")


def interval_ps(run: TrajectoryReader) -> float:
    """Time between two sampled frames."""
    return float(run.times_ps[-1] - run.times_ps[0]) / max(1, run.n_frames - 1) * _sampled(run).step


def orientation_correlations(run: TrajectoryReader, groups: Sequence[Sequence[int]]) -> dict:
    """C1(t) = ⟨u(0)·u(t)⟩ and C2(t) = ⟨3(u(0)·u(t))² − 1⟩/2 of all bonds u from the first atom of each group.

    Args:
        run: unwrapped trajectory.
        groups: atoms of each group, the centre first.

    Returns:
        lags_ps, C1, C2 as lists; tau1_ps, at which C1 falls to 1/e, None where it does not; frequency_per_ps, its
        inverse, or an upper bound (`is_bound`).
    """
    first = np.repeat([group[0] for group in groups], [len(group) - 1 for group in groups])
    second = np.concatenate([group[1:] for group in groups])
    chunks = frame_chunks(run, _sampled(run))
    vectors = np.concatenate([chunk.coordinates[:, second] - chunk.coordinates[:, first] for chunk in chunks])
    cell_A = np.asarray(run.cells_A).reshape(-1, 3, 3)[0]
    # In an unwrapped trajectory, the image of a ligand relative to its centre never changes.
    vectors += find_mic(vectors[0], cell_A, pbc=True)[0] - vectors[0]
    directions = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    lags = max(2, int(LONGEST_LAG * len(directions)))
    first_order, second_order = orientation_correlation(directions, lags=lags)
    times_ps = np.arange(lags) * interval_ps(run)
    decay_ps = decay_time(times_ps, first_order)
    shown = np.unique(np.geomspace(1, lags, 60).astype(int) - 1)
    return {
        "lags_ps": times_ps[shown].tolist(),
        "C1": first_order[shown].tolist(),
        "C2": second_order[shown].tolist(),
        "tau1_ps": decay_ps,
        "frequency_per_ps": 1 / (decay_ps or times_ps[-1]),
        "is_bound": decay_ps is None,
    }


def _sampled(run: TrajectoryReader) -> range:
    """The sampled frames, evenly spaced."""
    return range(0, run.n_frames, max(1, -(-run.n_frames // FRAMES)))


def frequencies_of_replicas(
    runs: Sequence[TrajectoryReader], groups: Sequence[Sequence[Mapping]], *, mobile_ion: str, hop_length_A: float
) -> dict:
    """Hop frequency of the ions and rotation frequency of every kind of group, over the replicas of a state point.

    Args:
        runs: free trajectory of each replica.
        groups: of each replica, with kind and atoms, from find_groups.
        mobile_ion, hop_length_A: see `hop_frequency_per_ps`.

    Returns:
        JSON-able: `hopping` and for each kind in `rotation` frequency_per_ps, its error in ln, and per_replica.
    """
    hops = [hop_frequency_per_ps(run, mobile_ion=mobile_ion, hop_length_A=hop_length_A) for run in runs]
    rotation = {}
    for kind in dict.fromkeys(group["kind"] for own in groups for group in own):
        turning = []
        for run, own in zip(runs, groups, strict=True):
            members = [group["atoms"] for group in own if group["kind"] == kind]
            if members:
                turning.append(orientation_correlations(run, members))
        rotation[kind] = {
            **_mean([each["frequency_per_ps"] for each in turning]),
            "is_bound": any(each["is_bound"] for each in turning),
            "curves": [{name: each[name] for name in ("lags_ps", "C1", "C2", "tau1_ps")} for each in turning],
        }
    return {"hopping": _mean(hops), "rotation": rotation}


def _mean(frequencies: Sequence[float]) -> dict:
    """Geometric mean over replicas, and its standard error in ln; None where undefined."""
    positive = [value for value in frequencies if np.isfinite(value) and value > 0]
    known = len(positive) == len(frequencies) > 0
    logs = np.log(positive) if known else np.array([])
    several = known and len(logs) > 1
    return {
        "frequency_per_ps": float(np.exp(logs.mean())) if known else None,
        "ln_error": float(logs.std(ddof=1) / np.sqrt(len(logs))) if several else None,
        "per_replica": [float(value) if np.isfinite(value) else None for value in frequencies],
    }
