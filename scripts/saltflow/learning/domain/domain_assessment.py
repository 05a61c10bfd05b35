"""Assess the domain of a composition: out-of-domain fractions and expected force errors of its simulated states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.analysis.no_result import NO_ACCEPTED_REPLICA
from saltflow.learning.domain.environments import by_cell, environments
from saltflow.learning.domain.expected_force_error import expected_force_error
from saltflow.learning.domain.out_of_domain import (
    NONE,
    InDomainThreshold,
    in_domain_threshold,
    out_of_domain_fraction,
)
from saltflow.learning.domain.states import SimulatedState
from saltflow.learning.domain.training_environments import TrainingEnvironments
from saltflow.potentials.mace import Committee
from saltflow.statistics.estimate import finite

SCHEMA = 1
IN_DOMAIN, OUT_OF_DOMAIN, NOT_ASSESSED = "in domain", "out of domain", "not assessed"


@dataclass(frozen=True)
class Distances:
    """Distances to the nearest training environment, in standard deviations.

    states: name → of each replica, element → (atoms,). thresholds: element → threshold with held-out distances.
    """

    states: Mapping[str, Sequence[Mapping[str, np.ndarray]]]
    thresholds: Mapping[str, InDomainThreshold]


def assess_domain(
    composition: str,
    states: Sequence[SimulatedState],
    training: TrainingEnvironments,
    committee: Committee,
    calibration: Mapping,
    *,
    in_domain_percentile: float,
    max_out_of_domain_fraction: float,
) -> tuple[dict, Distances]:
    """Out-of-domain fractions and expected force errors of the simulated states of a composition.

    Args:
        composition: its id.
        states: its simulated states.
        training: training environments of its potential.
        committee: of its potential; the first model gives the environments.
        calibration: of the committee's disagreement.
        in_domain_percentile: of the held-out distances, for the thresholds.
        max_out_of_domain_fraction: an element with a larger fraction is flagged, if the fraction is also two standard
            errors above the expected one.

    Returns:
        the result, and the distances. status: in domain, out of domain, not assessed (too few held-out cells), or no
        accepted replica; reason: why something is not assessed. thresholds: element → basis, heldout_atoms,
        heldout_lineages, heldout_median, training_environments and limit, in standard deviations. states: state,
        replicas, frames, missing; out_of_domain_fraction (value and error) of all elements with a threshold; elements
        (symbol → atoms, out_of_domain_fraction, median_distance); expected_force_error_eV_A of `expected_force_error`.
        worst: the state with the largest fraction. flags: sentences.
    """
    expected = round(1 - in_domain_percentile / 100, 10)
    found = [state for state in states if state.frames]
    measured = {state.name: _measured(state, training, committee) for state in found}
    symbols = sorted({symbol for replicas in measured.values() for replica in replicas for symbol in replica})
    thresholds = {
        symbol: in_domain_threshold(
            training.heldout, composition=composition, symbol=symbol, percentile=in_domain_percentile
        )
        for symbol in symbols
    }
    rows = [
        _row(state, measured[state.name], thresholds, percentile=in_domain_percentile)
        | {
            "expected_force_error_eV_A": expected_force_error(
                state.frames, committee, calibration, composition=composition
            )
        }
        for state in found
    ]
    flags = [
        flag for row in rows for flag in _flags(row, training, expected=expected, limit=max_out_of_domain_fraction)
    ]
    result = {
        "schema": SCHEMA,
        "composition": composition,
        "status": _status(rows, thresholds, flags),
        "reason": _reason(states, thresholds, composition=composition),
        "in_domain_percentile": in_domain_percentile,
        "expected_fraction": expected,
        "training_environments": dict(training.facts),
        "thresholds": {symbol: _described(symbol, each, training) for symbol, each in thresholds.items()},
        "states": rows,
        "worst": _worst([row for row in rows if row["out_of_domain_fraction"]]),
        "flags": flags,
    }
    return result, Distances(measured, thresholds)


def _measured(
    state: SimulatedState, training: TrainingEnvironments, committee: Committee
) -> list[dict[str, np.ndarray]]:
    distances = training.distances(environments(state.frames, committee))
    return list(by_cell(distances, state.frames, state.replicas).values())


def _row(
    state: SimulatedState,
    replicas: Sequence[Mapping[str, np.ndarray]],
    thresholds: Mapping[str, InDomainThreshold],
    *,
    percentile: float,
) -> dict:
    known = {symbol: each for symbol, each in thresholds.items() if each.limit is not None}
    elements = {}
    for symbol in thresholds:
        distances = np.concatenate([replica[symbol] for replica in replicas])
        own = {symbol: known[symbol]} if symbol in known else {}
        elements[symbol] = {
            "atoms": len(distances),
            "out_of_domain_fraction": _fraction(replicas, own, percentile=percentile),
            "median_distance": finite(np.median(distances)),
        }
    return {
        "state": state.name,
        "replicas": len(replicas),
        "frames": len(state.frames),
        "missing": list(state.missing),
        "out_of_domain_fraction": _fraction(replicas, known, percentile=percentile),
        "elements": elements,
    }


def _fraction(
    replicas: Sequence[Mapping[str, np.ndarray]], thresholds: Mapping[str, InDomainThreshold], *, percentile: float
) -> dict[str, float] | None:
    return out_of_domain_fraction(replicas, thresholds, percentile=percentile) if thresholds else None


def _described(symbol: str, threshold: InDomainThreshold, training: TrainingEnvironments) -> dict:
    heldout = np.concatenate([np.empty(0), *threshold.distances.values()])
    return {
        "basis": threshold.basis,
        "heldout_atoms": threshold.atoms,
        "heldout_lineages": len(threshold.distances),
        "heldout_median": finite(np.median(heldout)) if len(heldout) else None,
        "limit": threshold.limit,
        "training_environments": training.facts["environments"].get(symbol, 0),
    }


def _worst(rows: Sequence[Mapping]) -> dict | None:
    if not rows:
        return None
    worst = max(rows, key=lambda row: row["out_of_domain_fraction"]["value"])
    return {"state": worst["state"], **worst["out_of_domain_fraction"]}


def _status(rows: Sequence[Mapping], thresholds: Mapping[str, InDomainThreshold], flags: Sequence[str]) -> str:
    if not rows:
        return NO_ACCEPTED_REPLICA
    if flags:
        return OUT_OF_DOMAIN
    return NOT_ASSESSED if any(each.basis == NONE for each in thresholds.values()) else IN_DOMAIN


def _reason(
    states: Sequence[SimulatedState], thresholds: Mapping[str, InDomainThreshold], *, composition: str
) -> str | None:
    """Why states or elements are not assessed."""
    if not any(state.frames for state in states):
        return "; ".join(f"{state.name}: {', '.join(state.missing)}" for state in states)
    unknown = sorted(symbol for symbol, each in thresholds.items() if each.basis == NONE)
    if not unknown:
        return None
    return (
        f"{composition}: too few held-out atoms for the threshold of {', '.join(unknown)}; raise "
        "learning.initial_structures.heldout_cells or lower domain.in_domain_percentile."
    )


def _flags(row: Mapping, training: TrainingEnvironments, *, expected: float, limit: float) -> list[str]:
    flags = []
    for symbol, element in row["elements"].items():
        if symbol not in training.features:
            flags.append(f"{row['state']}: no training frame has {symbol}; label a composition with it")
            continue
        fraction = element["out_of_domain_fraction"]
        if fraction and fraction["value"] > limit and fraction["value"] - 2 * fraction["error"] > expected:
            flags.append(
                f"{row['state']}: {100 * fraction['value']:.1f} ± {100 * fraction['error']:.1f} % of the environments "
                f"of {symbol} are out of domain ({100 * expected:g} % expected)"
            )
    return flags
