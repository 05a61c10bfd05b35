"""The result as sentences for the log."""

from collections.abc import Mapping

from saltflow.analysis.transport.brownian import TOO_FEW_WINDOWS

SUM_RULE_TOLERANCE = 1e-6


def summary_sentences(result: Mapping) -> list[str]:
    """The main quantities, the sum rule of the Onsager matrix, and warnings.

    Args:
        result: of `analyse_transport`.
    """
    window, ion = result["window"], result["mobile_ion"]
    exponent = "undefined" if window["alpha"] is None else f"{window['alpha']:.2f}"
    names = {
        f"D of {ion}": "D_cm2_s",
        "σ Nernst–Einstein": "sigma_NE_mS_cm",
        "σ cluster Nernst–Einstein": "sigma_cNE_mS_cm",
        "σ Einstein": "sigma_E_mS_cm",
        f"Haven ratio of {ion}": "haven_ratio",
    }
    return [
        f"{result['status']}: lags {window['start_ps']:g} to {window['end_ps']:g} ps, α {exponent}, "
        f"{window['n_windows']:.1f} independent windows, {result['replicas']} trajectories",
        *(_value(name, result["quantities"][key]) for name, key in names.items()),
        _sum_rule(result["sum_rule_residual"]),
        *_warnings(result),
    ]


def _value(name: str, row: Mapping) -> str:
    if row["value"] is None:
        return f"{name}: undefined"
    unit = "" if row["unit"] == "1" else f" {row['unit']}"
    error = "unknown" if row["error"] is None else f"{row['error']:.2g}"
    return f"{name}: {row['value']:.4g} ± {error}{unit}"


def _sum_rule(residual: float | None) -> str:
    if residual is None:
        return "Σ_b M_b L_ab = 0: not tested, there is one species only"
    verdict = "holds" if residual < SUM_RULE_TOLERANCE else "IS BROKEN: do not use the Onsager coefficients"
    return f"Σ_b M_b L_ab = 0: {verdict} (residual {residual:.1e} of the largest term)"


def _warnings(result: Mapping) -> list[str]:
    warnings = []
    if result["status"] == "damped":
        warnings.append("damped: the friction of the thermostat slowed diffusion; run with nose-hoover or bussi")
    elif result["status"] != "ok":
        warnings.append("not diffusive: the values come from the longest lags and are no coefficients; run longer")
    if result["quantities"]["sigma_E_mS_cm"]["status"] == TOO_FEW_WINDOWS:
        warnings.append("too few windows: σ Einstein and transference numbers enter no fit; run longer")
    if result["finite_size"]["flag"]:
        warnings.append("displacements half a cell apart are correlated: the cell is too small for σ Einstein")
    if abs(result["net_charge_e"]) > 1e-6:
        warnings.append(f"the formal charges add up to {result['net_charge_e']:+g} e: check them")
    return warnings
