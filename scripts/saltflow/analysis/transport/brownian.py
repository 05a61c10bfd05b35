"""The sampling error that diffusion itself imposes, from the Gaussian statistics of displacements.

Once displacements are diffusive they are Gaussian, and the covariance of every slope follows from the
slopes: for n independent windows in three dimensions
    Cov(C_ab, C_cd) = (C_ac C_bd + C_ad C_bc)/(3n)
with C_ab the slope of ⟨ΔR_a·ΔR_b⟩ (Wishart statistics), and alike for the single-ion sums, whose
relative error is √(2/(3Nn)) for N independent ions.
"""

from collections.abc import Callable, Mapping

import numpy as np

# Below this the spread diverges; the factor stays at its value there, about 7.
FEWEST_SHAPE = 2.2


def brownian_variances(
    estimator: Callable[..., Mapping[str, np.ndarray]],
    *,
    self_slopes: np.ndarray,
    collective_slopes: np.ndarray,
    counts: np.ndarray,
    n_windows: float,
) -> dict[str, np.ndarray]:
    """Variance of every derived quantity, propagated with all covariances.

    Args:
        estimator: (self_slopes=, collective_slopes=) with leading axes → name → quantity.
        self_slopes: slope of Σ_{i∈a}⟨|Δr_i|²⟩, (species,).
        collective_slopes: slope of ⟨ΔR_a·ΔR_b⟩, (species, species).
        counts: atoms per species, (species,).
        n_windows: independent windows in the data.
    """
    covariance = slope_covariance(self_slopes, collective_slopes, counts) / n_windows
    values, vectors = np.linalg.eigh(covariance)
    # The width along each principal direction; tiny negative eigenvalues are rounding.
    widths = vectors * np.sqrt(np.clip(values, 0.0, None))
    size = len(counts)
    self_widths = widths[:size].T
    collective_widths = widths[size:].T.reshape(-1, size, size)
    above = estimator(self_slopes=self_slopes + self_widths, collective_slopes=collective_slopes + collective_widths)
    below = estimator(self_slopes=self_slopes - self_widths, collective_slopes=collective_slopes - collective_widths)
    return {name: np.sum(((above[name] - below[name]) / 2) ** 2, axis=0) for name in above}


def small_sample_widening(n_windows: float) -> float:
    """Factor on the error of a quadratic collective quantity whose error is in proportion to itself.

    Over n windows such an estimate has a gamma distribution of shape k = 3n/2; a low value brings a low error
    with it, and its deviation in units of that error is spread by k^(3/2)/((k − 1)√(k − 2)) instead of 1.
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
