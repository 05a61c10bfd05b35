"""Barriers from counts: an independent Poisson regression, coverage of the interval, and what is too little."""

import numpy as np
import pytest
from ase.units import kB
from sklearn.linear_model import PoissonRegressor

from saltflow.studies.interfaces.rate_barriers import FEW, OK, fit_barrier, rate_barriers

TEMPERATURES_K = np.array([500.0, 650.0, 800.0])
WATCHED_PS_NM2 = np.array([4000.0, 2000.0, 500.0])
BARRIER_eV, K0_PER_PS_NM2 = 0.35, 2.0
EXPECTED = WATCHED_PS_NM2 * K0_PER_PS_NM2 * np.exp(-BARRIER_eV / (kB * TEMPERATURES_K))


def test_it_is_a_poisson_regression():
    counts = np.array([3, 11, 9])
    found = fit_barrier(counts, WATCHED_PS_NM2, TEMPERATURES_K)
    inverse = 1 / (kB * TEMPERATURES_K)
    scaled = ((inverse - inverse.mean()) / inverse.std())[:, None]
    peer = PoissonRegressor(alpha=0, tol=1e-10, max_iter=10_000)
    peer.fit(scaled, counts / WATCHED_PS_NM2, sample_weight=WATCHED_PS_NM2)
    assert found["barrier_eV"] == pytest.approx(-peer.coef_[0] / inverse.std(), rel=1e-4)
    rates = found["k0_per_ns_nm2"] / 1000 * np.exp(-found["barrier_eV"] * inverse)
    assert rates == pytest.approx(peer.predict(scaled), rel=1e-4)


def test_exact_counts_give_the_barrier():
    found = fit_barrier(1000 * EXPECTED, 1000 * WATCHED_PS_NM2, TEMPERATURES_K)
    assert found["barrier_eV"] == pytest.approx(BARRIER_eV, abs=1e-6)
    assert found["k0_per_ns_nm2"] == pytest.approx(1000 * K0_PER_PS_NM2)


def test_its_interval_holds_the_truth_as_often_as_it_says():
    random, tries = np.random.default_rng(2), 1000
    held = asked = 0
    for _ in range(tries):
        found = fit_barrier(random.poisson(EXPECTED), WATCHED_PS_NM2, TEMPERATURES_K)
        if found["status"] == OK:
            low, high = found["interval_eV"]
            asked += 1
            held += low <= BARRIER_eV <= high
    assert asked > 0.9 * tries
    assert held / asked == pytest.approx(0.95, abs=0.02)


def test_cold_runs_do_not_overflow():
    found = fit_barrier([12, 40], np.array([1e3, 1e3]), np.array([50.0, 1000.0]))
    expected = np.log(40 / 12) * kB / (1 / 50 - 1 / 1000)
    assert found["barrier_eV"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("counts", [[0, 0, 40], [1, 2, 3], [0, 0, 0]])
def test_few_events_or_one_temperature_give_no_barrier(counts):
    found = fit_barrier(counts, WATCHED_PS_NM2, TEMPERATURES_K)
    assert (found["status"], found["barrier_eV"]) == (FEW, None)


def test_a_temperature_without_an_event_counts_as_none():
    states = [
        {"temperature_K": temperature_K, "watched_ps_nm2": watched, "reactions": reactions}
        for temperature_K, watched, reactions in zip(
            TEMPERATURES_K,
            WATCHED_PS_NM2,
            ([], [{"reaction": "A → B", "events": 4}], [{"reaction": "A → B", "events": 16}]),
            strict=True,
        )
    ]
    (row,) = rate_barriers(states)
    without = fit_barrier([4, 16], WATCHED_PS_NM2[1:], TEMPERATURES_K[1:])
    assert row["events"] == 20
    assert row["barrier_eV"] > without["barrier_eV"]
