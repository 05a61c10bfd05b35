import json

import numpy as np
import pytest
from replica_fits import covers, deviations_of, fit_replica

from saltflow.analysis.arrhenius.fit import BOLTZMANN_EV_K, ArrheniusPoint, fit_arrhenius, points_from_transport
from saltflow.analysis.transport.analysis import no_transport
from saltflow.base.errors import SaltflowError

# Measured conductivities of 0.5Li2SO4-ZrCl4, mS/cm, every 10 K from 303 K.
MEASURED_mS_cm = [1.490, 2.123, 3.015, 4.246, 5.807, 7.522]


def fit(points, **changes):
    arguments = {"quantity": "D_cm2_s", "target_temperature_K": 300.0, "bootstrap_samples": 500, "seed": 1}
    return fit_arrhenius(points, **{**arguments, **changes})


def points_of(values, temperatures_K, *, relative_error=0.05, status="ok"):
    return [
        ArrheniusPoint(temperature_K, value, relative_error * value, status)
        for value, temperature_K in zip(values, temperatures_K, strict=True)
    ]


def diffusivities(temperatures_K, *, Ea_eV=0.3, prefactor=1e-3):
    return prefactor * np.exp(-Ea_eV / (BOLTZMANN_EV_K * np.asarray(temperatures_K)))


def test_measured_series_needs_the_product_with_temperature():
    points = points_of(MEASURED_mS_cm, 303.0 + 10 * np.arange(6), relative_error=0.01)
    assert fit(points, quantity="sigma_E_mS_cm")["Ea_eV"]["value"] == pytest.approx(0.330, abs=1e-3)
    assert fit(points, quantity="D_cm2_s")["Ea_eV"]["value"] == pytest.approx(0.302, abs=1e-3)


def test_exact_series_is_recovered_and_extrapolated():
    temperatures_K = np.array([500.0, 600.0, 700.0, 800.0])
    result = fit(points_of(diffusivities(temperatures_K), temperatures_K))
    assert result["Ea_eV"]["value"] == pytest.approx(0.3)
    assert np.exp(result["ln_prefactor"]) == pytest.approx(1e-3)
    assert result["prediction"]["value"] == pytest.approx(diffusivities(300.0))
    assert result["prediction"]["extrapolated"]
    assert result["prediction"]["low"] < diffusivities(300.0) < result["prediction"]["high"]
    assert not result["curvature"]["significant"]
    assert not fit(points_of(diffusivities(temperatures_K), temperatures_K), target_temperature_K=650.0)["prediction"][
        "extrapolated"
    ]


def test_points_that_do_not_diffuse_take_no_part():
    temperatures_K = [500.0, 600.0, 700.0, 800.0]
    points = points_of(diffusivities(temperatures_K), temperatures_K)
    wrong = ArrheniusPoint(400.0, 1e-3, 1e-6, "not diffusive")
    with_wrong, without = fit([wrong, *points]), fit(points)
    assert with_wrong["Ea_eV"] == without["Ea_eV"]
    assert with_wrong["temperatures_used_K"] == temperatures_K
    assert [row["used"] for row in with_wrong["points"]] == [False, True, True, True, True]


@pytest.mark.parametrize("value", [None, -1e-6, 0.0])
def test_two_good_temperatures_are_not_fitted(value):
    points = points_of(diffusivities([500.0, 600.0]), [500.0, 600.0])
    result = fit([*points, ArrheniusPoint(700.0, value, 1e-7, "ok")])
    assert result["status"] == "too few diffusive temperatures"
    assert "Ea_eV" not in result


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(8)
    temperatures_K = np.array([500.0, 600.0, 700.0, 800.0, 900.0])
    covered = {"Ea": 0, "prediction": 0}
    for _ in range(300):
        values = diffusivities(temperatures_K) * np.exp(rng.normal(0, 0.1, 5))
        result = fit(points_of(values, temperatures_K, relative_error=0.1))
        covered["Ea"] += result["Ea_eV"]["low"] < 0.3 < result["Ea_eV"]["high"]
        covered["prediction"] += result["prediction"]["low"] < diffusivities(300.0) < result["prediction"]["high"]
    assert all(0.93 < count / 300 <= 1.0 for count in covered.values()), covered


def test_curvature_is_found_in_a_vogel_law():
    temperatures_K = np.array([500.0, 600.0, 700.0, 800.0, 900.0])
    values = 1e-3 * np.exp(-800.0 / (temperatures_K - 300.0))
    assert fit(points_of(values, temperatures_K, relative_error=0.02))["curvature"]["significant"]


def test_curvature_test_is_rarely_wrong_on_a_straight_line():
    rng = np.random.default_rng(9)
    temperatures_K = np.array([500.0, 600.0, 700.0, 800.0, 900.0])
    found = 0
    for _ in range(300):
        values = diffusivities(temperatures_K) * np.exp(rng.normal(0, 0.1, 5))
        found += fit(points_of(values, temperatures_K, relative_error=0.1))["curvature"]["significant"]
    assert found / 300 < 0.10


