"""Activation energies: weighted Arrhenius fits of ln D or ln(σT), and predictions at another temperature."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy import constants, special

from saltflow.analysis.arrhenius.glass_transition import crosses, side_of
from saltflow.base.errors import SaltflowError
from saltflow.statistics.jackknife import student_factor

BOLTZMANN_EV_K = constants.k / constants.e
FEWEST_TEMPERATURES = 3
SIGNIFICANCE = 0.05  # of the tests of curvature and of scatter
UPPER = 0.975  # end of a two-sided 95 % interval
LINE_POINTS = 50
MOST_DECADES = 4.0  # of the 95 % interval of a prediction; measured conductivities of solid electrolytes span six


@dataclass(frozen=True)
class ArrheniusPoint:
    """One temperature of a composition.

    Args:
        temperature_K: the temperature.
        value: D in cm²/s or σ in mS/cm.
        error: its standard error.
        status: only points with "ok" are fitted.
        per_replica: the value of each replica, None where it has none; may be empty.
    """

    temperature_K: float
    value: float | None
    error: float | None
    status: str
    per_replica: tuple[float | None, ...] = ()


class _Law(NamedTuple):
    """Fitted logarithm, and unit of the prediction."""

    fitted: str
    unit: str


@dataclass(frozen=True)
class _Line:
    """y = intercept + slope x with x = 1/kT, from all points and from resampled replicas.

    Args:
        coefficients: intercept and slope, (2,).
        covariance: of the coefficients, from the errors of the points, (2, 2).
        quantile: half width of the 95 % interval in units of that error.
        samples: coefficients of resampled replicas, (samples, 2); empty without several replicas.
        replicas: number of replicas.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    quantile: float
    samples: np.ndarray
    replicas: int

    def at(self, x: float | np.ndarray) -> np.ndarray:
        """The line at x."""
        return _design(x) @ self.coefficients

    def uncertainty(self, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Standard error and half width of the 95 % interval of design @ coefficients, of (..., 2).

        The larger of two: from the errors of the points, which are independent, and from the scatter of replicas, whose
        structure is the same at every temperature.
        """
        error = np.sqrt(np.einsum("...i,ij,...j->...", design, self.covariance, design))
        half_width = self.quantile * error
        if not len(self.samples):
            return error, half_width
        between, freedom = self.between_replicas(design), self.replicas - 1
        return (
            np.maximum(error, student_factor(np.array(freedom)) * between),
            np.maximum(half_width, special.stdtrit(freedom, UPPER) * between),
        )

    def between_replicas(self, design: np.ndarray) -> np.ndarray:
        """Standard error of design @ coefficients by the bootstrap over replicas, (...)."""
        # The bootstrap over n replicas underestimates the variance by (n − 1)/n.
        return np.std(design @ self.samples.T, axis=-1) * np.sqrt(self.replicas / (self.replicas - 1))


def _design(x: float | np.ndarray) -> np.ndarray:
    """Rows (1, x), (..., 2)."""
    x = np.asarray(x, dtype=float)
    return np.stack([np.ones_like(x), x], axis=-1)


def points_from_transport(results: Sequence[Mapping], *, quantity: str) -> list[ArrheniusPoint]:
    """Points from results of `analyse_transport`.

    Args:
        results: one per temperature, in any order.
        quantity: a key of their "quantities" and "per_replica", such as "D_cm2_s" or "sigma_E_mS_cm".
    """
    points = []
    for result in results:
        row = result["quantities"].get(quantity, {})
        points.append(
            ArrheniusPoint(
                temperature_K=result["temperature_K"],
                value=row.get("value"),
                error=row.get("error"),
                status=row.get("status", "ok") if result["status"] == "ok" else result["status"],
                per_replica=_values_of_replicas(result, quantity),
            )
        )
    return sorted(points, key=lambda point: point.temperature_K)


def _values_of_replicas(result: Mapping, quantity: str) -> tuple[float | None, ...]:
    """The value of every replica in the order of replicas; None for a replica that was not accepted."""
    values = iter([replica[quantity] for replica in result["per_replica"]])
    statuses = result.get("replica_statuses", ["ok"] * len(result["per_replica"]))
    return tuple(next(values) if status == "ok" else None for status in statuses)


def fit_arrhenius(
    points: Sequence[ArrheniusPoint],
    *,
    quantity: str,
    target_temperature_K: float,
    bootstrap_samples: int,
    seed: int,
    transition: Mapping = MappingProxyType({}),
) -> dict:
    """Fit ln D (or ln σT) = ln A − Ea/kT, weighted by the errors, and predict another temperature.

    Only points with status "ok" and a positive value and error are fitted.

    Args:
        points: one per temperature.
        quantity: "D_cm2_s" fits ln D; names that begin with "sigma" (mS/cm) fit ln(σT); names that end with
            "rate_per_ps" fit ln(1/τ).
        target_temperature_K: temperature of the prediction.
        bootstrap_samples: resamples of the replicas for the interval of Ea.
        seed: of the bootstrap.
        transition: of `find_glass_transition`; points get their side of it, fit and prediction whether they cross it.

    Returns:
        JSON-able: status "ok" or "too few diffusive temperatures" (then without a fit), Ea_eV with error and
        95 % interval, prediction with 95 % interval and flags, curvature test, the points and the fitted line with
        its 95 % band.

    Raises:
        SaltflowError: a temperature is given twice or is not above 0 K.
    """
    _check_temperatures([*(point.temperature_K for point in points)], target_temperature_K)
    used = [point for point in points if _takes_part(point)]
    result = {
        "quantity": quantity,
        "fitted": _law(quantity).fitted,
        "temperatures_used_K": [point.temperature_K for point in used],
        "points": [_point_row(point, used, transition) for point in points],
    }
    if len(used) < FEWEST_TEMPERATURES:
        return {"status": "too few diffusive temperatures", **result}
    x, y, errors = _coordinates(used, quantity)
    reduced_chi2 = _reduced_chi2(x, y, errors)
    line = _fit_line(used, quantity, samples=bootstrap_samples, seed=seed)
    return {
        "status": "ok",
        **result,
        "Ea_eV": _activation_energy(line),
        "ln_prefactor": float(line.coefficients[0]),
        "reduced_chi2": reduced_chi2,
        "curvature": _curvature(x, y, errors),
        "fit_crosses_Tg": crosses([point.temperature_K for point in used], transition),
        "prediction": _prediction(line, used, quantity, target_K=target_temperature_K, transition=transition),
        "line": _drawn_line(line, used, quantity, target_K=target_temperature_K),
    }


def _check_temperatures(temperatures_K: list[float], target_K: float) -> None:
    if len(set(temperatures_K)) < len(temperatures_K):
        raise SaltflowError(
            "An Arrhenius fit got one temperature twice; analyse all replicas of a temperature together."
        )
    if min([*temperatures_K, target_K]) <= 0:
        raise SaltflowError("An Arrhenius fit needs temperatures above 0 K; correct them in the settings.")


def _law(quantity: str) -> _Law:
    if _is_conductivity(quantity):
        return _Law("ln(sigma T)", "mS/cm")
    return _Law("ln(1/tau)", "1/ps") if quantity.endswith("rate_per_ps") else _Law("ln D", "cm2/s")


def _is_conductivity(quantity: str) -> bool:
    return quantity.startswith("sigma")


def _takes_part(point: ArrheniusPoint) -> bool:
    known = point.value is not None and point.error is not None
    return point.status == "ok" and known and point.value > 0 and point.error > 0


def _point_row(point: ArrheniusPoint, used: Sequence[ArrheniusPoint], transition: Mapping) -> dict:
    return {
        "temperature_K": point.temperature_K,
        "value": point.value,
        "error": point.error,
        "status": point.status,
        "used": point in used,
        "side_of_Tg": side_of(point.temperature_K, transition),
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


def _weights(x: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrix that takes y to the weighted least-squares (intercept, slope), (2, points), and their covariance."""
    design = _design(x) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return covariance @ design.T / errors, covariance


def _reduced_chi2(x: np.ndarray, y: np.ndarray, errors: np.ndarray) -> float:
    residuals = (y - _design(x) @ (_weights(x, errors)[0] @ y)) / errors
    return float(np.sum(residuals**2) / (len(x) - 2))


def _fit_line(points: Sequence[ArrheniusPoint], quantity: str, *, samples: int, seed: int) -> _Line:
    """Weighted least squares; errors that the scatter proves too small are scaled up, never down.

    Where the scatter is significant, the interval is that of Student with its degrees of freedom.
    """
    x, y, errors = _coordinates(points, quantity)
    to_line, covariance = _weights(x, errors)
    freedom, chi2 = len(x) - 2, _reduced_chi2(x, y, errors)
    scatters = freedom > 0 and special.chdtrc(freedom, chi2 * freedom) < SIGNIFICANCE
    means = _resampled_means(points, samples=samples, seed=seed)
    temperatures_K = np.array([point.temperature_K for point in points])
    return _Line(
        coefficients=to_line @ y,
        covariance=covariance * max(1.0, chi2),
        quantile=float(special.stdtrit(freedom, UPPER) if scatters else special.ndtri(UPPER)),
        samples=_logarithm(means, temperatures_K, quantity) @ to_line.T,
        replicas=len(points[0].per_replica),
    )


def _resampled_means(points: Sequence[ArrheniusPoint], *, samples: int, seed: int) -> np.ndarray:
    """Means over replicas drawn with replacement, (samples, points); none without several replicas per point.

    One resample serves every temperature, because a replica has one structure at all of them. Resamples that leave a
    temperature without a positive mean are dropped.
    """
    numbers = {len(point.per_replica) for point in points}
    if len(numbers) != 1 or max(numbers) < 2:
        return np.empty((0, len(points)))
    values = np.array([point.per_replica for point in points], dtype=float)
    draws = np.random.default_rng(seed).integers(values.shape[1], size=(samples, values.shape[1]))
    drawn = values[:, draws]
    known = np.isfinite(drawn)
    with np.errstate(invalid="ignore"):
        means = (np.where(known, drawn, 0.0).sum(axis=2) / known.sum(axis=2)).T
    return means[np.all(means > 0, axis=1)]


def _activation_energy(line: _Line) -> dict:
    design = np.array([0.0, -1.0])
    error, half_width = line.uncertainty(design)
    value = float(design @ line.coefficients)
    energy = {
        "value": value,
        "error": float(error),
        "low": float(value - half_width),
        "high": float(value + half_width),
        "unit": "eV",
    }
    if len(line.samples):
        energy["between_replicas"] = float(line.between_replicas(design))
    return energy


def _curvature(x: np.ndarray, y: np.ndarray, errors: np.ndarray) -> dict:
    """Two-sided z-test of the coefficient of a term in 1/T²."""
    if len(x) < FEWEST_TEMPERATURES + 1:
        return {"tested": False, "significant": None, "p_value": None, "coefficient_eV2": None}
    centred = x - x.mean()
    design = np.stack([np.ones_like(x), centred, centred**2], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    coefficient = float((covariance @ design.T @ (y / errors))[2])
    p_value = float(2 * special.ndtr(-abs(coefficient) / np.sqrt(covariance[2, 2])))
    return {
        "tested": True,
        "significant": p_value < SIGNIFICANCE,
        "p_value": p_value,
        "coefficient_eV2": coefficient,
    }


def _prediction(
    line: _Line, points: Sequence[ArrheniusPoint], quantity: str, *, target_K: float, transition: Mapping
) -> dict:
    x = 1 / (BOLTZMANN_EV_K * target_K)
    centre = float(line.at(x))
    error, half_width = line.uncertainty(_design(x))
    temperatures_K = [point.temperature_K for point in points]
    return {
        "temperature_K": target_K,
        "value": float(_back(centre, target_K, quantity)),
        "low": float(_back(centre - half_width, target_K, quantity)),
        "high": float(_back(centre + half_width, target_K, quantity)),
        "error_of_logarithm": float(error),
        "unit": _law(quantity).unit,
        "extrapolated": not min(temperatures_K) <= target_K <= max(temperatures_K),
        "crosses_Tg": crosses([*temperatures_K, target_K], transition),
    }


def decades(prediction: Mapping) -> float:
    """Width of the 95 % interval of a prediction of `fit_arrhenius`; infinite where an end is beyond all numbers.

    Beyond `MOST_DECADES` the prediction says nothing.
    """
    low, high = prediction["low"], prediction["high"]
    return math.log10(high) - math.log10(low) if low > 0 else math.inf


def _drawn_line(line: _Line, points: Sequence[ArrheniusPoint], quantity: str, *, target_K: float) -> dict:
    temperatures_K = [*(point.temperature_K for point in points), target_K]
    inverse = np.linspace(1 / max(temperatures_K), 1 / min(temperatures_K), LINE_POINTS)
    x, drawn_K = inverse / BOLTZMANN_EV_K, 1 / inverse
    _, half_width = line.uncertainty(_design(x))
    return {
        "temperatures_K": drawn_K.tolist(),
        "value": _back(line.at(x), drawn_K, quantity).tolist(),
        "low": _back(line.at(x) - half_width, drawn_K, quantity).tolist(),
        "high": _back(line.at(x) + half_width, drawn_K, quantity).tolist(),
    }
