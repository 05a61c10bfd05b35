"""Diffusion coefficients, conductivities and their ratios from slopes of displacement curves.

Nernst–Einstein σ_NE = e²/(VkT) Σ z² N D; Einstein σ_ab = e² z_a z_b/(6VkT)
d/dt⟨ΔR_a·ΔR_b⟩ and σ_E = Σ_ab σ_ab; Onsager L_ab = 1/(6VkT) d/dt⟨ΔR_a·ΔR_b⟩; Haven ratio
H_R = D*/D_σ with D_σ = 1/(6N) d/dt⟨|ΔR|²⟩ of the mobile ion.
"""

from collections.abc import Mapping

import numpy as np
from scipy import constants

from saltflow.trajectory.segments import System

BOLTZMANN_EV_K = constants.k / constants.e
CM2_S_PER_A2_PS = 1e-4
# e²/(VkT) × slope with slope in Å²/ps, V in Å³ and kT in eV comes in e/(V Å ps); 1 S/m = 10 mS/cm.
MS_CM_PER_E_V_A_PS = constants.e * 1e10 * 1e12 * 10
PER_CM_S_PER_A_PS = 1e8 * 1e12


def nernst_einstein_mS_cm(
    *, charges: np.ndarray, counts: np.ndarray, D_cm2_s: np.ndarray, volume_A3: float, temperature_K: float
) -> np.ndarray:
    """σ_NE of each species, e² z² N D/(V kT), (..., species)."""
    return conductivity_mS_cm(charges**2 * counts * D_cm2_s, volume_A3=volume_A3, temperature_K=temperature_K)


def conductivity_mS_cm(squared_charge_D: np.ndarray, *, volume_A3: float, temperature_K: float) -> np.ndarray:
    """e² Σ z² D/(V kT) from Σ z² D in cm²/s."""
    kT_eV = BOLTZMANN_EV_K * temperature_K
    return MS_CM_PER_E_V_A_PS * squared_charge_D / CM2_S_PER_A2_PS / (volume_A3 * kT_eV)


def transport_quantities(
    system: System, *, self_slopes: np.ndarray, collective_slopes: np.ndarray, frame: str
) -> Mapping[str, np.ndarray]:
    """All derived quantities, for any number of estimates at once.

    Args:
        self_slopes: d/dt Σ_{i∈a}⟨|Δr_i|²⟩ in the collective frame, Å²/ps, (..., species).
        collective_slopes: d/dt ⟨ΔR_a·ΔR_b⟩ in the collective frame, Å²/ps, (..., species, species).
        frame: frame of the single-ion quantities, "barycentric" or "framework".

    Returns:
        name → (...) or (..., species) or (..., species, species); nan where a ratio is undefined.
    """
    kT_eV = BOLTZMANN_EV_K * system.temperature_K
    charges, counts, mobile = system.charges, system.counts, system.mobile
    D_cm2_s = single_ion_sums(system, self_slopes, collective_slopes, frame=frame) / (6 * counts)
    D_cm2_s = D_cm2_s * CM2_S_PER_A2_PS
    sigma_NE = nernst_einstein_mS_cm(
        charges=charges,
        counts=counts,
        D_cm2_s=D_cm2_s,
        volume_A3=system.volume_A3,
        temperature_K=system.temperature_K,
    )
    onsager = collective_slopes / (6 * system.volume_A3 * kT_eV)
    sigma_ab = MS_CM_PER_E_V_A_PS * charges[:, None] * charges * onsager
    sigma_E = sigma_ab.sum(axis=(-2, -1))
    self_onsager = self_slopes / (6 * system.volume_A3 * kT_eV)
    # Where the sum cancels exactly (bound pairs, one species in its own frame), what is left is rounding.
    noise = 1e-9 * np.abs(sigma_ab).sum(axis=(-2, -1))
    collective_mobile = collective_slopes[..., mobile, mobile]
    return {
        "D_cm2_s": D_cm2_s,
        "sigma_NE_mS_cm": sigma_NE.sum(axis=-1),
        "sigma_NE_mobile_mS_cm": sigma_NE[..., mobile],
        "sigma_E_mS_cm": sigma_E,
        "sigma_ab_mS_cm": sigma_ab,
        "onsager_ab_per_eV_cm_s": onsager * PER_CM_S_PER_A_PS,
        "onsager_self_per_eV_cm_s": self_onsager * PER_CM_S_PER_A_PS,
        "haven_ratio": ratio(self_slopes[..., mobile], collective_mobile, above=0.0),
        "transference_E": ratio(sigma_ab.sum(axis=-1), sigma_E[..., None], above=noise[..., None]),
        "transference_NE": ratio(sigma_NE, sigma_NE.sum(axis=-1)[..., None], above=0.0),
    }


def single_ion_sums(system: System, squared: np.ndarray, collective: np.ndarray, *, frame: str) -> np.ndarray:
    """Σ_{i∈a}⟨|Δr_i|²⟩ in the named frame from its value in the collective frame, (..., species).

    In the frame of the framework, with ΔF = Σ_b f_b ΔR_b, Σ|Δr_i − ΔF|² = Σ|Δr_i|² − 2 ΔF·ΔR_a + N_a |ΔF|².
    """
    if frame != "framework" or system.collective_frame == "laboratory":
        return squared
    weights = system.framework_weights
    cross = collective @ weights
    return squared - 2 * cross + system.counts * (cross @ weights)[..., None]


def sum_rule_residual(system: System, onsager: np.ndarray) -> float | None:
    """max_a |Σ_b M_b L_ab| relative to the largest M_b |L_ab|; None in the laboratory frame."""
    terms = onsager * system.masses_u
    if system.collective_frame != "barycentric" or not np.any(terms):
        return None
    return float(np.abs(terms.sum(axis=-1)).max() / np.abs(terms).max())


def ratio(
    numerator: np.ndarray, denominator: np.ndarray, *, above: np.ndarray | float = 0.0, undefined: float = np.nan
) -> np.ndarray:
    """numerator/denominator; undefined where |denominator| is not above a bound."""
    defined = np.abs(denominator) > above
    return np.where(defined, numerator / np.where(defined, denominator, 1.0), undefined)
