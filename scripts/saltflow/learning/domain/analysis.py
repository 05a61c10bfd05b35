"""Whether the labels of a potential cover a composition: its glasses as they were quenched, and its dynamics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from saltflow.analysis.no_result import NO_SOUND_GLASS
from saltflow.learning.domain.descriptors import by_cell, environments
from saltflow.learning.domain.expected_error import expected_error
from saltflow.learning.domain.out_of_domain import NONE, Yardstick, share_beyond, yardstick
from saltflow.learning.domain.training_environments import Taught
from saltflow.potentials.mace import Committee
from saltflow.statistics.estimate import finite

SCHEMA = 1
COVERED, NOT_COVERED, NOT_JUDGED = "covered", "not covered", "not judged"


@dataclass(frozen=True)
class State:
    """What is simulated of a composition: its glasses as they were quenched, or its dynamics at one temperature.

    name: "glass", or such as "MD at 900 K". frames: of all sound glasses. glasses: of each frame, the glass's number.
    missing: why other glasses are not among them.
    """

    name: str
    frames: Sequence[Atoms]
    glasses: Sequence[int]
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class Distances:
    """Distances to the nearest training environment, in standard deviations.

    states: name → of each glass, element → (atoms,). yardsticks: element → held-out ones, with the limit.
    """

    states: Mapping[str, Sequence[Mapping[str, np.ndarray]]]
    yardsticks: Mapping[str, Yardstick]


def cover_glass(
    composition: str,
    states: Sequence[State],
    taught: Taught,
    committee: Committee,
    calibration: Mapping,
    *,
    heldout_percentile: float,
    max_uncovered_share: float,
) -> tuple[dict, Distances]:
    """Which of a composition's environments no label covers, and what force errors are to be expected in them.

    Args:
        composition: its id.
        states: what is simulated of it.
        taught: what the labels of its potential taught.
        committee: of its potential; the environments are those that the first model sees.
        calibration: of the committee's spread.
        heldout_percentile: of the held-out distances, the limit.
        max_uncovered_share: an element of which a larger share lies beyond its limit is flagged.

    Returns:
        the result, and the distances that it counts. status: covered, not covered, not judged (too few held-out cells),
        or no sound glass. yardsticks: element → basis, heldout_atoms, heldout_lineages, training_environments and limit
        in standard deviations. states: name, glasses, frames, missing; share (value and error, of the judged elements);
        elements (symbol → atoms, share, median_distance); expected_force_error_eV_A, as `expected_error` has it. worst:
        the state with the largest share. flags: sentences.
    """
    expected = round(1 - heldout_percentile / 100, 10)
    found = [state for state in states if state.frames]
    measured = {state.name: _measured(state, taught, committee) for state in found}
    symbols = sorted({symbol for glasses in measured.values() for glass in glasses for symbol in glass})
    sticks = {
        symbol: yardstick(taught.heldout, composition=composition, symbol=symbol, percentile=heldout_percentile)
        for symbol in symbols
    }
    rows = [
        _row(state, measured[state.name], sticks, percentile=heldout_percentile)
        | {"expected_force_error_eV_A": expected_error(state.frames, committee, calibration, composition=composition)}
        for state in found
    ]
    flags = [flag for row in rows for flag in _flags(row, taught, expected=expected, limit=max_uncovered_share)]
    result = {
        "schema": SCHEMA,
        "composition": composition,
        "status": _status(rows, sticks, flags),
        "reason": _reason(states, sticks, composition=composition),
        "heldout_percentile": heldout_percentile,
        "expected_share": expected,
        "taught": dict(taught.facts),
        "yardsticks": {symbol: _described(symbol, stick, taught) for symbol, stick in sticks.items()},
        "states": rows,
        "worst": _worst([row for row in rows if row["share"]]),
        "flags": flags,
    }
    return result, Distances(measured, sticks)


def _measured(state: State, taught: Taught, committee: Committee) -> list[dict[str, np.ndarray]]:
    distances = taught.distances(environments(state.frames, committee))
    return list(by_cell(distances, state.frames, state.glasses).values())


def _row(
    state: State,
    glasses: Sequence[Mapping[str, np.ndarray]],
    sticks: Mapping[str, Yardstick],
    *,
    percentile: float,
) -> dict:
    known = {symbol: stick for symbol, stick in sticks.items() if stick.limit is not None}
    elements = {}
    for symbol, stick in sticks.items():
        distances = np.concatenate([glass[symbol] for glass in glasses])
        one = {symbol: stick} if symbol in known else {}
        elements[symbol] = {
            "atoms": len(distances),
            "share": share_beyond(glasses, one, percentile=percentile) if one else None,
            "median_distance": finite(np.median(distances)),
        }
    return {
        "state": state.name,
        "glasses": len(glasses),
        "frames": len(state.frames),
        "missing": list(state.missing),
        "share": share_beyond(glasses, known, percentile=percentile) if known else None,
        "elements": elements,
    }


def _described(symbol: str, stick: Yardstick, taught: Taught) -> dict:
    heldout = np.concatenate([np.empty(0), *stick.distances.values()])
    return {
        "basis": stick.basis,
        "heldout_atoms": stick.atoms,
        "heldout_lineages": len(stick.distances),
        "heldout_median": finite(np.median(heldout)) if len(heldout) else None,
        "limit": stick.limit,
        "training_environments": taught.facts["environments"].get(symbol, 0),
    }


def _worst(rows: Sequence[Mapping]) -> dict | None:
    if not rows:
        return None
    worst = max(rows, key=lambda row: row["share"]["value"])
    return {"state": worst["state"], **worst["share"]}


def _status(rows: Sequence[Mapping], sticks: Mapping[str, Yardstick], flags: Sequence[str]) -> str:
    if not rows:
        return NO_SOUND_GLASS
    if flags:
        return NOT_COVERED
    return NOT_JUDGED if any(stick.basis == NONE for stick in sticks.values()) else COVERED


def _reason(states: Sequence[State], sticks: Mapping[str, Yardstick], *, composition: str) -> str | None:
    """Why nothing, or not all, can be said."""
    if not any(state.frames for state in states):
        return "; ".join(f"{state.name}: {', '.join(state.missing)}" for state in states)
    unknown = sorted(symbol for symbol, stick in sticks.items() if stick.basis == NONE)
    if not unknown:
        return None
    return (
        f"{composition}: too few held-out atoms for the limit of {', '.join(unknown)}; raise "
        "learning.seeds.heldout_cells or lower coverage.heldout_percentile."
    )


def _flags(row: Mapping, taught: Taught, *, expected: float, limit: float) -> list[str]:
    flags = []
    for symbol, element in row["elements"].items():
        if symbol not in taught.features:
            flags.append(f"{row['state']}: no training frame has {symbol}; label a composition with it")
            continue
        share = element["share"]
        if share and share["value"] > limit and share["value"] - 2 * share["error"] > expected:
            flags.append(
                f"{row['state']}: no label covers {100 * share['value']:.1f} ± {100 * share['error']:.1f} % of the "
                f"environments of {symbol}, where of held-out cells it is {100 * expected:g} %"
            )
    return flags
