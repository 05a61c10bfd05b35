"""When a production run is known: the judge against walkers with known coefficients."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from stopped_walkers import Prefix, judge_of, stopped
from walkers import INTERVAL_PS, brownian_steps, lithium_in_a_heavy_frame

from saltflow.analysis.transport.brownian import small_sample_widening
from saltflow.analysis.transport.run_length import KNOWN, NOT_DIFFUSIVE, RunLength
from saltflow.statistics.needed_windows import needed_windows

REPLICAS = 200
WAITING = {"least_ps": 15.0, "longest_ps": 400.0}


def slow_walkers(D_A2_ps, *, frames, seed=1, rattle_A=0.0):
    """Three replicas of slow walkers, which may rattle about their way."""
    rng = np.random.default_rng(seed)
    steps = [brownian_steps(rng, frames, 8, D_A2_ps=D_A2_ps) for _ in range(3)]
    return [
        lithium_in_a_heavy_frame(each + np.diff(rng.normal(0, rattle_A, (frames + 1, 8, 3)), axis=0)) for each in steps
    ]


@pytest.fixture(scope="module")
def ended():
    """Brownian walkers, each run until it is known: rows of the looks, and z at the end."""
    return [stopped("brownian", replicas=3, seed=seed, **WAITING) for seed in range(REPLICAS)]


def test_ending_a_run_when_it_is_known_does_not_bias(ended):
    for name in ("D_cm2_s", "sigma_E_mS_cm"):
        z = np.array([found[name] for _, found in ended])
        assert abs(z.mean()) < 0.1 + 1.5 / np.sqrt(REPLICAS), name
        assert 0.85 - 0.05 < z.std() < 1.15 + 0.05, name


def test_a_run_that_ended_is_known_at_two_looks(ended):
    for rows, _ in ended:
        assert [row["stopped_because"] for row in rows] == [None] * (len(rows) - 1) + [KNOWN]
        for row in rows[-2:]:
            assert row["status"] == "ok"
            assert row["D_relative_error"] <= 0.1
            assert row["sigma_E_relative_error"] <= 0.25
        assert not any(first["verdict"] == second["verdict"] == KNOWN for first, second in pairwise(rows[:-1]))


def test_a_smaller_error_takes_a_longer_run():
    usual = [stopped("brownian", replicas=3, seed=seed, **WAITING)[0][-1]["length_ps"] for seed in range(5)]
    strict = [
        stopped("brownian", replicas=3, seed=seed, sigma_E_relative_error=0.15, **WAITING)[0][-1]["length_ps"]
        for seed in range(5)
    ]
    # Errors fall with the square root of the length.
    assert 1.4 < np.mean(strict) / np.mean(usual) < 5.0


def test_a_run_that_would_need_too_long_ends_early_and_says_how_long():
    runs = slow_walkers(0.002, frames=1000, rattle_A=0.3)
    judge, rows = judge_of(longest_ps=400.0), []
    for look in (500, 600):
        rows.append(judge([Prefix(run, look) for run in runs], rows))
    assert [row["stopped_because"] for row in rows] == [None, NOT_DIFFUSIVE]
    assert rows[-1]["needed_ps"] > 400.0


def test_a_run_that_may_still_be_known_goes_on():
    runs = slow_walkers(0.05, frames=600, rattle_A=0.3)  # 10 Å² after 33 ps
    judge, rows = judge_of(longest_ps=2000.0), []
    for look in (300, 400, 500):
        rows.append(judge([Prefix(run, look) for run in runs], rows))
    assert all(row["status"] == NOT_DIFFUSIVE and row["stopped_because"] is None for row in rows)
    assert all(500 * INTERVAL_PS < row["needed_ps"] < 2000.0 for row in rows)


def test_a_stricter_judge_takes_the_looks_of_a_looser_one_by_their_errors(ended):
    rows, _ = ended[0]
    same, stricter, looser = (judge_of(sigma_E_relative_error=wanted, longest_ps=400.0) for wanted in (0.25, 0.05, 0.5))
    assert same.again(rows) == rows
    assert {row["verdict"] for row in stricter.again(rows)} == {None}
    assert [row["stopped_because"] for row in stricter.again(rows)] == [None] * len(rows)
    assert [row["stopped_because"] for row in looser.again(rows)] == [None] * (len(rows) - 1) + [KNOWN]
    assert looser.again([{"stopped_because": None, "problem": "too few frames"}])[0]["stopped_because"] is None
    assert same.again([]) == []


def test_ions_that_do_not_move_at_all_end_their_run():
    still = [lithium_in_a_heavy_frame(np.zeros((400, 8, 3))) for _ in range(2)]
    judge, rows = judge_of(longest_ps=400.0), []
    for look in (200, 300):
        rows.append(judge([Prefix(run, look) for run in still], rows))
    assert rows[-1]["stopped_because"] == NOT_DIFFUSIVE
    assert rows[-1]["needed_ps"] is None


@pytest.mark.parametrize("error", [0.1, 0.15, 0.25, 0.4])
def test_needed_windows_give_the_wanted_error(error):
    windows = needed_windows(error)
    assert np.sqrt(2 / (3 * windows)) * small_sample_widening(1.5 * windows) == pytest.approx(error, rel=0.05)


def test_a_fixed_length_has_no_judge():
    params = SimpleNamespace(composition={}, dynamics={"production": {"until_known": None}}, window=None)
    assert RunLength.requested(params, temperature_K=300.0) is None