def replicas_of(energies_eV, temperatures_K, *, relative_error=0.05):
    """Points whose replicas have these activation energies and nothing else between them."""
    points = []
    for temperature_K in temperatures_K:
        per_replica = [float(diffusivities(temperature_K, Ea_eV=value)) for value in energies_eV]
        mean = float(np.mean(per_replica))
        points.append(ArrheniusPoint(temperature_K, mean, relative_error * mean, "ok", tuple(per_replica)))
    return points


def test_replicas_that_differ_widen_the_error():
    temperatures_K = [500.0, 600.0, 700.0, 800.0]
    alike, unlike = (fit(replicas_of(energies, temperatures_K)) for energies in ([0.3] * 3, [0.27, 0.3, 0.33]))
    assert alike["Ea_eV"]["between_replicas"] == pytest.approx(0.0, abs=1e-9)
    # Three replicas, 0.03 eV apart: 0.03/√3 by the bootstrap, whatever it is made of the means of exponentials.
    assert unlike["Ea_eV"]["between_replicas"] == pytest.approx(0.03 / np.sqrt(3), rel=0.1)
    assert unlike["Ea_eV"]["error"] > alike["Ea_eV"]["error"]
    widths = [np.log(each["prediction"]["high"] / each["prediction"]["low"]) for each in (alike, unlike)]
    assert widths[1] > 2 * widths[0]


@pytest.mark.parametrize(("prefactor_spread", "energy_spread_eV"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.03), (0.3, 0.03)])
def test_fits_through_several_replicas_are_calibrated(prefactor_spread, energy_spread_eV):
    """Over 300 replicas: spread of the deviations in units of the error, and cover of the 95 % intervals."""
    rng = np.random.default_rng(40)
    replicas = [fit_replica(prefactor_spread, energy_spread_eV, rng) for _ in range(300)]
    spread = np.std([list(deviations_of(replica).values()) for replica in replicas], axis=0)
    # Of two estimates of the error the larger is taken, so the interval is wide rather than narrow.
    assert np.all((spread > 0.6) & (spread < 1.35)), spread
    covered = np.mean([covers(replica) for replica in replicas], axis=0)
    assert np.all(covered > 0.92), covered


def test_a_replica_that_did_not_run_at_one_temperature_is_not_replaced_by_another():
    def result(kelvin, statuses):
        values = zip((1e-6, 2e-6, 3e-6), statuses, strict=True)
        accepted = [{"D_cm2_s": value} for value, status in values if status == "ok"]
        quantities = {"D_cm2_s": {"value": 2e-6, "error": 1e-7}}
        return {"temperature_K": kelvin, "status": "ok", "quantities": quantities, "per_replica": accepted,
                "replica_statuses": statuses}  # fmt: skip

    statuses = {500.0: ["ok", "gas", "ok"], 600.0: ["ok"] * 3, 700.0: ["ok"] * 3}
    points = points_from_transport([result(*each) for each in statuses.items()], quantity="D_cm2_s")
    assert points[0].per_replica == (1e-6, None, 3e-6)
    assert fit(points)["Ea_eV"]["between_replicas"] < 0.1


TRANSITION = {"status": "found", "Tg_K": 450.0, "error_K": 20.0, "near_K": 40.0}


def test_range_across_the_glass_transition_is_flagged():
    temperatures_K = [500.0, 600.0, 700.0]
    points = points_of(diffusivities(temperatures_K), temperatures_K)
    crossing = fit(points, transition=TRANSITION)
    assert crossing["prediction"]["crosses_Tg"]
    assert not crossing["fit_crosses_Tg"]
    assert [row["side_of_Tg"] for row in crossing["points"]] == ["above"] * 3
    below = fit(points, transition=TRANSITION | {"Tg_K": 900.0})
    assert below["prediction"]["crosses_Tg"] is False
    within = fit(points, transition=TRANSITION | {"Tg_K": 610.0})
    assert within["fit_crosses_Tg"]
    assert [row["side_of_Tg"] for row in within["points"]] == ["below", "near", "above"]
    unknown = fit(points, transition={"status": "not found", "Tg_K": None, "error_K": None})
    assert unknown["prediction"]["crosses_Tg"] is None
    assert fit(points)["prediction"]["crosses_Tg"] is None


def test_temperature_given_twice_is_refused():
    with pytest.raises(SaltflowError, match="one temperature twice"):
        fit(points_of([1e-6] * 3, [500.0, 500.0, 600.0]))


def test_points_come_from_transport_results_in_order():
    results = [
        {
            "temperature_K": temperature_K,
            "status": "ok",
            "quantities": {"D_cm2_s": {"value": 1e-6, "error": 1e-7}},
            "per_replica": [{"D_cm2_s": 1e-6}, {"D_cm2_s": None}],
        }
        for temperature_K in (700.0, 500.0)
    ]
    results.append(no_transport(["gas"], temperature_K=900.0))
    points = points_from_transport(results, quantity="D_cm2_s")
    assert [point.temperature_K for point in points] == [500.0, 700.0, 900.0]
    assert points[2].status == "no accepted replica"
    assert points[0].per_replica == (1e-6, None)
    json.dumps(fit(points))
