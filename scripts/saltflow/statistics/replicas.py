"""A mean over independent replicas, and how far it can be trusted."""

import numpy as np
from scipy import stats

ONE_SIGMA = stats.norm.cdf(1.0)


def mean_and_error(replicas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and half width of its 68 % interval: the standard error times the Student factor of so few.

    Args:
        replicas: values of each glass or block, (replicas, …); with one alone the error is nan.
    """
    replicas = np.asarray(replicas, dtype=float)
    count = len(replicas)
    if count < 2:
        return replicas.mean(axis=0), np.full(replicas.shape[1:], np.nan)
    factor = stats.t.ppf(ONE_SIGMA, count - 1)
    return replicas.mean(axis=0), factor * replicas.std(axis=0, ddof=1) / np.sqrt(count)


def number(value: float | None) -> float | None:
    """A JSON-able number; None where it is undefined."""
    return None if value is None or not np.isfinite(value) else float(value)
