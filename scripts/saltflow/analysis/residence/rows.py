"""Residence around one kind of centre as JSON, with status and flags."""

import numpy as np

from saltflow.analysis.residence.contacts import Shell
from saltflow.analysis.residence.metal_environments import UNDIVIDED, Environments
from saltflow.analysis.residence.names import (
    ALL,
    BETA,
    CURVE,
    INTERMITTENT,
    OK,
    STRETCHED,
    TAU,
    UNCORRECTED,
    continuous_name,
)
from saltflow.analysis.residence.residence_times import ShellSums, plateaus
from saltflow.statistics.estimate import COUNTING, Estimate, finite, finite_list

FEWEST_DEPARTURES = 10
COARSEST_SAMPLING = 0.2  # of the residence time
LARGEST_TAIL = 0.2  # of the integral, from the fit
PLATEAU_REACHED = 0.1
UNITS = {TAU: "ps", STRETCHED: "ps", UNCORRECTED: "ps", BETA: "1"}


def shell_row(shell: Shell, environments: Environments, sums: ShellSums) -> dict:
    """Cut-off, residence times per class, and curves."""
    names = environments.names if environments is UNDIVIDED else (*environments.names, ALL)
    estimates, replicas = sums.estimates(), sums.by_replica()
    flags = _Flags(sums, estimates)
    classes = {}
    for index, name in enumerate(names):
        functions = {
            function: _function_row(function, index, sums, estimates, replicas, flags) for function in sums.functions
        }
        classes[name] = {**_population_row(index, estimates), **functions}
    return {
        "ion": shell.ion,
        "centre": shell.centre,
        "cutoff_A": shell.cutoff_A,
        "classes": classes,
        "curves": {function: _curve_row(function, names, sums, estimates) for function in sums.functions},
    }


def _population_row(index: int, estimates: dict[str, Estimate]) -> dict:
    units = {"population": "1", "ions_around": "1", "relabelling_rate_per_ps": "1/ps"}
    return {name: estimates[f"labels|{name}"].row((index,), unit=unit, floor=COUNTING) for name, unit in units.items()}


def _function_row(
    function: str, index: int, sums: ShellSums, estimates: dict[str, Estimate], replicas: dict, flags: "_Flags"
) -> dict:
    status, notes = flags.of(function, index)
    found = {
        quantity: estimates[f"{function}|{quantity}"].row((index,), unit=unit, floor=COUNTING)
        for quantity, unit in UNITS.items()
        if f"{function}|{quantity}" in estimates
    }
    found |= {
        "status": status,
        "flags": notes,
        "departures": int(flags.departures[function][index]),
        "extrapolated_part": finite(flags.tails[function][index]),
        "tau_per_replica_ps": finite_list(replicas[f"{function}|{TAU}"][:, index]),
    }
    if function == INTERMITTENT:
        found["plateau"] = finite(plateaus(sums.blocks.total())[index])
    return found


def _curve_row(function: str, names: tuple[str, ...], sums: ShellSums, estimates: dict[str, Estimate]) -> dict:
    found = estimates[f"{function}|{CURVE}"]
    return {
        "lags_ps": sums.plan.times_ps(function).tolist(),
        "P": {name: finite_list(found.value[index]) for index, name in enumerate(names)},
        "error": {name: finite_list(found.error[index]) for index, name in enumerate(names)},
    }


class _Flags:
    """Status of a residence time (the first reason against it), and all flags."""

    def __init__(self, sums: ShellSums, estimates: dict[str, Estimate]):
        self.departures, self.tails = sums.departures(), sums.tail_fractions()
        self._sums, self._estimates = sums, estimates

    def of(self, function: str, index: int) -> tuple[str, list[str]]:
        """Status and flags of one class."""
        tau_ps = self._estimates[f"{function}|{TAU}"].value[index]
        reasons = [reason for reason, applies in self._reasons(function, index, tau_ps) if applies]
        notes = list(reasons)
        relabelling = self._estimates["labels|relabelling_rate_per_ps"].value[index]
        if relabelling * tau_ps > 1:
            notes.append("class changes before the ion leaves")
        if self.tails[function][index] > LARGEST_TAIL:
            notes.append("largely extrapolated")
        return (reasons[0] if reasons else OK), notes

    def _reasons(self, function: str, index: int, tau_ps: float) -> list[tuple[str, bool]]:
        curve = self._estimates[f"{function}|{CURVE}"].value[index]
        end = self._sums.ranges[function].end[index]
        sampled = self._estimates.get(f"{function}|{UNCORRECTED}")
        seen_ps = tau_ps if sampled is None else sampled.value[index]
        absence_ps = 0.0 if function in (INTERMITTENT, continuous_name(0.0)) else float(function.split()[1])
        interval_ps = self._sums.plan.interval_ps
        return [
            ("no ion seen", not np.isfinite(curve[0])),
            ("too few departures", self.departures[function][index] < FEWEST_DEPARTURES),
            ("run shorter than the residence", bool(curve[end] > np.exp(-1))),
            ("random plateau not reached", function == INTERMITTENT and bool(curve[end] > PLATEAU_REACHED)),
            ("frames too far apart", interval_ps > COARSEST_SAMPLING * max(seen_ps, absence_ps)),
            ("undefined", not (np.isfinite(tau_ps) and tau_ps > 0)),
        ]
