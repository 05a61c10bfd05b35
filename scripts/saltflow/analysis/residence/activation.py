"""Activation energy of residence per class of environment, beside that of diffusion."""

from collections.abc import Mapping, Sequence

from saltflow.analysis.arrhenius.fit import ArrheniusPoint, fit_arrhenius
from saltflow.analysis.residence.names import TAU

QUANTITY = "residence_rate_per_ps"


def fit_residence(results: Sequence[Mapping], *, diffusion: Mapping, seed: int, **arrhenius: object) -> dict:
    """Fit ln(1/τ) = ln ν − εa/kT for every shell, class and function.

    Args:
        results: of `analyse_residence`, one per temperature, in any order; only residence times with status "ok" are
            fitted.
        diffusion: fit of D of the same composition, a result of `fit_arrhenius`.
        seed: of the bootstrap.
        arrhenius: further arguments of `fit_arrhenius`.

    Returns:
        JSON-able: the fits by shell, class and function, and Ea of diffusion.
    """
    fits = {
        shell: {
            name: {
                function: fit_arrhenius(points, quantity=QUANTITY, seed=seed, **arrhenius)
                for function, points in functions.items()
            }
            for name, functions in classes.items()
        }
        for shell, classes in _points(results).items()
    }
    return {"diffusion": {"status": diffusion["status"], "Ea_eV": diffusion.get("Ea_eV")}, "fits": fits}


def _points(results: Sequence[Mapping]) -> dict[str, dict[str, dict[str, list[ArrheniusPoint]]]]:
    """Shell → class → function → points in the order of temperature, for all that occur at any temperature."""
    found: dict[str, dict[str, dict[str, list[ArrheniusPoint]]]] = {}
    for result in sorted(results, key=lambda result: result["temperature_K"]):
        for shell, content in result["shells"].items():
            for name, entry in content["classes"].items():
                for function in content["curves"]:
                    points = found.setdefault(shell, {}).setdefault(name, {}).setdefault(function, [])
                    points.append(_point(result["temperature_K"], entry[function]))
    return found


def _point(temperature_K: float, row: Mapping) -> ArrheniusPoint:
    tau_ps, error_ps = row[TAU]["value"], row[TAU]["error"]
    known = tau_ps is not None and tau_ps > 0
    replicas = row["tau_per_replica_ps"]
    return ArrheniusPoint(
        temperature_K=temperature_K,
        value=1 / tau_ps if known else None,
        error=error_ps / tau_ps**2 if known and error_ps is not None else None,
        status=row["status"],
        per_replica=tuple(1 / each for each in replicas) if all(each and each > 0 for each in replicas) else (),
    )
