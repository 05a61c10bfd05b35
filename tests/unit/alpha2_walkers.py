"""Walkers whose non-Gaussian parameter and MSD are known, and how motion analysis compares with the truth."""

import numpy as np

from saltflow.analysis.motion.analysis import analyse_motion
from saltflow.trajectory.memory import Trajectory

EDGE_A, INTERVAL_PS, IONS, STEP_A = 20.0, 0.2, 24, 0.3
JUMPS_PER_PS, JUMP_A = 0.1, 3.0
SLOW_A = 0.1  # of every second ion on average, in `mixed`
SETTINGS = {
    "origins_per_replica": 150, "max_lag_fraction": 0.2, "van_hove_lags": 1, "van_hove_r_max_A": 5.0,
    "van_hove_bin_A": 1.0, "hop_window_ps": 2.0, "hop_length_A": 1.5, "concerted_time_ps": 2.0,
    "concerted_distance_A": 5.0, "string_distance_A": 1.5, "shuffles": 1, "site_radius_A": 1.5, "strings": False,
    "residence_maps": False,
}  # fmt: skip


def gaussian(rng, frames):
    return rng.normal(0, STEP_A, (frames, IONS, 3))


def one_dimensional(rng, frames):
    return gaussian(rng, frames) * [0, 0, 1]


def mixed(rng, frames):
    return gaussian(rng, frames) * np.where(rng.random((IONS, 1)) < 0.5, 1.0, SLOW_A / STEP_A)


def jumps(rng, frames):
    directions = rng.normal(size=(frames, IONS, 3))
    directions *= JUMP_A / np.linalg.norm(directions, axis=-1, keepdims=True)
    return directions * (rng.random((frames, IONS, 1)) < JUMPS_PER_PS * INTERVAL_PS)


def _mixed_truth(lags_ps):
    squares = np.array([STEP_A**2, SLOW_A**2])
    return np.mean(squares**2) / np.mean(squares) ** 2 - 1 + 0 * lags_ps


# Steps, and α2 at each lag: 3⟨r⁴⟩/(5⟨r²⟩²) − 1 with ⟨r⁴⟩ = 3⟨r²⟩² in one dimension; 3/(5Γt) of jumps at the rate Γ.
KINDS = {
    "Gaussian": (gaussian, lambda lags_ps: 0 * lags_ps),
    "1D": (one_dimensional, lambda lags_ps: 4 / 5 + 0 * lags_ps),
    "mixed": (mixed, _mixed_truth),
    "jumps": (jumps, lambda lags_ps: 3 / (5 * JUMPS_PER_PS * lags_ps)),
}


def walk(steps_A) -> Trajectory:
    """Li on its way among eight Cl at rest."""
    frames = len(steps_A)
    rest_A = np.tile(np.arange(8.0)[:, None] * np.ones(3), (frames, 1, 1))
    symbols = ("Li",) * IONS + ("Cl",) * 8
    return Trajectory(
        np.concatenate([np.cumsum(steps_A, axis=0), rest_A], axis=1), np.tile(np.eye(3) * EDGE_A, (frames, 1, 1)),
        INTERVAL_PS * np.arange(frames), symbols, np.ones(len(symbols)),
    )  # fmt: skip


def alpha2_deviations(kind: str, *, frames: int, replicas: int, seed: int) -> dict[str, float]:
    """(estimate − truth)/error of α2 of Li in the middle of the lags, in their logarithm, and at the longest."""
    rng, (steps, truth) = np.random.default_rng(seed), KINDS[kind]
    runs = [walk(steps(rng, frames)) for _ in range(replicas)]
    point = {"charges": {"Li": 1, "Cl": -1}, "mobile_ion": "Li", "temperature_K": 600.0}
    curves = analyse_motion(runs, **point, **SETTINGS)["curves"]
    lags_ps = np.array(curves["lags_ps"])
    value, error = (np.array(curves["alpha2"]["Li"][key]) for key in ("value", "error"))
    deviations = (value - truth(lags_ps)) / error
    return {"alpha2, middle": float(deviations[len(lags_ps) // 2]), "alpha2, longest": float(deviations[-1])}
