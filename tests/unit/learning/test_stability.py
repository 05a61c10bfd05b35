"""When driven cells met their first stop criterion, for runs with a known end."""

import numpy as np
import pytest
from ase import Atoms

from saltflow.labels.frames import read_frames, write_frames
from saltflow.learning.stability import CLOSE_CONTACT, measure_stability, with_stability

HOT = "temperature ran away in stage 'explore'"
DURATION_PS, STRIDE_PS = 2.0, 0.5


def run(number: int, *, kelvin=600.0, ended_ps=DURATION_PS, ended="ok", contact_ps=np.inf, name="LiCl"):
    """Frames of one cell as explored: relaxation, heating, and the last before a crash."""
    info = {"composition": name, "lineage": f"{name}/{kelvin:g}/cell{number}", "temperature_K": kelvin}
    times_ps = [-0.1, 0.0, *np.arange(STRIDE_PS, ended_ps + 1e-9, STRIDE_PS)]
    frames = [Atoms("Li", info=info | {"time_ps": time, "close_contact": time >= contact_ps}) for time in times_ps]
    if ended != "ok":
        frames.append(Atoms("Li", info=info | {"close_contact": ended_ps >= contact_ps}))
    frames[-1].info |= {"run_status": ended, "run_end_ps": ended_ps, "requested_ps": DURATION_PS}
    return frames


def test_stable_cells_met_no_stop_criterion():
    (point,) = measure_stability([*run(0), *run(1)])["LiCl"].values()
    expected = {
        "cells": 2,
        "duration_ps": 2.0,
        "ended_early": 0,
        "stop_criteria": {},
        "earliest_ps": None,
        "median_ps": None,
    }
    assert point == expected


def test_the_first_stop_criterion_of_every_cell_counts():
    """Five cells: a close contact at 0.5 ps and a stop at 1.3 ps, a later contact, a stop, two stable ones."""
    frames = [
        *run(0, contact_ps=0.5, ended_ps=1.3, ended=HOT),
        *run(1, contact_ps=1.5),
        *run(2, ended_ps=0.7, ended=HOT),
        *run(3),
        *run(4),
    ]
    (point,) = measure_stability(frames)["LiCl"].values()
    assert (point["cells"], point["ended_early"]) == (5, 2)
    assert point["stop_criteria"] == {CLOSE_CONTACT: 2, HOT: 1}
    assert (point["earliest_ps"], point["median_ps"]) == (0.5, 1.5), "the third of five"
    (fewer,) = measure_stability([*frames, *run(5)])["LiCl"].values()
    assert fewer["median_ps"] == 1.5, "half of six"
    (fewest,) = measure_stability([*frames, *run(5), *run(6)])["LiCl"].values()
    assert fewest["median_ps"] is None, "fewer than half of seven"


def test_a_cell_lost_in_the_relaxation_has_a_lifetime_of_zero():
    lost = run(0, ended_ps=-0.06, ended="energy or forces are not finite in stage 'relax'")
    (point,) = measure_stability(lost)["LiCl"].values()
    assert (point["earliest_ps"], point["median_ps"], point["ended_early"]) == (0.0, 0.0, 1)


def test_median_of_exponential_lifetimes():
    """Half of the cells are lost by τ·ln 2, whether or not the run is long enough for the others."""
    times_ps = np.random.default_rng(3).exponential(1.0, size=400)
    frames = [
        frame
        for number, time in enumerate(times_ps)
        for frame in run(number, **({"ended_ps": time, "ended": HOT} if time < DURATION_PS else {}))
    ]
    (point,) = measure_stability(frames)["LiCl"].values()
    assert point["median_ps"] == pytest.approx(np.log(2), abs=4 / np.sqrt(400))
    assert point["ended_early"] / 400 == pytest.approx(1 - np.exp(-2), abs=4 * np.sqrt(0.12 / 400))


def test_compositions_and_temperatures_are_separate_after_a_file(tmp_path):
    frames = [*run(0, kelvin=1200.0, ended_ps=0.25, ended=HOT), *run(0), *run(0, name="LiF")]
    write_frames(tmp_path / "frames.extxyz", frames)
    found = measure_stability(read_frames(tmp_path / "frames.extxyz"))
    assert found == measure_stability(frames)
    assert {name: list(points) for name, points in found.items()} == {"LiCl": ["600", "1200"], "LiF": ["600"]}
    counts = {"LiCl": {"frames": 3}, "LiF": {"frames": 2}}
    assert with_stability(counts, frames)["LiCl"] == {"frames": 3, "stability": found["LiCl"]}


def test_cells_without_a_run_status_are_excluded():
    frames = run(0)
    del frames[-1].info["run_status"]
    assert measure_stability(frames) == {}
    assert with_stability({"LiCl": {"frames": 6}}, frames) == {"LiCl": {"frames": 6}}
