"""Activation energies: weighted Arrhenius fits of ln D or ln(σT), and what they say at another temperature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import constants, stats

from saltflow.errors import SaltflowError

BOLTZMANN_EV_K = constants.k / constants.e
FEWEST_TEMPERATURES = 3
CURVATURE_SIGNIFICANCE = 0.05
INTERVAL = (0.025, 0.975)
LINE_POINTS = 50


@dataclass(frozen=True)
class ArrheniusPoint:
    """One temperature of a composition.

    Args:
        temperature_K: the temperature.
        value: D in cm²/s or σ in mS/cm.
        error: its standard error.
        status: "ok", or anything else for a point that takes no part.
        per_glass: the value of each glass, for the bootstrap; may be empty.
    """

    temperature_K: float
    value: float | None
    error: float | None
    status: str
    per_glass: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Line:
    """y = intercept − Ea x with x = 1/kT, and the covariance of (intercept, slope)."""

    intercept: float
    slope: float
    covariance: np.ndarray
    degrees_of_freedom: int

    def at(self, x: float | np.ndarray) -> np.ndarray:
        return self.intercept + self.slope * np.asarray(x)

    def half_width_at(self, x: float | np.ndarray) -> np.ndarray:
        """Half width of the 95 % confidence band."""
        design = np.stack([np.ones_like(np.asarray(x, dtype=float)), np.asarray(x, dtype=float)])
        spread = np.sqrt(np.einsum("i...,ij,j...->...", design, self.covariance, design))
        return stats.t.ppf(INTERVAL[1], self.degrees_of_freedom) * spread


def points_from_transport(results: Sequence[Mapping], *, quantity: str) -> list[ArrheniusPoint]:
    """Points from results of `analyse_transport`.

    Args:
        results: one per temperature, in any order.
        quantity: a key of their "quantities" and "per_glass", such as "D_cm2_s" or "sigma_E_mS_cm".
    """
    points = []
    for result in results:
        row = result["quantities"].get(quantity, {})
        glasses = [glass[quantity] for glass in result["per_glass"]]
        points.append(
            ArrheniusPoint(
                temperature_K=result["temperature_K"],
                value=row.get("value"),
                error=row.get("error"),
                status=result["status"],
                per_glass=tuple(value for value in glasses if value is not None),
            )
        )
    return sorted(points, key=lambda point: point.temperature_K)


def fit_arrhenius(
    points: Sequence[ArrheniusPoint],
    *,
    quantity: str,
    target_temperature_K: float,
    bootstrap_samples: int,
    seed: int,
    tg_K: float | None = None,
) -> dict:
    """Fit ln D (or ln σT) = ln A − Ea/kT, weighted by the errors, and predict another temperature.

    Points that are not "ok", or that are not positive and known with an error, take no part.

    Args:
        points: one per temperature.
        quantity: "D_cm2_s" fits ln D; a name that begins with "sigma" is in mS/cm and fits ln(σT), for σT goes as D.
        target_temperature_K: temperature of the prediction.
        bootstrap_samples: resamples of the glasses for the interval of Ea.
        seed: of the bootstrap.
        tg_K: glass transition; the prediction says when its range crosses it.

    Returns:
        JSON-able: status "ok" or "too few diffusive temperatures" (then without a fit), Ea_eV with error and
        95 % interval, prediction with 95 % interval and flags, curvature test, the points and the fitted line.

    Raises:
        SaltflowError: a temperature is given twice or is not above 0 K.
    """
    _check_temperatures([*(point.temperature_K for point in points)], target_temperature_K)
    used = [point for point in points if _takes_part(point)]
    result = {
        "quantity": quantity,
        "fitted": "ln(sigma T)" if _is_conductivity(quantity) else "ln D",
        "temperatures_used_K": [point.temperature_K for point in used],
        "points": [_point_row(point, used) for point in points],
    }
    if len(used) < FEWEST_TEMPERATURES:
        return {"status": "too few diffusive temperatures", **result}
    x, y, errors = _coordinates(used, quantity)
    line = _fit_line(x, y, errors)
    samples = _bootstrap(used, quantity, samples=bootstrap_samples, seed=seed)
    return {
        "status": "ok",
        **result,
        "Ea_eV": _activation_energy(line, samples),
        "ln_prefactor": line.intercept,
        "reduced_chi2": float(np.sum(((y - line.at(x)) / errors) ** 2) / line.degrees_of_freedom),
        "curvature": _curvature(x, y, errors),
        "prediction": _prediction(line, used, samples, quantity, target_K=target_temperature_K, tg_K=tg_K),
        "line": _drawn_line(line, used, quantity, target_K=target_temperature_K),
    }


def _check_temperatures(temperatures_K: list[float], target_K: float) -> None:
    if len(set(temperatures_K)) < len(temperatures_K):
        raise SaltflowError(
            "An Arrhenius fit got one temperature twice; analyse all glasses of a temperature together."
        )
    if min([*temperatures_K, target_K]) <= 0:
        raise SaltflowError("An Arrhenius fit needs temperatures above 0 K; correct them in the settings.")


def _is_conductivity(quantity: str) -> bool:
    return quantity.startswith("sigma")


def _takes_part(point: ArrheniusPoint) -> bool:
    known = point.value is not None and point.error is not None
    return point.status == "ok" and known and point.value > 0 and point.error > 0


def _point_row(point: ArrheniusPoint, used: Sequence[ArrheniusPoint]) -> dict:
    return {
        "temperature_K": point.temperature_K,
        "value": point.value,
        "error": point.error,
        "status": point.status,
        "used": point in used,
    }


def _coordinates(points: Sequence[ArrheniusPoint], quantity: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """1/kT in 1/eV, the fitted logarithm and its standard error."""
    temperatures_K = np.array([point.temperature_K for point in points])
    values = np.array([point.value for point in points])
    errors = np.array([point.error for point in points]) / values
    return 1 / (BOLTZMANN_EV_K * temperatures_K), _logarithm(values, temperatures_K, quantity), errors


def _logarithm(values: np.ndarray, temperatures_K: np.ndarray, quantity: str) -> np.ndarray:
    return np.log(values * temperatures_K) if _is_conductivity(quantity) else np.log(values)


def _back(logarithm: np.ndarray, temperatures_K: np.ndarray | float, quantity: str) -> np.ndarray:
    return np.exp(logarithm) / (temperatures_K if _is_conductivity(quantity) else 1.0)


def _fit_line(x: np.ndarray, y: np.ndarray, errors: np.ndarray) -> _Line:
    """Weighted least squares; errors that the scatter proves too small are scaled up, never down."""
    design = np.stack([np.ones_like(x), x], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    intercept, slope = covariance @ design.T @ (y / errors)
    freedom = len(x) - 2
    chi2 = np.sum(((y - intercept - slope * x) / errors) ** 2) / freedom
    return _Line(float(intercept), float(slope), covariance * max(1.0, chi2), freedom)


def _bootstrap(points: Sequence[ArrheniusPoint], quantity: str, *, samples: int, seed: int) -> np.ndarray | None:
    """(intercept, slope) of fits to resampled glasses, (samples, 2); None without several glasses per point.

    One drawing of glasses serves every temperature, because a glass is one structure at all of them.
    """
    glasses = {len(point.per_glass) for point in points}
    if len(glasses) != 1 or glasses == {0} or glasses == {1}:
        return None
    x, _, errors = _coordinates(points, quantity)
    values = np.array([point.per_glass for point in points])
    temperatures_K = np.array([point.temperature_K for point in points])
    draws = np.random.default_rng(seed).integers(values.shape[1], size=(samples, values.shape[1]))
    means = values[:, draws].mean(axis=2)
    kept = means[:, np.all(means > 0, axis=0)]
    lines = [_fit_line(x, _logarithm(column, temperatures_K, quantity), errors) for column in kept.T]
    return np.array([(line.intercept, line.slope) for line in lines]) if lines else None


def _activation_energy(line: _Line, samples: np.ndarray | None) -> dict:
    error = float(np.sqrt(line.covariance[1, 1]))
    half_width = stats.t.ppf(INTERVAL[1], line.degrees_of_freedom) * error
    energy = {
        "value": -line.slope,
        "error": error,
        "low": -line.slope - half_width,
        "high": -line.slope + half_width,
        "unit": "eV",
    }
    if samples is not None:
        low, high = np.quantile(-samples[:, 1], INTERVAL)
        energy["bootstrap"] = {"error": float(np.std(samples[:, 1])), "low": float(low), "high": float(high)}
    return energy


def _curvature(x: np.ndarray, y: np.ndarray, errors: np.ndarray) -> dict:
    """Does a term in 1/T² improve the fit? Two-sided z-test of its coefficient against its error."""
    if len(x) < FEWEST_TEMPERATURES + 1:
        return {"tested": False, "significant": None, "p_value": None, "coefficient_eV2": None}
    centred = x - x.mean()
    design = np.stack([np.ones_like(x), centred, centred**2], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    coefficient = float((covariance @ design.T @ (y / errors))[2])
    p_value = float(2 * stats.norm.sf(abs(coefficient) / np.sqrt(covariance[2, 2])))
    return {
        "tested": True,
        "significant": p_value < CURVATURE_SIGNIFICANCE,
        "p_value": p_value,
        "coefficient_eV2": coefficient,
    }


def _prediction(
    line: _Line,
    points: Sequence[ArrheniusPoint],
    samples: np.ndarray | None,
    quantity: str,
    *,
    target_K: float,
    tg_K: float | None,
) -> dict:
    x = 1 / (BOLTZMANN_EV_K * target_K)
    centre, half_width = float(line.at(x)), float(line.half_width_at(x))
    low, high = centre - half_width, centre + half_width
    if samples is not None:
        # Whichever is wider: the statistics of each point, or the difference between glasses.
        drawn = np.quantile(samples[:, 0] + samples[:, 1] * x, INTERVAL)
        low, high = min(low, float(drawn[0])), max(high, float(drawn[1]))
    temperatures_K = [point.temperature_K for point in points]
    spanned = (min([*temperatures_K, target_K]), max([*temperatures_K, target_K]))
    return {
        "temperature_K": target_K,
        "value": float(_back(centre, target_K, quantity)),
        "low": float(_back(low, target_K, quantity)),
        "high": float(_back(high, target_K, quantity)),
        "unit": "mS/cm" if _is_conductivity(quantity) else "cm2/s",
        "extrapolated": not min(temperatures_K) <= target_K <= max(temperatures_K),
        "crosses_Tg": None if tg_K is None else spanned[0] < tg_K < spanned[1],
    }


def _drawn_line(line: _Line, points: Sequence[ArrheniusPoint], quantity: str, *, target_K: float) -> dict:
    temperatures_K = [*(point.temperature_K for point in points), target_K]
    inverse = np.linspace(1 / max(temperatures_K), 1 / min(temperatures_K), LINE_POINTS)
    x, drawn_K = inverse / BOLTZMANN_EV_K, 1 / inverse
    half_width = line.half_width_at(x)
    return {
        "temperatures_K": drawn_K.tolist(),
        "value": _back(line.at(x), drawn_K, quantity).tolist(),
        "low": _back(line.at(x) - half_width, drawn_K, quantity).tolist(),
        "high": _back(line.at(x) + half_width, drawn_K, quantity).tolist(),
    }
