"""Tg of cooling curves whose break is known, that bend smoothly, and that do not bend."""

import json

import numpy as np
import pytest
from cooling_curves import GLASS, MELT, TEMPERATURES_K, TG_K, broken, cooled

from saltflow.analysis.arrhenius.glass_transition import crosses, curves_from_quenches, find_glass_transition, side_of


def test_a_clean_break_is_found_with_both_expansions():
    result = find_glass_transition(cooled(broken(), np.random.default_rng(1), width=1e-4), seed=1)
    assert result["status"] == "found"
    assert result["Tg_K"] == pytest.approx(TG_K, abs=10)
    # Relative to the mean volume, which is 1.02 × that at Tg.
    assert result["expansion_glass_per_K"] == pytest.approx(GLASS, rel=0.05)
    assert result["expansion_melt_per_K"] == pytest.approx(MELT, rel=0.05)
    assert result["cooling_rate_K_per_ps"] == 5.0
    json.dumps(result, allow_nan=False)


def test_the_error_is_calibrated():
    deviations = []
    for seed in range(40):
        result = find_glass_transition(cooled(broken(), np.random.default_rng(seed)), seed=seed)
        if result["status"] == "found":
            deviations.append((result["Tg_K"] - TG_K) / result["error_K"])
    assert len(deviations) > 33
    # The larger of two estimates is taken: the interval is wide rather than narrow.
    assert 0.5 < np.std(deviations) < 1.25
    assert abs(np.mean(deviations)) < 0.5


@pytest.mark.parametrize("curvature_per_K2", [0.0, 5e-8])
def test_a_straight_or_gradual_change_is_rarely_taken_for_a_break(curvature_per_K2):
    volume = 1 + 1e-4 * (TEMPERATURES_K - 600) + curvature_per_K2 * (TEMPERATURES_K - 600) ** 2
    found = sum(
        find_glass_transition(cooled(volume, np.random.default_rng(seed)), seed=seed)["status"] == "found"
        for seed in range(40)
    )
    assert found <= 7, "5 % of 40, and three standard deviations"


def test_a_break_that_noise_hides_is_not_claimed():
    result = find_glass_transition(cooled(broken(), np.random.default_rng(3), width=0.05), seed=3)
    assert result["status"] == "not found"
    assert result["Tg_K"] is None
    assert "noise" in result["reason"]


def test_a_solid_that_expands_more_than_its_melt_is_no_glass():
    upside_down = broken(glass=MELT, melt=GLASS)
    result = find_glass_transition(cooled(upside_down, np.random.default_rng(4), width=1e-4), seed=4)
    assert "does not expand more" in result["reason"]


def test_replicas_that_differ_widen_the_error():
    rng = np.random.default_rng(5)
    unlike = [curve for tg_K in (500, 600, 700) for curve in cooled(broken(tg_K), rng, width=5e-4, replicas=1)]
    alike = cooled(broken(), rng, width=5e-4)
    assert find_glass_transition(unlike, seed=5)["error_K"] > 3 * find_glass_transition(alike, seed=5)["error_K"]


def test_what_was_never_cooled_has_no_transition():
    sound = {"rate_K_per_ps": 5.0, "temperature_K": [900.0, 300.0], "volume_A3": [1000.0, 950.0]}
    records = [
        {"status": "ok", "cooling": None},
        {"status": "gas", "cooling": sound},
        {"status": "ok"},
    ]
    assert curves_from_quenches(records) == []
    assert find_glass_transition([], seed=1)["reason"] == "no replica was melted and cooled"
    short = curves_from_quenches([{"status": "ok", "cooling": sound}])
    assert "fewer than 30 frames" in find_glass_transition(short, seed=1)["reason"]


def test_sides_of_a_transition():
    found = {"Tg_K": 600.0, "error_K": 20.0, "near_K": 40.0}
    assert [side_of(kelvin, found) for kelvin in (500.0, 570.0, 630.0, 700.0)] == ["below", "near", "near", "above"]
    assert crosses([500.0, 700.0], found)
    assert crosses([300.0, 590.0], found)
    assert crosses([700.0, 900.0], found) is False
    assert crosses([500.0, 700.0], {}) is None
