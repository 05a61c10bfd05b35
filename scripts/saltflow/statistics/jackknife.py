"""Standard errors by leaving out blocks of time and whole glasses, never below the Brownian error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from saltflow.analysis.transport.displacements import Displacements

# Blocks within a glass and blocks of different glasses are pooled unless this F-test says that the
# glasses differ more than their own fluctuations explain.
GLASS_SIGNIFICANCE = 0.05
# The Brownian error stands unless this chi-squared test says that the jackknife is larger.
FLOOR_SIGNIFICANCE = 0.4
ONE_SIGMA = stats.norm.cdf(1.0)

Estimator = Callable[[Displacements], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error.

    Args:
        value: the estimate from all data.
        error: half width of the 68 % interval: the jackknife's standard error times the Student factor of
            its degrees of freedom, or the Brownian error where that is larger.
        degrees_of_freedom: of the jackknife.
        basis: "blocks" or "glasses", whichever were left out, or "brownian".
    """

    value: np.ndarray
    error: np.ndarray
    degrees_of_freedom: np.ndarray
    basis: np.ndarray


def estimate_with_errors(
    blocks: Displacements,
    glasses: np.ndarray,
    estimator: Estimator,
    floor_variances: Mapping[str, np.ndarray],
) -> dict[str, Estimate]:
    """Estimates of every quantity with errors that carry the covariance of whatever it is made of.

    With few blocks a jackknife is now and then far too small by chance; the Brownian sampling error, which
    no correlation can undercut, is its floor and takes its place where there is only one block.

    Args:
        blocks: sums per block of time, blocks on the first axis.
        glasses: glass of each block, (blocks,).
        estimator: sums (with any leading axes) → name → quantity (with the same leading axes).
        floor_variances: name → Brownian variance of the quantity.
    """
    value = estimator(blocks.total())
    by_block = _replicates(blocks, estimator)
    by_glass = _replicates(blocks.grouped_by(glasses), estimator)
    return {
        name: _estimate(value[name], by_block.get(name), by_glass.get(name), floor_variances[name]) for name in value
    }


def _replicates(groups: Displacements, estimator: Estimator) -> Mapping[str, np.ndarray]:
    """Leave-one-out estimates; none when there is only one group to leave out."""
    return estimator(groups.leave_one_out()) if len(groups.origins) > 1 else {}


def _estimate(
    value: np.ndarray, by_block: np.ndarray | None, by_glass: np.ndarray | None, floor: np.ndarray
) -> Estimate:
    shape = np.shape(value)
    variance, degrees, basis = np.zeros(shape), np.zeros(shape, dtype=int), np.full(shape, "brownian")
    if by_block is not None:
        variance, degrees = jackknife_variance(by_block), degrees + len(by_block) - 1
        basis = np.full(shape, "blocks", dtype="<U8")
    if by_glass is not None:
        glass_variance = jackknife_variance(by_glass)
        differ = glass_variance > variance * stats.f.isf(GLASS_SIGNIFICANCE, len(by_glass) - 1, len(by_block) - 1)
        variance = np.where(differ, glass_variance, variance)
        degrees = np.where(differ, len(by_glass) - 1, degrees)
        basis = np.where(differ, "glasses", basis)
    error = np.sqrt(variance) * student_factor(np.maximum(degrees, 1))
    # Not larger than the Brownian error beyond chance; or nothing is left when the only block with the longest lag is
    # left out.
    chance = stats.chi2.isf(FLOOR_SIGNIFICANCE, np.maximum(degrees, 1)) / np.maximum(degrees, 1)
    too_small = ~(variance > floor * chance)
    return Estimate(
        value=np.asarray(value),
        error=np.where(too_small, np.sqrt(floor), error),
        degrees_of_freedom=degrees,
        basis=np.where(too_small, "brownian", basis),
    )


def jackknife_variance(replicates: np.ndarray) -> np.ndarray:
    """Variance of the full estimate from its leave-one-out replicates, (groups, ...) → (...)."""
    return (len(replicates) - 1) * np.var(replicates, axis=0)


def student_factor(degrees_of_freedom: np.ndarray) -> np.ndarray:
    """Half width of Student's 68.3 % interval in units of the standard error."""
    return stats.t.ppf(ONE_SIGMA, degrees_of_freedom)
