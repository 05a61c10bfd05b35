"""The error of independent ions: the sampling error of diffusion, from the statistics of displacements.

Diffusive displacements are Gaussian, so the covariance of all slopes follows from the slopes. For n independent windows
in d dimensions (Wishart statistics)
    Cov(C_ab, C_cd) = (C_ac C_bd + C_ad C_bc)/(dn)
with C_ab the slope of ⟨ΔR_a·ΔR_b⟩. Single-ion sums have the variance of their ions (`IonSlopes`), and what ions differ
by, at rest beside mobile ones or in jumps, adds to the variance of their collective displacement as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from saltflow.analysis.transport.ions import IonSlopes

# Below 2 the variance diverges; the factor keeps its value here, about 7.
FEWEST_SHAPE = 2.2
# Of a collective quantity that is to be used: a relative error of 41 % at most, four windows in three dimensions.
FEWEST_COLLECTIVE_SHAPE = 6.0
STEP = 0.01  # of the derivatives, in standard deviations
TOO_FEW_WINDOWS = "too few windows"


@dataclass(frozen=True)
class Sampling:
    """What the error of independent ions depends on.

    Args:
        ions: tensors of all ions.
        counts: atoms per species, (species,).
        n_windows: independent windows in the data.
        dimensions: in which collective displacements move, 1 to 3.
        accepted: variance of the slopes of each species that the rule for α accepts, over that of all, (species,).
        to_frame: takes collective displacements of species to those in the collective frame, (species, species).
    """

    ions: IonSlopes
    counts: np.ndarray
    n_windows: float
    dimensions: float
    accepted: np.ndarray
    to_frame: np.ndarray

    @property
    def shape(self) -> float:
        """Shape of the gamma distribution of a quadratic collective quantity: half its degrees of freedom."""
        return self.dimensions * self.n_windows / 2

    @property
    def collective_status(self) -> str:
        """Whether there are windows enough for σ_E and transference numbers."""
        return "ok" if self.shape >= FEWEST_COLLECTIVE_SHAPE else TOO_FEW_WINDOWS


def brownian_variances(
    estimator: Callable[..., Mapping[str, np.ndarray]],
    *,
    self_slopes: np.ndarray,
    collective_slopes: np.ndarray,
    sampling: Sampling,
) -> dict[str, np.ndarray]:
    """Variance of every derived quantity, all covariances included.

    Args:
        estimator: (self_slopes=, collective_slopes=) with leading axes → name → quantity.
        self_slopes: slope of Σ_{i∈a}⟨|Δr_i|²⟩, (species,).
        collective_slopes: slope of ⟨ΔR_a·ΔR_b⟩, (species, species).
        sampling: ions, windows and dimensions.
    """
    covariance = slope_covariance(self_slopes, collective_slopes, sampling)
    values, vectors = np.linalg.eigh(covariance)
    # A step along each principal direction; tiny negative eigenvalues are rounding. Ratios are not linear: it is short.
    steps = STEP * vectors * np.sqrt(np.clip(values, 0.0, None))
    size = len(self_slopes)
    self_steps = steps[:size].T
    collective_steps = steps[size:].T.reshape(-1, size, size)
    above = estimator(self_slopes=self_slopes + self_steps, collective_slopes=collective_slopes + collective_steps)
    below = estimator(self_slopes=self_slopes - self_steps, collective_slopes=collective_slopes - collective_steps)
    return {name: np.sum(((above[name] - below[name]) / (2 * STEP)) ** 2, axis=0) for name in above}


def small_sample_widening(shape: np.ndarray | float) -> np.ndarray:
    """Factor on the error of a quadratic quantity, whose error is proportional to its value.

    The estimate has a gamma distribution of a shape k, dn/2 for collective displacements in d dimensions over n
    windows: a low value comes with a low error. The standard deviation of (estimate − truth)/error is
    k^(3/2)/((k − 1)√(k − 2)).
    """
    shape = np.maximum(shape, FEWEST_SHAPE)
    return shape**1.5 / ((shape - 1) * np.sqrt(shape - 2))


def ratio_widening(shape: float) -> float:
    """Factor on the error of a share of a collective current, a regression with 2k − 1 degrees of freedom.

    Its residual variance is estimated with one degree fewer, and the deviation over the error has Student's
    distribution.
    """
    freedom = 2 * max(shape, FEWEST_SHAPE) - 1
    return float(np.sqrt((freedom + 1) / freedom * freedom / (freedom - 2)))


def slope_covariance(self_slopes: np.ndarray, collective_slopes: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Covariance of (self slopes, collective slopes flattened)."""
    counts, ions, C = sampling.counts, sampling.ions, collective_slopes
    size, scale = len(counts), 1 / (sampling.dimensions * sampling.n_windows)
    collective = scale * (np.einsum("ac,bd->abcd", C, C) + np.einsum("ad,bc->abcd", C, C))
    mixed = scale * 2 * np.einsum("ab,ac->abc", C, C) / counts[:, None, None]
    own = scale * 2 * C**2 / np.outer(counts, counts)
    distinct = scale * 2 * (np.diag(C) - self_slopes) ** 2 / (counts * np.maximum(counts - 1, 1))
    of_ions = ions.sampling_variances * sampling.accepted
    np.fill_diagonal(own, of_ions + distinct)
    # Of independent ions the sum of squares has the same covariance with the square of the sum.
    alike = np.diag(C) / np.where(self_slopes > 0, self_slopes, np.inf)
    species = np.arange(size)
    mixed[species, species, species] = of_ions * alike**2
    mixed, collective = mixed.reshape(size, -1), collective.reshape(size**2, -1)
    for kind, variance in enumerate(ions.excess_variances):
        moved = np.outer(sampling.to_frame[:, kind], sampling.to_frame[:, kind]).ravel()
        own[kind, kind] += variance
        mixed[kind] += variance * moved
        collective += variance * np.outer(moved, moved)
    return np.block([[own, mixed], [mixed.T, collective]])
