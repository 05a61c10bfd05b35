"""Intervals over alloy systems: alloys of one system are no independent tests."""

from collections.abc import Callable

import numpy as np

RESAMPLES = 200


def interval(statistic: Callable[[np.ndarray], float], systems: np.ndarray, *, seed: int) -> dict[str, float]:
    """A statistic of alloys with its 95 % interval from resampling of whole systems.

    Args:
        statistic: of rows, (n,) → number; nan where rows say nothing of it.
        systems: of all alloys, (alloys,).
        seed: of the resampling.

    Returns:
        value, low, high.
    """
    random = np.random.default_rng(seed)
    names, system = np.unique(systems, return_inverse=True)
    order = np.argsort(system, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(system))[:-1])
    draws = [
        statistic(np.concatenate([rows[each] for each in random.integers(0, len(names), len(names))]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return {"value": float(statistic(np.arange(len(systems)))), "low": float(low), "high": float(high)}
