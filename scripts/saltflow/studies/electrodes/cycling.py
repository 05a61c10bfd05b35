"""Charge and discharge of a host as dynamics, cycle after cycle, one kept file per step."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms

from saltflow.base.provenance import digest
from saltflow.studies.electrodes.configurations import UNPHYSICAL
from saltflow.studies.electrodes.cycle_step import Stepper, StepState
from saltflow.studies.electrodes.degradation import Degradation
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.staging import layered_measures
from saltflow.studies.electrodes.trapping import trapped_ions
from saltflow.studies.electrodes.voltages import voltage_V
from saltflow.studies.kept_numbers import kept_numbers, numbers_of, structure_of

CHARGE, DISCHARGE, START = "charge", "discharge", "start"

log = logging.getLogger(__name__)


class Move(NamedTuple):
    """A step that is to be made: of a cycle, counted from 1; ions that are added."""

    cycle: int
    direction: str
    added: int


def moves_of(start: int, *, least: int, most: int, per_step: int, cycles: int) -> Iterator[Move]:
    """Steps of so many cycles: from a start to the farther end, to the other one, and back to where it began.

    Args:
        start: ions at the start.
        least, most: ions at the ends.
        per_step: ions that a step moves; the last one before an end perhaps fewer.
        cycles: how many.
    """
    begins_full = start - least >= most - start
    way = (least, most) if begins_full else (most, least)
    ions = start
    for cycle in range(1, cycles + 1):
        for end in (*way, start):
            while ions != end:
                added = int(np.clip(end - ions, -per_step, per_step))
                yield Move(cycle, DISCHARGE if added > 0 else CHARGE, added)
                ions += added


def cycle_host(
    host: Host,
    stepper: Stepper,
    start: Atoms,
    moves: Sequence[Move],
    *,
    metal_eV: float,
    layer_of: str | None,
    key: object,
    folder: Path,
) -> tuple[list[dict], list[Atoms], str]:
    """Make the steps that the folder does not hold yet, until the host falls apart.

    Args:
        host: framework and sites.
        stepper: of this host.
        start: the framework first, then the ions.
        moves: of `moves_of`.
        metal_eV: energy of an atom of the bulk metal.
        layer_of: element of the layers of a layered host.
        key: JSON-able, of host, potential and settings.
        folder: of the steps.

    Returns:
        rows (of each step, the start first), the structure after each good step, and ok or why the host was stopped.
    """
    degradation = Degradation(host)
    total = len(start) - len(host.framework)
    state, rows, frames, made = start, [], [], key
    for number, move in enumerate((Move(0, START, 0), *moves)):
        made = digest([made, list(move)])
        work = folder / f"dynamics{number:04d}_{made}"

        def step(before: Atoms = state, move: Move = move, number: int = number, work: Path = work) -> dict:
            return _written(stepper.step(before, added=move.added, number=number, workdir=work))

        found = _read(kept_numbers(folder / f"step{number:04d}.json", step, key=made))
        if not found.holds:
            log.warning("Step %s of %s: the host %s.", number, len(moves), found.status)
            return rows, frames, f"step {number}, {move.direction}: {found.status}"
        ions = len(found.after) - len(host.framework)
        before_eV = rows[-1]["energy_eV"] if rows else np.nan
        rows.append(
            {
                "step": number,
                "cycle": move.cycle,
                "direction": move.direction,
                "x": ions / host.sites,
                "ions": ions,
                "ions_taken_out": total - ions,
                "formula": found.after.get_chemical_formula("metal"),
                "energy_eV": found.energy_eV,
                "voltage_V": voltage_V(found.energy_eV - before_eV, move.added, metal_eV) if move.added else None,
                "volume_A3_per_site": float(found.after.get_volume() / host.sites),
                "cell_A": found.after.cell.array.tolist(),
                "status": found.status,
                **_stresses(found),
                **degradation.of(found.relaxed),
                **(layered_measures(found.relaxed, host.ion, layer_of) if layer_of else {}),
                **(trapped_ions(host, found.relaxed) if len(host.vacancies_A) else {}),
            }
        )
        state = found.after
        frames.append(state)
        log.info("Step %s of %s, %s: x %.3f, %s.", number, len(moves), move.direction, rows[-1]["x"], found.status)
    return rows, frames, "ok"


def cycle_summary(rows: Sequence[Mapping], host: Host) -> list[dict]:
    """Mean voltages of each whole cycle, their difference, and what did not come back.

    Returns:
        per cycle: cycle, charge_V and discharge_V (means over steps, weighted by ions), hysteresis_V,
        irreversible_eV_per_site (energy at the end less that before), and displaced_fraction at its end.
    """
    found = []
    for cycle in sorted({row["cycle"] for row in rows} - {0}):
        own = [row for row in rows if row["cycle"] == cycle]
        before = [row for row in rows if row["cycle"] < cycle][-1]
        if own[-1]["ions"] != before["ions"]:
            continue  # it was stopped
        means = {}
        for direction in (CHARGE, DISCHARGE):
            steps = [row for row in rows if row["cycle"] == cycle and row["direction"] == direction]
            moved = [abs(row["ions"] - rows[row["step"] - 1]["ions"]) for row in steps]
            means[direction] = float(np.average([row["voltage_V"] for row in steps], weights=moved))
        found.append(
            {
                "cycle": cycle,
                "charge_V": means[CHARGE],
                "discharge_V": means[DISCHARGE],
                "hysteresis_V": means[CHARGE] - means[DISCHARGE],
                "irreversible_eV_per_site": (own[-1]["energy_eV"] - before["energy_eV"]) / host.sites,
                "displaced_fraction": own[-1]["displaced_fraction"],
            }
        )
    return found


def _stresses(state: StepState) -> dict:
    """Of a step: with the ions changed and nothing else, and at rest."""
    before, after = state.stress_GPa or (None, None)
    return {"stress_changed_GPa": before, "stress_relaxed_GPa": after}


def _written(state: StepState) -> dict:
    return {
        "energy_eV": state.energy_eV if np.isfinite(state.energy_eV) else None,
        "status": state.status,
        "stress_GPa": state.stress_GPa,
        "relaxed": numbers_of(state.relaxed) if state.status != UNPHYSICAL else None,
        "after": numbers_of(state.after),
    }


def _read(numbers: Mapping) -> StepState:
    after, relaxed = (each and structure_of(each) for each in (numbers["after"], numbers["relaxed"]))
    energy_eV = numbers["energy_eV"]
    energy_eV = np.nan if energy_eV is None else energy_eV
    return StepState(relaxed or after, after, energy_eV, numbers["status"], numbers.get("stress_GPa"))
