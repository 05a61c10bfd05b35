"""The diffusion tensor of a species, and its principal values where they differ beyond error."""

import numpy as np
from scipy import special

from saltflow.statistics.estimate import BROWNIAN, Estimate, finite, finite_list

SIGNIFICANCE = 0.01  # of the test of isotropy
UNIT = "cm2/s"


def diffusion_tensor_row(slopes: np.ndarray, D_cm2_s: Estimate, species: int) -> dict:
    """D_xy = d/dt ⟨Δx Δy⟩/2 of a species, with errors, as JSON.

    The covariance is that of Wishart statistics, Cov(D_xy, D_zw) = κ (D_xz D_yw + D_xw D_yz), with κ from the error of
    D = tr/3. For an isotropic tensor ‖D − D·1‖² is 3 σ² times χ² with five degrees of freedom, which is the test.

    Args:
        slopes: slope of Σ_i ⟨Δr Δrᵀ⟩ in any units, (3, 3).
        D_cm2_s: D of every species.
        species: which of them.

    Returns:
        value and error, (3, 3); anisotropic, p_value; where anisotropic, the principal values, largest first, with
        errors, directions (unit vectors) and errors of the directions in degrees.
    """
    D, error = float(D_cm2_s.value[species]), float(D_cm2_s.error[species])
    trace = float(np.trace(slopes))
    if not (trace > 0 and D > 0 and np.isfinite(error) and error > 0):
        return {"value": None, "error": None, "unit": UNIT, "anisotropic": None, "p_value": None, "principal": []}
    tensor = slopes / trace * 3 * D
    kappa = 9 * error**2 / (2 * np.sum(tensor**2))
    diagonal = np.diag(tensor)
    errors = np.sqrt(kappa * np.maximum(np.outer(diagonal, diagonal) + tensor**2, 0.0))
    known = D_cm2_s.basis[species] == BROWNIAN
    freedom = 1e6 if known else max(1, int(D_cm2_s.degrees_of_freedom[species]))
    p_value = float(special.fdtrc(5, freedom, np.sum((tensor - D * np.eye(3)) ** 2) / (15 * error**2)))
    anisotropic = p_value < SIGNIFICANCE
    return {
        "value": [finite_list(row) for row in tensor],
        "error": [finite_list(row) for row in errors],
        "unit": UNIT,
        "anisotropic": anisotropic,
        "p_value": p_value,
        "principal": _principal_rows(tensor, kappa) if anisotropic else [],
    }


def _principal_rows(tensor: np.ndarray, kappa: float) -> list[dict]:
    values, vectors = np.linalg.eigh(tensor)
    rows = []
    for index in (2, 1, 0):
        others = np.delete(values, index)
        with np.errstate(divide="ignore"):
            squares = kappa * np.maximum(values[index] * others, 0.0) / (values[index] - others) ** 2
        direction = vectors[:, index] * (1 if vectors[np.abs(vectors[:, index]).argmax(), index] > 0 else -1)
        rows.append(
            {
                "value": finite(values[index]),
                "error": finite(abs(values[index]) * np.sqrt(2 * kappa)),
                "direction": finite_list(direction),
                "direction_error_deg": float(min(90.0, np.degrees(np.sqrt(np.nan_to_num(squares).sum())))),
            }
        )
    return rows
