"""The parts of the spectra as JSON: means over replicas with errors, and flags where data do not suffice."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from saltflow.analysis.spectra import dynamic_structure as scattering
from saltflow.analysis.spectra.correlation import integral
from saltflow.analysis.spectra.orientation import decay_time, orientation_correlation, read_bonds
from saltflow.analysis.spectra.polyanion_groups import PolyanionGroup
from saltflow.analysis.spectra.self_scattering import mean_self_scattering, self_scattering
from saltflow.analysis.spectra.vibrations import (
    MOTIONS,
    VelocityWindow,
    mean_frequency_THz,
    modes_of_species,
    of_polyanions,
    of_species,
    share_near_the_end,
)
from saltflow.statistics.estimate import finite
from saltflow.statistics.jackknife import mean_and_error
from saltflow.trajectory.h5md import TrajectoryFile
from saltflow.trajectory.memory import TrajectoryReader

FEWEST_LAGS = 4
# S(q, ω) is negligible above this.
FASTEST_DENSITY_THZ = 25.0
# Limits beyond which a spectrum is flagged.
MOST_AT_THE_END = 0.01
LARGEST_IMBALANCE = 0.1


def vibrations_part(
    runs: Sequence[TrajectoryFile],
    groups: Sequence[Sequence[PolyanionGroup]],
    *,
    temperature_K: float,
    correlation_ps: float,
) -> dict:
    """Vibrational densities of states by species, and by motions of polyanions."""
    if not runs:
        return {"flags": []}
    windows, groups = _windows(runs, groups, correlation_ps)
    if windows[0].lags < FEWEST_LAGS:
        return {"flags": [f"Velocities of {runs[0].n_frames} frames are too short for a spectrum; record longer."]}
    frequencies = windows[0].frequencies_THz
    states = [of_species(window, temperature_K=temperature_K) for window in windows]
    expected = modes_of_species(runs[0])
    species = {
        name: _states_row([each[name] for each in states], frequencies, expected[name]) for name in sorted(states[0])
    }
    part = {
        "frequencies_THz": _numbers(frequencies),
        "resolution_THz": 1 / ((windows[0].lags - 1) * windows[0].interval_ps),
        "window_ps": float(runs[0].times_ps[-1] - runs[0].times_ps[0]),
        "species": species,
        "polyanions": _polyanion_rows(windows, groups, temperature_K),
    }
    total = np.mean([sum(each.values()) for each in states], axis=0)
    return part | {"flags": _vibration_flags(part, total, correlation_ps)}


def _windows(
    runs: Sequence[TrajectoryFile], groups: Sequence[Sequence[PolyanionGroup]], correlation_ps: float
) -> tuple[list[VelocityWindow], list[Sequence[PolyanionGroup]]]:
    """One window per replica, or both halves of one replica; lags up to half a window."""
    halves = 2 if len(runs) == 1 else 1
    frames = min(run.n_frames for run in runs) // halves
    interval_ps = float(np.diff(runs[0].times_ps[:2])[0])
    lags = min(round(correlation_ps / interval_ps) + 1, frames // 2)
    windows = [
        VelocityWindow(run, slice(half * frames, (half + 1) * frames), lags) for run in runs for half in range(halves)
    ]
    return windows, [each for each in groups for _ in range(halves)]


def _states_row(states: Sequence[np.ndarray], frequencies: np.ndarray, expected: float) -> dict:
    spacing = float(frequencies[1])
    mean, error = mean_and_error(np.stack(states))
    modes, modes_error = mean_and_error(np.array([integral(each, spacing) for each in states]))
    return {
        "states_1_THz": _numbers(mean),
        "error": _numbers(error),
        "modes": {"value": finite(modes), "error": finite(modes_error), "expected": expected},
        "mean_frequency_THz": finite(mean_frequency_THz(frequencies, mean)),
    }


def _polyanion_rows(
    windows: Sequence[VelocityWindow], groups: Sequence[Sequence[PolyanionGroup]], temperature_K: float
) -> dict:
    found = [
        of_polyanions(window, each, temperature_K=temperature_K) for window, each in zip(windows, groups, strict=True)
    ]
    rows = {}
    for name in sorted({kind for each in found for kind in each}):
        same = [each[name] for each in found if name in each]
        angular, error = mean_and_error(np.array([each.angular_rms_THz for each in same]))
        rows[name] = {
            "motions": {
                motion: _states_row(
                    [each.states[motion] for each in same], windows[0].frequencies_THz, same[0].modes[motion]
                )
                for motion in MOTIONS
            },
            "angular_velocity_rms_THz": {"value": finite(angular), "error": finite(error)},
        }
    return rows


def _vibration_flags(part: dict, total: np.ndarray, correlation_ps: float) -> list[str]:
    flags = []
    if part["resolution_THz"] > 1.05 / correlation_ps:
        flags.append(
            f"Velocities over {part['window_ps']:.3g} ps resolve {part['resolution_THz']:.3g} THz instead of "
            f"{1 / correlation_ps:.3g}; record longer (dynamics.production.velocities.duration_ps)."
        )
    share = share_near_the_end(total)
    if share > MOST_AT_THE_END:
        flags.append(
            f"{share:.0%} of the modes lie in the highest tenth of the spectrum, into which faster modes are aliased; "
            "record more often (dynamics.production.velocities.interval_fs)."
        )
    for name, row in part["species"].items():
        found = row["modes"]["value"] / row["modes"]["expected"]
        if abs(found - 1) > LARGEST_IMBALANCE:
            flags.append(
                f"{name} has {found:.0%} of the kinetic energy of equipartition: too short, or not equilibrated."
            )
    return flags


def scattering_part(
    runs: Sequence[TrajectoryFile], *, mobile_ion: str, correlation_ps: float, q_max_per_A: float, q_points: int,
    q_shells: int,
) -> dict:  # fmt: skip
    """S(q, ω) of all atoms with equal weights, and of the mobile ions."""
    if not runs:
        return {"flags": []}
    interval_ps = float(np.diff(runs[0].times_ps[:2])[0])
    stride = max(1, int(1 / (2 * FASTEST_DENSITY_THZ * interval_ps)))
    frames = min(run.n_frames for run in runs) // stride
    lags = min(round(correlation_ps / (interval_ps * stride)), frames // 2)
    if frames < scattering.FEWEST_FRAMES:
        flag = f"{frames} frames of {interval_ps * stride:.2g} ps are too few for S(q, ω); record velocities longer."
        return {"flags": [flag]}
    found = [
        scattering.coherent(
            run, mobile_ion=mobile_ion, stride=stride, lags=lags, q_max_per_A=q_max_per_A, q_points=q_points,
            shells=q_shells,
        )
        for run in runs
    ]  # fmt: skip
    if None in found:
        return {"flags": [f"The cell is too small for any q up to {q_max_per_A:g} 1/Å: no S(q, ω)."]}
    total, error = mean_and_error(np.stack([each.total for each in found]))
    mobile, mobile_error = mean_and_error(np.stack([each.mobile for each in found]))
    return {
        "q_1_A": _numbers(np.mean([each.q_1_A for each in found], axis=0)),
        "frequencies_THz": _numbers(found[0].frequencies_THz),
        "total_ps": _numbers(total),
        "total_error": _numbers(error),
        "mobile_ps": _numbers(mobile),
        "mobile_error": _numbers(mobile_error),
        "flags": [],
    }


def self_part_of_runs(
    runs: Sequence[TrajectoryReader], *, mobile_ion: str, q_1_A: Sequence[float], max_lag_fraction: float
) -> dict:
    """F_s(q, t) of the mobile ion, and its decay time to 1/e."""
    shortest = min(run.n_frames for run in runs)
    longest = int(max_lag_fraction * shortest)
    if shortest < scattering.FEWEST_FRAMES or longest < FEWEST_LAGS:
        return {"flags": [f"{shortest} frames are too few for F_s(q, t); run longer or write more often."]}
    vectors = [scattering.wave_vectors_1_A(run.cells_A.mean(axis=0), q_1_A) for run in runs]
    found = [
        self_scattering(run, mobile_ion=mobile_ion, wave_vectors_1_A=each, longest=longest)
        for run, each in zip(runs, vectors, strict=True)
    ]
    estimate = mean_self_scattering(found)
    times_ps = found[0].lags * float(np.diff(runs[0].times_ps[:2])[0])
    lengths = np.mean([[np.linalg.norm(near, axis=1).mean() for near in each] for each in vectors], axis=0)
    decays = [decay_time(times_ps, values) for values in estimate.value]
    return {
        "q_1_A": _numbers(lengths),
        "times_ps": _numbers(times_ps),
        "F_s": _numbers(estimate.value),
        "F_s_error": _numbers(estimate.error),
        "frame": "framework" if set(runs[0].symbols) != {mobile_ion} else "laboratory",
        "decay_ps": decays,
        "flags": _decay_flags("F_s", times_ps, {f"q = {length:.2g} 1/Å": decay for length, decay in
                                               zip(lengths, decays, strict=True)}),
    }  # fmt: skip


def _decay_flags(name: str, times_ps: np.ndarray, decays_ps: Mapping[str, float | None]) -> list[str]:
    """Sentences on correlations that do not fall to 1/e in time, or fall there before the second lag."""
    slow = [where for where, decay_ps in decays_ps.items() if decay_ps is None]
    fast = [where for where, decay_ps in decays_ps.items() if decay_ps is not None and decay_ps < times_ps[2]]
    flags = []
    if slow:
        flags.append(f"{name} does not fall to 1/e within {times_ps[-1]:.3g} ps at {', '.join(slow)}; run longer.")
    if fast:
        flags.append(
            f"{name} falls to 1/e within two frames ({times_ps[2]:.3g} ps) at {', '.join(fast)}: the decay time is not "
            "resolved; write frames more often."
        )
    return flags


def orientation_part(
    runs: Sequence[TrajectoryReader],
    windows: Sequence[TrajectoryFile],
    groups: Sequence[Sequence[PolyanionGroup]],
    *,
    correlation_ps: float,
    frames: int,
    max_lag_fraction: float,
) -> dict:
    """C₁ and C₂ of every kind of polyanion: short lags from the series with velocities, long lags from the run."""
    shortest = min(run.n_frames for run in runs)
    stride = -(-shortest // frames)
    series = [(runs, stride, int(max_lag_fraction * shortest / stride))]
    if windows:
        interval_ps = float(np.diff(windows[0].times_ps[:2])[0])
        fine = min(min(run.n_frames for run in windows) // 2, round(correlation_ps / interval_ps) + 1)
        series.insert(0, (windows, 1, fine))
    part: dict = {"flags": []}
    for name in sorted({group.name for each in groups for group in each}):
        curves = [_curve(runs_of, groups, name, stride=step, lags=lags) for runs_of, step, lags in series if lags >= 2]
        if curves:
            part[name] = _joined(curves)
            row = part[name]
            decays = {each: row[f"{each}_decay_ps"] for each in ("C1", "C2")}
            part["flags"] += _decay_flags(f"The orientation of {name}", np.array(row["times_ps"]), decays)
    return part


def _curve(
    runs: Sequence[TrajectoryReader], groups: Sequence[Sequence[PolyanionGroup]], name: str, *, stride: int, lags: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, and mean of (C₁, C₂) with its error, (2, lags), over the replicas with such polyanions."""
    replicas = []
    for run, each in zip(runs, groups, strict=True):
        same = [group for group in each if group.name == name]
        if same:
            replicas.append(orientation_correlation(read_bonds(run, same, stride=stride), lags=lags))
    interval_ps = stride * float(np.diff(runs[0].times_ps[:2])[0])
    mean, error = mean_and_error(np.array(replicas))
    return np.arange(lags) * interval_ps, mean, error


def _joined(curves: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict:
    """The curve of the finer interval up to its end, then the other."""
    times, mean, error = curves[0]
    for more_times, more_mean, more_error in curves[1:]:
        later = more_times > times[-1]
        times = np.concatenate([times, more_times[later]])
        mean = np.concatenate([mean, more_mean[:, later]], axis=1)
        error = np.concatenate([error, more_error[:, later]], axis=1)
    row: dict = {"times_ps": _numbers(times)}
    for index, name in enumerate(("C1", "C2")):
        row |= {name: _numbers(mean[index]), f"{name}_error": _numbers(error[index])}
        decay_ps = decay_time(times, mean[index])
        row[f"{name}_decay_ps"] = decay_ps
    decay_ps = row["C1_decay_ps"]
    return row | {"reorientation_rate_THz": 1 / decay_ps if decay_ps else None}


def _numbers(values: np.ndarray | Iterable) -> list:
    """Numbers to six digits as nested lists; None where undefined."""
    values = np.asarray(values)
    if values.ndim > 1:
        return [_numbers(each) for each in values]
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
