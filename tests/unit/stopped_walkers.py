"""Walkers whose run ends when it is known, and how the values at its end compare with the truth."""

from dataclasses import dataclass

import numpy as np
from walkers import INTERVAL_PS, RULE, STATE_POINT, WALKERS

from saltflow.analysis.transport.measurement import measure
from saltflow.analysis.transport.run_length import RunLength
from saltflow.dynamics.schedule import looks_of

POINT = {**STATE_POINT, "charges": {"Li": 1, "Cl": -1, "Zr": 0}}


@dataclass(frozen=True)
class Prefix:
    """The first frames of a trajectory."""

    run: object
    n_frames: int

    def __getattr__(self, name):
        return getattr(self.run, name)

    @property
    def times_ps(self):
        return self.run.times_ps[: self.n_frames]

    @property
    def cells_A(self):
        return self.run.cells_A[: self.n_frames]


def judge_of(*, longest_ps, D_relative_error=0.1, sigma_E_relative_error=0.25):
    window = {**RULE, "frame": STATE_POINT["frame"]}
    targets = (D_relative_error, sigma_E_relative_error)
    return RunLength(POINT["charges"], "Li", STATE_POINT["temperature_K"], window, *targets, longest_ps)


def looks(*, least_ps, longest_ps):
    """Numbers of frames at the looks that the schedule plans."""
    production = {
        "until_known": {"least_ps": least_ps},
        "duration_ps": longest_ps,
        "frame_interval_fs": 1000 * INTERVAL_PS,
    }
    return looks_of(production, step_fs=1000 * INTERVAL_PS)


def stopped(walkers, *, replicas, least_ps, longest_ps, seed, **targets):
    """Rows of the looks at one state point, and deviations from the truth over the error at its end."""
    judge = judge_of(longest_ps=longest_ps, **targets)
    frames = round(longest_ps / INTERVAL_PS)
    runs, truth = WALKERS[walkers](np.random.default_rng(seed), frames, replicas)
    rows = []
    for look in looks(least_ps=least_ps, longest_ps=longest_ps):
        rows.append(judge([Prefix(run, look) for run in runs], rows))
        if rows[-1]["stopped_because"]:
            runs = [Prefix(run, look) for run in runs]
            break
    measured = measure(runs, **POINT, **RULE)
    estimates = measured.estimates({})
    found = {}
    for name, expected in truth.items():
        index = measured.system.mobile if np.ndim(estimates[name].value) == 1 else ()
        found[name] = float((estimates[name].value[index] - expected) / estimates[name].error[index])
    return rows, found
