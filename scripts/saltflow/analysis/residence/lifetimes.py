"""Mean residence times from decay curves: stretched exponential, integral, and the bias of coarse sampling.

Curves have any leading axes (replicates, classes) and lags on the last one.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

LOWEST_FITTED = 0.02  # below it, a curve is noise of few ions
GAUSS_NEWTON_STEPS = 25
STRETCHING = (0.15, 3.0)


@dataclass(frozen=True)
class DecayRange:
    """Lags of each curve that are used, the same for every replicate.

    Args:
        fitted: lags of the stretched fit, (classes, lags).
        end: lag up to which the curve itself is integrated, (classes,).
    """

    fitted: np.ndarray
    end: np.ndarray


def decay_range(curves: np.ndarray, followed: np.ndarray, *, fewest: float) -> DecayRange:
    """The range of lags up to where a curve reaches 2 %, or too few pairs were followed.

    Args:
        curves: (classes, lags).
        followed: pairs of an ion and a centre behind each value, (classes, lags).
        fewest: smallest number of pairs followed.
    """
    usable = (followed >= fewest) & np.isfinite(curves)
    alive = np.cumprod(usable & (np.nan_to_num(curves) > LOWEST_FITTED), axis=-1).astype(bool)
    end = np.maximum(alive.sum(axis=-1), 1)  # one lag further, where it is known
    end = np.where(np.take_along_axis(usable, np.minimum(end, curves.shape[-1] - 1)[:, None], -1)[:, 0], end, end - 1)
    fitted = alive & (np.nan_to_num(curves) < 1)
    return DecayRange(fitted, np.minimum(end, curves.shape[-1] - 1))


def stretched_fit(times_ps: np.ndarray, curves: np.ndarray, fitted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """τ0 and β of exp(−(t/τ0)^β) by least squares, lags weighted by their share of the logarithmic axis.

    Args:
        times_ps: lags, ascending from 0, (lags,).
        curves: (..., classes, lags).
        fitted: lags that count, (classes, lags).

    Returns:
        τ0 in ps and β, (..., classes); nan with fewer than three lags.
    """
    logs = np.log(np.maximum(times_ps, 1e-12))
    spacing = np.gradient(logs) if len(logs) > 2 else np.ones(len(logs))
    weights = np.where(fitted & np.isfinite(curves) & (times_ps > 0), spacing, 0.0)
    values = np.clip(np.nan_to_num(curves, nan=0.5), 1e-6, 1 - 1e-9)
    intercept, beta = _line(logs, np.log(-np.log(values)), weights * (values * np.log(values)) ** 2)
    beta = np.clip(beta, *STRETCHING)
    log_time = -intercept / beta
    for _ in range(GAUSS_NEWTON_STEPS):
        powers = np.exp(np.clip(beta[..., None] * (logs - log_time[..., None]), -50, 5))
        model = np.exp(-powers)
        by_beta, by_time = -model * powers * (logs - log_time[..., None]), model * powers * beta[..., None]
        step_beta, step_time = _two_by_two(by_beta, by_time, values - model, weights)
        beta = np.clip(beta + np.clip(step_beta, -0.2, 0.2), *STRETCHING)
        log_time = log_time + np.clip(step_time, -1.0, 1.0)
    enough = (weights > 0).sum(axis=-1) >= 3
    return np.where(enough, np.exp(log_time), np.nan), np.where(enough, beta, np.nan)


def stretched_mean_ps(time_ps: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """(τ0/β) Γ(1/β), the integral of a stretched exponential."""
    return time_ps / beta * special.gamma(1 / beta)


def integral_ps(
    times_ps: np.ndarray, curves: np.ndarray, end: np.ndarray, *, time_ps: np.ndarray, beta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """∫P dt: the curve up to a lag, exponential between neighbouring lags, then the stretched fit.

    Args:
        times_ps: (lags,).
        curves: (..., classes, lags).
        end: index of the last lag that is integrated, (classes,).
        time_ps, beta: of the stretched fit, (..., classes).

    Returns:
        The integral in ps, and the fraction of it from the fit, both (..., classes).
    """
    before, after = curves[..., :-1], curves[..., 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = (before - after) / np.log(before / after)
    falls = (before > 0) & (after > 0) & (np.abs(before - after) > 1e-9)
    intervals = np.diff(times_ps) * np.where(falls, steep, (before + after) / 2)
    counted = np.arange(len(times_ps) - 1) < end[..., None]
    known = np.where(counted, np.nan_to_num(intervals), 0.0).sum(axis=-1)
    last = np.take_along_axis(curves, np.broadcast_to(end[..., None], (*curves.shape[:-1], 1)), axis=-1)[..., 0]
    reached = (times_ps[end] / time_ps) ** beta
    beyond = stretched_mean_ps(time_ps, beta) * special.gammaincc(1 / beta, reached)
    tail = np.clip(last, 0, 1) * beyond / np.maximum(np.exp(-reached), 1e-12)
    return known + tail, tail / (known + tail)


def without_sampling_bias(fine_ps: np.ndarray, coarse_ps: np.ndarray) -> np.ndarray:
    """A residence time extrapolated to a sampling interval of zero, from two intervals Δ and 2Δ.

    An ion that leaves and returns between two frames is not seen to leave. To first order in Δ, the rate is too low by
    the relative amount k_in Δ/2; hence 1/τ = 2/τ(Δ) − 1/τ(2Δ).

    Args:
        fine_ps, coarse_ps: of the same shape.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 / (2 / fine_ps - 1 / coarse_ps)


def _line(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope of weighted straight lines."""
    total = np.maximum(weights.sum(axis=-1, keepdims=True), 1e-300)
    mean_x = (weights * x).sum(axis=-1, keepdims=True) / total
    mean_y = (weights * y).sum(axis=-1, keepdims=True) / total
    spread = np.maximum((weights * (x - mean_x) ** 2).sum(axis=-1), 1e-300)
    slope = (weights * (x - mean_x) * (y - mean_y)).sum(axis=-1) / spread
    return mean_y[..., 0] - slope * mean_x[..., 0], slope


def _two_by_two(
    first: np.ndarray, second: np.ndarray, residual: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Newton step of two parameters."""
    a, b, d = ((weights * left * right).sum(axis=-1) for left, right in
               ((first, first), (first, second), (second, second)))  # fmt: skip
    u, v = ((weights * each * residual).sum(axis=-1) for each in (first, second))
    a, d = a * (1 + 1e-6) + 1e-12, d * (1 + 1e-6) + 1e-12
    determinant = a * d - b * b
    return (d * u - b * v) / determinant, (a * v - b * u) / determinant
