"""Whether the labels of a potential cover a composition: its replicas as they were quenched, and its dynamics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from saltflow.analysis.no_result import NO_ACCEPTED_REPLICA
from saltflow.learning.domain.descriptors import by_cell, environments
from saltflow.learning.domain.expected_error import expected_error
from saltflow.learning.domain.out_of_domain import NONE, InDomainThreshold, share_beyond, threshold
from saltflow.learning.domain.training_environments import TrainingEnvironments
from saltflow.potentials.mace import Committee
from saltflow.statistics.estimate import finite

SCHEMA = 1
COVERED, NOT_COVERED, NOT_JUDGED = "covered", "not covered", "not judged"


@dataclass(frozen=True)
class State:
    """What is simulated of a composition: its replicas as they were quenched, or its dynamics at one temperature.

    name: "replica", or such as "MD at 900 K". frames: of all sound replicas. replicas: of each frame, the replica's number.
    missing: why other replicas are not among them.
    """

    name: str
    frames: Sequence[Atoms]
    replicas: Sequence[int]
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class Distances:
    """Distances to the nearest training environment, in standard deviations.

    states: name → of each replica, element → (atoms,). thresholds: element → held-out ones, with the limit.
    """

    states: Mapping[str, Sequence[Mapping[str, np.ndarray]]]
    thresholds: Mapping[str, InDomainThreshold]


def assess_domain(
    composition: str,
    states: Sequence[State],
    training_environments: TrainingEnvironments,
    committee: Committee,
    calibration: Mapping,
    *,
    in_domain_percentile: float,
    max_out_of_domain_fraction: float,
) -> tuple[dict, Distances]:
    """Which of a composition's environments no label covers, and what force errors are to be expected in them.

    Args:
        composition: its id.
        states: what is simulated of it.
        training_environments: what the labels of its potential training_environments.
        committee: of its potential; the environments are those that the first model sees.
        calibration: of the committee's spread.
        in_domain_percentile: of the held-out distances, the limit.
        max_out_of_domain_fraction: an element of which a larger share lies beyond its limit is flagged.

    Returns:
        the result, and the distances that it counts. status: covered, not covered, not judged (too few held-out cells),
        or no accepted replica. thresholds: element → basis, heldout_atoms, heldout_lineages, training_environments and limit
        in standard deviations. states: name, replicas, frames, missing; share (value and error, of the judged elements);
        elements (symbol → atoms, share, median_distance); expected_force_error_eV_A, as `expected_error` has it. worst:
        the state with the largest share. flags: sentences.
    """
    expected = round(1 - in_domain_percentile / 100, 10)
    found = [state for state in states if state.frames]
    measured = {state.name: _measured(state, training_environments, committee) for state in found}
    symbols = sorted({symbol for replicas in measured.values() for replica in replicas for symbol in replica})
    sticks = {
        symbol: threshold(
            training_environments.heldout, composition=composition, symbol=symbol, percentile=in_domain_percentile
        )
        for symbol in symbols
    }
    rows = [
        _row(state, measured[state.name], sticks, percentile=in_domain_percentile)
        | {"expected_force_error_eV_A": expected_error(state.frames, committee, calibration, composition=composition)}
        for state in found
    ]
    flags = [
        flag
        for row in rows
        for flag in _flags(row, training_environments, expected=expected, limit=max_out_of_domain_fraction)
    ]
    result = {
        "schema": SCHEMA,
        "composition": composition,
        "status": _status(rows, sticks, flags),
        "reason": _reason(states, sticks, composition=composition),
        "in_domain_percentile": in_domain_percentile,
        "expected_share": expected,
        "training_environments": dict(training_environments.facts),
        "thresholds": {symbol: _described(symbol, stick, training_environments) for symbol, stick in sticks.items()},
        "states": rows,
        "worst": _worst([row for row in rows if row["share"]]),
        "flags": flags,
    }
    return result, Distances(measured, sticks)


def _measured(
    state: State, training_environments: TrainingEnvironments, committee: Committee
) -> list[dict[str, np.ndarray]]:
    distances = training_environments.distances(environments(state.frames, committee))
    return list(by_cell(distances, state.frames, state.replicas).values())


def _row(
    state: State,
    replicas: Sequence[Mapping[str, np.ndarray]],
    sticks: Mapping[str, InDomainThreshold],
    *,
    percentile: float,
) -> dict:
    known = {symbol: stick for symbol, stick in sticks.items() if stick.limit is not None}
    elements = {}
    for symbol, stick in sticks.items():
        distances = np.concatenate([replica[symbol] for replica in replicas])
        one = {symbol: stick} if symbol in known else {}
        elements[symbol] = {
            "atoms": len(distances),
            "share": share_beyond(replicas, one, percentile=percentile) if one else None,
            "median_distance": finite(np.median(distances)),
        }
    return {
        "state": state.name,
        "replicas": len(replicas),
        "frames": len(state.frames),
        "missing": list(state.missing),
        "share": share_beyond(replicas, known, percentile=percentile) if known else None,
        "elements": elements,
    }


def _described(symbol: str, stick: InDomainThreshold, training_environments: TrainingEnvironments) -> dict:
    heldout = np.concatenate([np.empty(0), *stick.distances.values()])
    return {
        "basis": stick.basis,
        "heldout_atoms": stick.atoms,
        "heldout_lineages": len(stick.distances),
        "heldout_median": finite(np.median(heldout)) if len(heldout) else None,
        "limit": stick.limit,
        "training_environments": training_environments.facts["environments"].get(symbol, 0),
    }


def _worst(rows: Sequence[Mapping]) -> dict | None:
    if not rows:
        return None
    worst = max(rows, key=lambda row: row["share"]["value"])
    return {"state": worst["state"], **worst["share"]}


def _status(rows: Sequence[Mapping], sticks: Mapping[str, InDomainThreshold], flags: Sequence[str]) -> str:
    if not rows:
        return NO_ACCEPTED_REPLICA
    if flags:
        return NOT_COVERED
    return NOT_JUDGED if any(stick.basis == NONE for stick in sticks.values()) else COVERED


def _reason(states: Sequence[State], sticks: Mapping[str, InDomainThreshold], *, composition: str) -> str | None:
    """Why nothing, or not all, can be said."""
    if not any(state.frames for state in states):
        return "; ".join(f"{state.name}: {', '.join(state.missing)}" for state in states)
    unknown = sorted(symbol for symbol, stick in sticks.items() if stick.basis == NONE)
    if not unknown:
        return None
    return (
        f"{composition}: too few held-out atoms for the limit of {', '.join(unknown)}; raise "
        "learning.initial_structures.heldout_cells or lower domain.in_domain_percentile."
    )


def _flags(row: Mapping, training_environments: TrainingEnvironments, *, expected: float, limit: float) -> list[str]:
    flags = []
    for symbol, element in row["elements"].items():
        if symbol not in training_environments.features:
            flags.append(f"{row['state']}: no training frame has {symbol}; label a composition with it")
            continue
        share = element["share"]
        if share and share["value"] > limit and share["value"] - 2 * share["error"] > expected:
            flags.append(
                f"{row['state']}: no label covers {100 * share['value']:.1f} ± {100 * share['error']:.1f} % of the "
                f"environments of {symbol}, where of held-out cells it is {100 * expected:g} %"
            )
    return flags
