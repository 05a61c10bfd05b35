"""Curves and hop statistics, with errors from blocks of time and replicas."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from saltflow.statistics.blocked_sums import BlockedSums
from saltflow.statistics.estimate import Estimate
from saltflow.statistics.jackknife import estimate_with_errors

LAGS_PER_BLOCK = 3  # blocks this much longer than a lag are nearly independent
DIVISIONS = (1, 2, 4, 5, 10, 20)


@dataclass(frozen=True)
class TimeBlocks:
    """Sums per block of time of all segments.

    Args:
        sums: blocks of all segments on the first axis.
        replicas, segments: of each block, (blocks,).
        durations_ps: of each block's segment, (blocks,).
    """

    sums: BlockedSums
    replicas: np.ndarray
    segments: np.ndarray
    durations_ps: np.ndarray

    def divided(self, parts: int) -> tuple[BlockedSums, np.ndarray]:
        """Blocks merged to at most so many per segment, and their replicas."""
        labels = np.zeros(len(self.segments), dtype=int)
        for segment in np.unique(self.segments):
            here = np.flatnonzero(self.segments == segment)
            labels[here] = segment * DIVISIONS[-1] + np.arange(len(here)) * min(parts, len(here)) // len(here)
        _, first = np.unique(labels, return_index=True)
        return self.sums.grouped_by(labels), self.replicas[first]


def curve_estimates(
    blocks: TimeBlocks,
    estimator: Callable[[BlockedSums], dict[str, np.ndarray]],
    *,
    lags_ps: Mapping[str, np.ndarray],
    ion_variances: Mapping[str, np.ndarray],
) -> dict[str, Estimate]:
    """Curves over lags with errors: the larger of that between ions and that of blocks longer than the lag.

    Args:
        blocks: sums.
        estimator: sums → name → (..., lags, ...), lags on the first axis behind that of the groups.
        lags_ps: name → the lags of that axis.
        ion_variances: name → variance from the differences between ions; those of other names are unknown.
    """
    by_division = {}
    for parts in DIVISIONS:
        sums, replicas = blocks.divided(parts)
        unknown = {name: np.full(np.shape(each), np.nan) for name, each in estimator(sums.total()).items()}
        floors = unknown | ion_variances
        with np.errstate(all="ignore"):
            by_division[parts] = estimate_with_errors(sums, replicas, estimator, floors)
    return {name: _chosen_by_lag(name, by_division, lags, blocks) for name, lags in lags_ps.items()}


def _chosen_by_lag(
    name: str, by_division: dict[int, dict[str, Estimate]], lags_ps: np.ndarray, blocks: TimeBlocks
) -> Estimate:
    room = blocks.durations_ps.min() / np.maximum(LAGS_PER_BLOCK * lags_ps, 1e-12)
    choice = np.searchsorted(DIVISIONS, room, side="right") - 1
    parts = [DIVISIONS[max(index, 0)] for index in choice]
    fields = ("value", "error", "degrees_of_freedom", "basis")
    picked = [
        np.stack([getattr(by_division[part][name], field)[lag] for lag, part in enumerate(parts)]) for field in fields
    ]
    return Estimate(*picked)


def hop_estimates(
    blocks: TimeBlocks, estimator: Callable[[BlockedSums], dict[str, np.ndarray]], *, rate_variance: float
) -> dict[str, Estimate]:
    """Hop statistics with errors, never below the counting error of independent hops.

    Args:
        blocks: sums.
        estimator: sums → name → quantity.
        rate_variance: of the rate, from the differences between ions.
    """
    total = blocks.sums.total()
    value = estimator(total)
    floors = {name: np.zeros(np.shape(each)) for name, each in value.items()}
    hops = max(float(total["hops"]), 1.0)
    floors["rate_per_ps"] = np.maximum(value["rate_per_ps"] ** 2 / hops, rate_variance)
    floors["mean_length_A"] = (value["mean_squared_length_A2"] - value["mean_length_A"] ** 2) / hops
    with np.errstate(all="ignore"):
        return estimate_with_errors(blocks.sums, blocks.replicas, estimator, floors)
