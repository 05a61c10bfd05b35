"""The motion of the polyanions that dominates diffusion at each temperature, beside a published rule.

The rule (Li et al., arXiv:2501.02440): rotation dominates where its frequency matches that of hops, translation where
rotation is faster than hops, vibration where it is slower.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from saltflow.analysis.arrhenius.fit import fit_arrhenius, points_from_transport
from saltflow.analysis.coupling.frequencies import frequencies_of_replicas
from saltflow.analysis.coupling.ratios import diffusion_ratio
from saltflow.trajectory.memory import TrajectoryReader

SCHEMA = 1
NAMES = {"T": "translation", "R": "rotation", "V": "vibration"}
# A motion dominates another where they differ by so many standard errors.
ERRORS_APART = 2.0


def relate_coupling(
    state_points: Sequence[Mapping],
    *,
    modes: Sequence[str],
    mobile_ion: str,
    hop_length_A: float,
    matching_factor: float,
    arrhenius: Mapping,
    seed: int,
) -> dict:
    """Compare constrained with free runs at every temperature.

    Args:
        state_points: one per temperature: `temperature_K`, `runs` (free trajectories of the replicas), `groups`
            (product of find_groups), `free` (transport of the free runs) and `frozen` (mode → that of the
            constrained runs).
        modes: in the order of the figure.
        mobile_ion: element of the ions.
        hop_length_A: see `hop_frequency_per_ps`.
        matching_factor: largest ratio of matching frequencies.
        arrhenius: settings of the fits.
        seed: of their bootstrap.

    Returns:
        JSON-able: `state_points` with ratios, frequencies, expectation of the rule and dominant motion; `Ea` of each
        mode.
    """
    ordered = sorted(state_points, key=lambda point: point["temperature_K"])
    rows = [
        _point(point, modes, mobile_ion=mobile_ion, hop_length_A=hop_length_A, matching_factor=matching_factor)
        for point in ordered
    ]
    by_mode = {"free": [point["free"] for point in ordered]}
    by_mode |= {mode: [point["frozen"][mode] for point in ordered] for mode in modes}
    fits = {
        mode: fit_arrhenius(points_from_transport(results, quantity="D_cm2_s"), quantity="D_cm2_s", seed=seed,
                            **arrhenius)
        for mode, results in by_mode.items()
    }  # fmt: skip
    return {
        "schema": SCHEMA,
        "mobile_ion": mobile_ion,
        "modes": list(modes),
        "matching_factor": matching_factor,
        "state_points": rows,
        "Ea": {mode: {"status": fit["status"], **(fit.get("Ea_eV") or {})} for mode, fit in fits.items()},
    }


def _point(
    point: Mapping, modes: Sequence[str], *, mobile_ion: str, hop_length_A: float, matching_factor: float
) -> dict:
    ratios = {mode: diffusion_ratio(point["frozen"][mode], point["free"]) for mode in modes}
    runs: Sequence[TrajectoryReader] = point["runs"]
    groups = [replica["groups"] for replica in point["groups"]["replicas"] if replica["status"] == "ok"]
    frequencies = {"hopping": None, "rotation": {}}
    if runs:
        frequencies = frequencies_of_replicas(runs, groups, mobile_ion=mobile_ion, hop_length_A=hop_length_A)
    return {
        "temperature_K": point["temperature_K"],
        "groups": [{"status": replica["status"], "kinds": replica["kinds"]} for replica in point["groups"]["replicas"]],
        "D_free": point["free"]["quantities"].get("D_cm2_s"),
        "D": {mode: point["frozen"][mode]["quantities"].get("D_cm2_s") for mode in modes},
        "ratios": ratios,
        **frequencies,
        "rule": _rule(frequencies, matching_factor=matching_factor),
        "dominant": dominant_motion(ratios),
    }


def _rule(frequencies: Mapping, *, matching_factor: float) -> dict:
    """For each kind of group, rotation over hop frequency, and the motion that the rule expects."""
    expected = {}
    hops = (frequencies["hopping"] or {}).get("frequency_per_ps")
    for kind, rotation in frequencies["rotation"].items():
        turns = rotation["frequency_per_ps"]
        ratio = turns / hops if turns and hops else None
        expected[kind] = {
            "rotation_over_hopping": ratio,
            "is_bound": rotation["is_bound"],
            "expects": None if ratio is None else _expected(ratio, rotation["is_bound"], matching_factor),
        }
    return expected


def _expected(ratio: float, is_bound: bool, matching_factor: float) -> str | None:
    """The motion that the rule expects; None where a bound does not decide."""
    if ratio < 1 / matching_factor:
        return "V"
    if is_bound:
        return None
    return "R" if ratio <= matching_factor else "T"


def dominant_motion(ratios: Mapping[str, Mapping]) -> dict:
    """The single motion whose freezing slows diffusion most, and whether that is significant.

    Args:
        ratios: mode → result of `diffusion_ratio`; only T, R and V with status "ok" are used.

    Returns:
        JSON-able: motion (None without one), resolved, and why not.
    """
    known = {
        mode: (-np.log(row["value"]), row["ln_error"] or 0.0)
        for mode, row in ratios.items()
        if mode in NAMES and row["status"] == "ok" and row["value"] and row["ln_error"] is not None
    }
    if not known:
        return {"motion": None, "resolved": False, "reason": "no single motion has a ratio"}
    first, *others = sorted(known, key=lambda mode: -known[mode][0])
    strength, error = known[first]
    if strength < ERRORS_APART * error:
        return {"motion": first, "resolved": False, "reason": "freezing it does not slow diffusion significantly"}
    if others:
        next_strength, next_error = known[others[0]]
        if strength - next_strength < ERRORS_APART * np.hypot(error, next_error):
            return {"motion": first, "resolved": False, "reason": f"{others[0]} slows diffusion as much within errors"}
    missing = [mode for mode in NAMES if mode not in known]
    if missing:
        return {"motion": first, "resolved": False, "reason": f"there is no ratio for {', '.join(missing)}"}
    return {"motion": first, "resolved": True, "reason": None}
