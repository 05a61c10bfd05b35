"""The glass transition at several cooling rates: from volume and enthalpy, with what changes there.

Tg rises with the rate. A straight line over log10 of the rate is what a few decades allow; over the ten or more to the
laboratory the curve bends (Vogel–Fulcher–Tammann), and the end of the line is a lower bound.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.units import kB

from saltflow.analysis.arrhenius.glass_transition import CoolingCurve, find_glass_transition
from saltflow.base.errors import SaltflowError
from saltflow.statistics.jackknife import mean_and_error
from saltflow.studies.alloys.cooling_files import Cooling

FOUND, NOT_FOUND = "found", "not found"
TREND, NO_TREND, ONE_RATE = "ok", "no rise with the rate beyond its error", "fewer than two rates with a transition"
FAR_DECADES = 3.0  # beyond the simulated rates: an end of the line there is flagged


def transitions_by_rate(coolings: Sequence[Cooling], *, seed: int) -> list[dict]:
    """Tg, expansion and heat capacity of the replicas of each rate, the fastest first.

    Args:
        coolings: replicas of one composition.
        seed: of the simulated noise.

    Returns:
        Of each rate: rate_K_per_ps, replicas, volume and enthalpy (`find_glass_transition`; None without enthalpies),
        expansion_per_K and heat_capacity_kB (per atom; of glass, melt and their difference, with error over replicas).

    Raises:
        SaltflowError: replicas of one rate have different frames.
    """
    found = []
    for rate in sorted({each.volume.rate_K_per_ps for each in coolings}, reverse=True):
        replicas = [each for each in coolings if each.volume.rate_K_per_ps == rate]
        if len({len(each.volume.temperatures_K) for each in replicas}) > 1:
            raise SaltflowError(f"The replicas at {rate:g} K/ps have different numbers of frames; give equal ones.")
        volumes = [each.volume for each in replicas]
        transition = find_glass_transition(volumes, seed=seed)
        row = {"rate_K_per_ps": rate, "replicas": len(replicas), "volume": transition}
        row["expansion_per_K"] = _slopes([_per_mean(curve) for curve in volumes], transition)
        enthalpies = [_enthalpy_curve(each) for each in replicas if each.enthalpy_eV_atom is not None]
        row["enthalpy"] = row["heat_capacity_kB"] = None
        if len(enthalpies) == len(replicas):
            thermal = find_glass_transition(enthalpies, seed=seed)
            if "reason" in thermal:
                thermal["reason"] = thermal["reason"].replace("volume", "enthalpy").replace("expand", "take up")
            row |= {"enthalpy": thermal, "heat_capacity_kB": _slopes(enthalpies, thermal, unit=kB)}
        found.append(row)
    return found


def _per_mean(curve: CoolingCurve) -> CoolingCurve:
    return CoolingCurve(curve.temperatures_K, curve.volumes_A3 / curve.volumes_A3.mean(), curve.rate_K_per_ps)


def _enthalpy_curve(cooling: Cooling) -> CoolingCurve:
    """The enthalpy in eV per atom in place of the volume, with mean 1, so that relative slopes are heat capacities."""
    enthalpy = cooling.enthalpy_eV_atom
    return CoolingCurve(cooling.volume.temperatures_K, 1 + enthalpy - enthalpy.mean(), cooling.volume.rate_K_per_ps)


def _slopes(curves: Sequence[CoolingCurve], transition: Mapping, *, unit: float = 1.0) -> dict | None:
    """Slopes beside the transition, farther from it than its error, of each replica."""
    if transition["status"] != FOUND:
        return None
    kelvin = curves[0].temperatures_K
    sides = {
        "glass": kelvin < transition["Tg_K"] - transition["near_K"],
        "melt": kelvin > transition["Tg_K"] + transition["near_K"],
    }
    if min(side.sum() for side in sides.values()) < 3:
        return None
    each = {
        name: np.array([np.polyfit(kelvin[side], curve.volumes_A3[side], 1)[0] for curve in curves]) / unit
        for name, side in sides.items()
    }
    each["jump"] = each["melt"] - each["glass"]
    return {
        name: {"value": float(value), "error": None if np.isnan(error) else float(error)}
        for name, (value, error) in ((name, mean_and_error(values)) for name, values in each.items())
    }


def rate_dependence(rows: Sequence[Mapping], *, quantity: str, target_K_per_s: float | None) -> dict:
    """Tg over log10 of the rate: a straight line weighted with the errors, and its end at another rate.

    Args:
        rows: of `transitions_by_rate`.
        quantity: 'volume' or 'enthalpy'.
        target_K_per_s: rate to extrapolate to; None for no extrapolation.

    Returns:
        status; where two rates or more have a transition, slope_K_per_decade and its error, reduced_chi2 from three
        rates on (above 1 it widens the errors), and at the target Tg_K, error_K, decades beyond the simulated rates and
        whether they are `far`.
    """
    used = [row for row in rows if row[quantity] and row[quantity]["status"] == FOUND]
    if len(used) < 2:
        return {"status": ONE_RATE}
    decades = np.log10([row["rate_K_per_ps"] for row in used]) + 12
    values, errors = (np.array([row[quantity][key] for row in used]) for key in ("Tg_K", "error_K"))
    design = np.column_stack([np.ones_like(decades), decades])
    covariance = np.linalg.inv(design.T / errors**2 @ design)
    line = covariance @ design.T @ (values / errors**2)
    freedom = len(used) - 2
    chi2 = float(np.sum(((values - design @ line) / errors) ** 2) / freedom) if freedom else None
    covariance *= max(1.0, chi2 or 1.0)
    error = float(np.sqrt(covariance[1, 1]))
    result = {
        "status": TREND if line[1] > error else NO_TREND,
        "slope_K_per_decade": float(line[1]),
        "error_K_per_decade": error,
        "reduced_chi2": chi2,
    }
    if target_K_per_s is not None:
        at = np.array([1.0, np.log10(target_K_per_s)])
        beyond = max(float(decades.min() - at[1]), float(at[1] - decades.max()), 0.0)
        result["target"] = {
            "rate_K_per_s": target_K_per_s,
            "Tg_K": float(at @ line),
            "error_K": float(np.sqrt(at @ covariance @ at)),
            "decades_beyond": beyond,
            "far": beyond > FAR_DECADES,
        }
    return result
