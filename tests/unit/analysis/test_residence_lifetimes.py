"""Residence times from curves that are known exactly."""

import numpy as np
import pytest
from scipy import special

from saltflow.analysis.residence.lifetimes import (
    DecayRange,
    decay_range,
    integral_ps,
    stretched_fit,
    stretched_mean_ps,
    without_sampling_bias,
)

TIMES_PS = np.concatenate([np.arange(20), np.geomspace(20, 2000, 60)]) * 0.5


def fitted(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray, DecayRange]:
    used = decay_range(curves, np.full(curves.shape, 1e6), fewest=10)
    return *stretched_fit(TIMES_PS, curves, used.fitted), used


@pytest.mark.parametrize("beta", [0.4, 0.7, 1.0, 1.4])
def test_a_stretched_exponential_is_found_exactly(beta):
    curves = np.stack([np.exp(-((TIMES_PS / tau) ** beta)) for tau in (5.0, 40.0)])
    time_ps, found, used = fitted(curves)
    assert time_ps == pytest.approx([5.0, 40.0], rel=1e-3)
    assert found == pytest.approx(beta, rel=1e-3)
    mean_ps = stretched_mean_ps(time_ps, found)
    assert mean_ps == pytest.approx(np.array([5.0, 40.0]) / beta * special.gamma(1 / beta), rel=2e-3)
    integral, tail = integral_ps(TIMES_PS, curves, used.end, time_ps=time_ps, beta=found)
    assert integral == pytest.approx(mean_ps, rel=0.01)
    assert np.all(tail < 0.25)


def test_what_is_not_seen_is_extrapolated_and_said():
    curves = np.exp(-TIMES_PS / 2000.0)[None]
    time_ps, beta, used = fitted(curves)
    integral, tail = integral_ps(TIMES_PS, curves, used.end, time_ps=time_ps, beta=beta)
    assert integral == pytest.approx(2000.0, rel=0.01)
    assert tail == pytest.approx(np.exp(-0.5), rel=0.02)


def test_replicates_are_fitted_side_by_side():
    curves = np.exp(-TIMES_PS / np.array([10.0, 20.0])[:, None])
    time_ps, _, used = fitted(curves)
    many, _ = stretched_fit(TIMES_PS, np.stack([curves, curves**2, curves**4]), used.fitted)
    assert many.shape == (3, 2)
    assert many[0] == pytest.approx(time_ps)
    assert many[1] == pytest.approx(time_ps / 2, rel=1e-3)


def test_too_few_points_give_no_fit():
    time_ps, beta = stretched_fit(TIMES_PS, np.exp(-TIMES_PS / 0.1)[None], np.zeros((1, len(TIMES_PS)), dtype=bool))
    assert np.isnan(time_ps).all()
    assert np.isnan(beta).all()


@pytest.mark.parametrize(("interval_ps", "seen_ps"), [(0.25, 1.47), (0.5, 1.51), (0.7, 1.55)])
def test_brief_absences_between_frames_are_corrected_for(interval_ps, seen_ps):
    """k_out = 0.7/ps, so that τ = 1.43 ps; with returns at 0.2/ps a coarse interval reads 1.5 and more."""
    k_out, k_in = 0.7, 0.2

    def tau_ps(interval_ps: float) -> float:
        stays = (k_in + k_out * np.exp(-(k_in + k_out) * interval_ps)) / (k_in + k_out)
        return -interval_ps / np.log(stays)

    fine, coarse = tau_ps(interval_ps), tau_ps(2 * interval_ps)
    assert fine == pytest.approx(seen_ps, abs=0.01)
    corrected = without_sampling_bias(np.array(fine), np.array(coarse))
    assert abs(corrected - 1 / k_out) < 0.35 * abs(fine - 1 / k_out)
