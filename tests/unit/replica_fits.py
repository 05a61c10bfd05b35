"""Arrhenius fits through three replicas with known scatter, measured with noise."""

import numpy as np

from saltflow.analysis.arrhenius.fit import BOLTZMANN_EV_K, ArrheniusPoint, fit_arrhenius

TEMPERATURES_K = np.array([500.0, 600.0, 700.0, 800.0, 900.0])
INVERSE = 1 / (BOLTZMANN_EV_K * TEMPERATURES_K)
TRUTH_EV, NOISE = 0.3, 0.08
EXPECTED = np.exp(-TRUTH_EV * (1 / (BOLTZMANN_EV_K * 300.0) - INVERSE.mean()))


def fit_replica(prefactor_spread: float, energy_spread_eV: float, rng: np.random.Generator) -> dict:
    """A fit through replicas whose ln D0 and Ea scatter by so much around the truth."""
    shift, slope = prefactor_spread * rng.normal(size=3), energy_spread_eV * rng.normal(size=3)
    logarithms = shift - (TRUTH_EV + slope) * (INVERSE - INVERSE.mean())[:, None]
    values = np.exp(logarithms) * (1 + NOISE * np.sqrt(3) * rng.normal(size=(5, 3)))
    points = [
        ArrheniusPoint(kelvin, each.mean(), _point_error(each, rng), "ok", tuple(each))
        for kelvin, each in zip(TEMPERATURES_K, values, strict=True)
    ]
    return fit_arrhenius(points, quantity="D_cm2_s", target_temperature_K=300.0, bootstrap_samples=200, seed=1)


def deviations_of(fit: dict) -> dict[str, float]:
    """(estimate − truth)/error of Ea and of the logarithm of the prediction."""
    energy, prediction = fit["Ea_eV"], fit["prediction"]
    return {
        "Ea": (energy["value"] - TRUTH_EV) / energy["error"],
        "prediction": np.log(prediction["value"] / EXPECTED) / prediction["error_of_logarithm"],
    }


def covers(fit: dict) -> list[bool]:
    """Whether the 95 % intervals of Ea and of the prediction hold the truth."""
    energy, prediction = fit["Ea_eV"], fit["prediction"]
    return [energy["low"] < TRUTH_EV < energy["high"], prediction["low"] < EXPECTED < prediction["high"]]


def _point_error(values: np.ndarray, rng: np.random.Generator) -> float:
    """As the transport analysis has it: noise in time, or the replicas where they differ by more."""
    noise = NOISE * values.mean() * np.sqrt(rng.chisquare(20) / 20)
    between = values.std(ddof=1) / np.sqrt(3)
    return 1.32 * between if between**2 > noise**2 * 3.49 else noise
