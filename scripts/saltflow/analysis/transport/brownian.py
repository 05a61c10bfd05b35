"""The Brownian error: the sampling error of diffusion, from the Gaussian statistics of displacements.

Diffusive displacements are Gaussian, so the covariance of all slopes follows from the slopes. For n independent windows
in three dimensions (Wishart statistics)
    Cov(C_ab, C_cd) = (C_ac C_bd + C_ad C_bc)/(3n)
with C_ab the slope of ⟨ΔR_a·ΔR_b⟩. The relative error of a single-ion sum over N independent ions is √(2/(3Nn)).
"""

from collections.abc import Callable, Mapping

import numpy as np

# Below 2 the variance diverges; the factor keeps its value here, about 7.
FEWEST_SHAPE = 2.2


def brownian_variances(
    estimator: Callable[..., Mapping[str, np.ndarray]],
    *,
    self_slopes: np.ndarray,
    collective_slopes: np.ndarray,
    counts: np.ndarray,
    n_windows: float,
) -> dict[str, np.ndarray]:
    """Variance of every derived quantity, all covariances included.

    Args:
        estimator: (self_slopes=, collective_slopes=) with leading axes → name → quantity.
        self_slopes: slope of Σ_{i∈a}⟨|Δr_i|²⟩, (species,).
        collective_slopes: slope of ⟨ΔR_a·ΔR_b⟩, (species, species).
        counts: atoms per species, (species,).
        n_windows: independent windows in the data.
    """
    covariance = slope_covariance(self_slopes, collective_slopes, counts) / n_windows
    values, vectors = np.linalg.eigh(covariance)
    # Standard deviation along each principal direction; tiny negative eigenvalues are rounding.
    widths = vectors * np.sqrt(np.clip(values, 0.0, None))
    size = len(counts)
    self_widths = widths[:size].T
    collective_widths = widths[size:].T.reshape(-1, size, size)
    above = estimator(self_slopes=self_slopes + self_widths, collective_slopes=collective_slopes + collective_widths)
    below = estimator(self_slopes=self_slopes - self_widths, collective_slopes=collective_slopes - collective_widths)
    return {name: np.sum(((above[name] - below[name]) / 2) ** 2, axis=0) for name in above}


def small_sample_widening(n_windows: float) -> float:
    """Factor on the error of a quadratic collective quantity, whose error is proportional to its value.

    Over n windows the estimate has a gamma distribution of shape k = 3n/2: a low value comes with a low error. The
    standard deviation of (estimate − truth)/error is k^(3/2)/((k − 1)√(k − 2)).
    """
    shape = max(1.5 * n_windows, FEWEST_SHAPE)
    return shape**1.5 / ((shape - 1) * np.sqrt(shape - 2))


def slope_covariance(self_slopes: np.ndarray, collective_slopes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Covariance of (self slopes, collective slopes flattened) for one independent window."""
    size, C = len(counts), collective_slopes
    collective = np.einsum("ac,bd->abcd", C, C) + np.einsum("ad,bc->abcd", C, C)
    mixed = 2 * np.einsum("ab,ac->abc", C, C) / counts[:, None, None]
    own = 2 * C**2 / np.outer(counts, counts)
    distinct = (np.diag(C) - self_slopes) ** 2 / (counts * np.maximum(counts - 1, 1))
    np.fill_diagonal(own, 2 * (self_slopes**2 / counts + distinct))
    mixed, collective = mixed.reshape(size, -1), collective.reshape(size**2, -1)
    return np.block([[own, mixed], [mixed.T, collective]]) / 3
