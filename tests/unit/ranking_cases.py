"""Products of a sweep that the ranking reads, with known values."""

import numpy as np

from saltflow.analysis.arrhenius.fit import BOLTZMANN_EV_K, ArrheniusPoint, fit_arrhenius

TEMPERATURES_K = (500.0, 600.0, 700.0, 800.0)
EA_EV = 0.3
NO_TRANSITION = {"status": "not found", "Tg_K": None, "error_K": None, "sides": {}}
TRANSITION = {"status": "found", "Tg_K": 550.0, "error_K": 20.0, "near_K": 40.0, "sides": {}}
RELEASE = {
    "potential": "chlorides",
    "reference": {"name": "pbe-d3"},
    "converged": True,
    "heldout": {"force_rmse_meV_A": 31.0},
}
COVERED = {"status": "covered", "worst": {"state": "replica", "value": 0.012, "error": 0.004}}


def fit_of(
    composition: str,
    *,
    prefactor: float,
    status: str = "ok",
    transition: dict = NO_TRANSITION,
    relative_error: float = 0.05,
) -> dict:
    """An arrhenius.json whose σT follows 0.3 eV."""
    points = [
        ArrheniusPoint(kelvin, value, relative_error * value, status)
        for kelvin in TEMPERATURES_K
        if (value := prefactor / kelvin * np.exp(-EA_EV / (BOLTZMANN_EV_K * kelvin)))
    ]
    choices = {"target_temperature_K": 300.0, "bootstrap_samples": 100, "seed": 1, "transition": transition}
    fit = fit_arrhenius(points, quantity="sigma_E_mS_cm", **choices)
    return {
        "composition": composition,
        "potential": "chlorides",
        "fits": {"sigma_E_mS_cm": fit},
        "glass_transition": transition,
    }


def points_of(composition: str, status: str, *, reason: str = "") -> list[tuple[dict, dict]]:
    """transport.json and structure.json at every temperature; the Haven ratio is a thousandth of it."""
    return [
        (
            {
                "composition": composition,
                "temperature_K": kelvin,
                "status": status,
                "reason": reason,
                "mobile_ion": "Li",
                "quantities": {"haven_ratio": {"value": kelvin / 1000, "error": 0.1}},
                "species": {"Li": {"transference_E": {"value": 0.9, "error": 0.05}}},
            },
            {"descriptors": {"density_g_cm3": {"value": 2.0 - kelvin / 1000, "error": 0.01}}},
        )
        for kelvin in TEMPERATURES_K
    ]
