"""Standard errors by leaving out blocks of time and whole replicas."""

from collections.abc import Callable, Mapping
from typing import Protocol, Self

import numpy as np
from scipy import stats

from saltflow.statistics.estimate import BLOCKS, BROWNIAN, REPLICAS, Estimate

# Of an F-test: blocks of different replicas are pooled unless replicas differ more than their own fluctuations explain.
DYNAMICS_SIGNIFICANCE = 0.05
# The floor stands unless this chi-squared test says that the jackknife is larger.
FLOOR_SIGNIFICANCE = 0.4
ONE_SIGMA = stats.norm.cdf(1.0)


class BlockSums(Protocol):
    """Sums over whatever was counted, one group (a block of time, a replica) per row."""

    def __len__(self) -> int:
        """Number of groups."""

    def total(self) -> Self:
        """Summed over the groups."""

    def leave_one_out(self) -> Self:
        """For each group the sum over all the others."""

    def grouped_by(self, labels: np.ndarray) -> Self:
        """Groups with the same label summed, in the order of the sorted labels."""


Estimator = Callable[[BlockSums], Mapping[str, np.ndarray]]


def estimate_with_errors(
    blocks: BlockSums, replicas: np.ndarray, estimator: Estimator, floor_variances: Mapping[str, np.ndarray]
) -> dict[str, Estimate]:
    """Estimates of every quantity with errors that carry the covariance of whatever it is made of.

    With few blocks a jackknife is now and then far too small by chance; the sampling error of independent events, which
    no correlation can undercut, is its floor and takes its place where there is only one block.

    Args:
        blocks: sums per block of time.
        replicas: replica of each block, (blocks,).
        estimator: sums (with any leading axes) → name → quantity (with the same leading axes).
        floor_variances: name → smallest variance of the quantity: the Brownian one, or that of counting.
    """
    value = estimator(blocks.total())
    by_block = _replicates(blocks, estimator)
    by_replica = _replicates(blocks.grouped_by(replicas), estimator)
    return {
        name: combined(
            value[name],
            by_block.get(name),
            by_replica.get(name),
            significance=DYNAMICS_SIGNIFICANCE,
            floor=floor_variances[name],
        )
        for name in value
    }


def _replicates(groups: BlockSums, estimator: Estimator) -> Mapping[str, np.ndarray]:
    """Leave-one-out estimates; none when there is only one group to leave out."""
    return estimator(groups.leave_one_out()) if len(groups) > 1 else {}


def combined(
    value: np.ndarray,
    by_block: np.ndarray | None,
    by_replica: np.ndarray | None,
    *,
    significance: float,
    floor: np.ndarray | None = None,
) -> Estimate:
    """An estimate from its leave-one-out replicates: over blocks of time, or over replicas where these differ more.

    Args:
        value: from all data, (...).
        by_block, by_replica: without each block or replica, (groups, ...); None where there is only one.
        significance: of the F-test by which replicas differ more than their blocks.
        floor: smallest variance; None for none, so that a single block has no error (nan).
    """
    value = np.asarray(value)
    variance, degrees = np.full(value.shape, np.nan), np.zeros(value.shape, dtype=int)
    basis = np.full(value.shape, BLOCKS, dtype="<U8")
    if by_block is not None:
        variance, degrees = jackknife_variance(by_block), degrees + len(by_block) - 1
    if by_replica is not None:
        between = jackknife_variance(by_replica)
        differ = between > variance * stats.f.isf(significance, len(by_replica) - 1, len(by_block) - 1)
        variance = np.where(differ, between, variance)
        degrees = np.where(differ, len(by_replica) - 1, degrees)
        basis = np.where(differ, REPLICAS, basis)
    error = np.sqrt(variance) * student_factor(np.maximum(degrees, 1))
    if floor is None:
        return Estimate(value, error, degrees, basis)
    # The floor unless the jackknife is significantly larger; also where leaving out the only block with the longest lag
    # leaves nothing.
    chance = stats.chi2.isf(FLOOR_SIGNIFICANCE, np.maximum(degrees, 1)) / np.maximum(degrees, 1)
    too_small = ~(variance > floor * chance)
    return Estimate(value, np.where(too_small, np.sqrt(floor), error), degrees, np.where(too_small, BROWNIAN, basis))


def jackknife_variance(replicates: np.ndarray) -> np.ndarray:
    """Variance of the full estimate from its leave-one-out replicates, (groups, ...) → (...)."""
    return (len(replicates) - 1) * np.var(replicates, axis=0)


def jackknife_error(replicates: np.ndarray) -> float:
    """Standard error of one number from its leave-one-out replicates, (groups,)."""
    return float(np.sqrt(jackknife_variance(np.asarray(replicates, dtype=float))))


def student_factor(degrees_of_freedom: np.ndarray | int) -> np.ndarray:
    """Half width of Student's 68.3 % interval in units of the standard error."""
    return stats.t.ppf(ONE_SIGMA, degrees_of_freedom)


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over independent replicas and half width of its 68 % interval.

    Args:
        values: of each replica or block, (replicas, …); with one alone the error is nan.
    """
    values = np.asarray(values, dtype=float)
    count = len(values)
    if count < 2:
        return values.mean(axis=0), np.full(values.shape[1:], np.nan)
    return values.mean(axis=0), student_factor(count - 1) * values.std(axis=0, ddof=1) / np.sqrt(count)
