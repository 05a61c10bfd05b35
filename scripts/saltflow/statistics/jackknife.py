"""Standard errors from a jackknife over blocks of time or replicas."""

from collections.abc import Callable, Mapping
from typing import Protocol, Self

import numpy as np
from scipy import special

from saltflow.statistics.estimate import BLOCKS, BROWNIAN, REPLICAS, Estimate

# Levels of an F-test: blocks of all replicas are pooled unless replicas differ significantly more than their blocks.
# Replicas of one material are expected to agree in their dynamics, and to differ in their quenched structure.
DYNAMICS_SIGNIFICANCE, STRUCTURE_SIGNIFICANCE = 0.15, 0.25
# Level of a chi-squared test: the floor is used unless the jackknife is significantly larger.
FLOOR_SIGNIFICANCE = 0.15
FLOOR_FREEDOM = 4
MANY = 1e6  # degrees of freedom of a variance that is known
ONE_SIGMA = special.ndtr(1.0)


class BlockSums(Protocol):
    """Sums with one group (a block of time, a replica) per row."""

    def __len__(self) -> int:
        """Number of groups."""

    def total(self) -> Self:
        """Summed over the groups."""

    def leave_one_out(self) -> Self:
        """For each group, the sum over all other groups."""

    def grouped_by(self, labels: np.ndarray) -> Self:
        """Groups with the same label summed, in the order of the sorted labels."""


Estimator = Callable[[BlockSums], Mapping[str, np.ndarray]]


def estimate_with_errors(
    blocks: BlockSums, replicas: np.ndarray, estimator: Estimator, floor_variances: Mapping[str, np.ndarray]
) -> dict[str, Estimate]:
    """Quantities with errors that include the covariance of the sums.

    With few blocks, a jackknife error can be far too small by chance. Its floor is the sampling error of independent
    events, which also takes its place where there is only one block.

    Args:
        blocks: sums per block of time.
        replicas: replica of each block, (blocks,).
        estimator: sums (with any leading axes) → name → quantity (with the same leading axes).
        floor_variances: name → smallest variance of the quantity: Brownian, or of counting.
    """
    value = estimator(blocks.total())
    by_block = _replicates(blocks, estimator)
    by_replica = _replicates(blocks.grouped_by(replicas), estimator)
    return {
        name: combine_replicates(
            value[name],
            by_block.get(name),
            by_replica.get(name),
            significance=DYNAMICS_SIGNIFICANCE,
            floor=floor_variances[name],
        )
        for name in value
    }


def _replicates(groups: BlockSums, estimator: Estimator) -> Mapping[str, np.ndarray]:
    """Leave-one-out estimates; none where there is only one group."""
    return estimator(groups.leave_one_out()) if len(groups) > 1 else {}


def combine_replicates(
    value: np.ndarray,
    by_block: np.ndarray | None,
    by_replica: np.ndarray | None,
    *,
    significance: float,
    floor: np.ndarray | None = None,
) -> Estimate:
    """An estimate from its leave-one-out replicates, over blocks, or over replicas that differ significantly more.

    Args:
        value: from all data, (...).
        by_block, by_replica: without each block or replica, (groups, ...); None where there is only one.
        significance: level of the F-test of replicas against blocks.
        floor: smallest variance, nan where it is unknown; without one, a single block has no error (nan).
    """
    value = np.asarray(value)
    variance, degrees = np.full(value.shape, np.nan), np.zeros(value.shape, dtype=int)
    basis = np.full(value.shape, BLOCKS, dtype="<U8")
    if by_block is not None:
        variance, degrees = jackknife_variance(by_block), degrees + len(by_block) - 1
    known = degrees.astype(float)
    square = variance * student_factor(np.maximum(degrees, 1)) ** 2
    if floor is not None:
        # The floor unless blocks are significantly larger, or undefined because one block alone has the longest lag.
        chance = special.chdtri(np.maximum(degrees, 1), FLOOR_SIGNIFICANCE) / np.maximum(degrees, 1)
        floored = np.isfinite(floor) & ~(variance > floor * chance)
        # Few blocks say little about a variance: the floor counts as some degrees of freedom of it.
        together = known + FLOOR_FREEDOM
        moderated = (known * variance + FLOOR_FREEDOM * floor) / together
        square = np.where(np.isfinite(moderated), moderated * student_factor(together) ** 2, square)
        variance, square = (np.where(floored, floor, each) for each in (variance, square))
        basis, known = np.where(floored, BROWNIAN, basis), np.where(floored, np.inf, known)
    if by_replica is not None:
        between, freedom = jackknife_variance(by_replica), len(by_replica) - 1
        differ = between > variance * special.fdtri(freedom, np.clip(known, 1, MANY), 1 - significance)
        differ |= ~np.isfinite(variance)
        square = np.where(differ, between * student_factor(freedom) ** 2, square)
        degrees = np.where(differ, freedom, degrees)
        basis = np.where(differ, REPLICAS, basis)
    return Estimate(value, np.sqrt(square), degrees, basis)


def jackknife_variance(replicates: np.ndarray) -> np.ndarray:
    """Variance of the full estimate from its leave-one-out replicates, (groups, ...) → (...)."""
    return (len(replicates) - 1) * np.var(replicates, axis=0)


def jackknife_error(replicates: np.ndarray) -> float:
    """Standard error of one number from its leave-one-out replicates, (groups,)."""
    return float(np.sqrt(jackknife_variance(np.asarray(replicates, dtype=float))))


def student_factor(degrees_of_freedom: np.ndarray | int) -> np.ndarray:
    """Half width of Student's 68.3 % interval, in standard errors."""
    return special.stdtrit(degrees_of_freedom, ONE_SIGMA)


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
