"""Cycles of a host from the settings of the study, with their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from saltflow.base.provenance import atomic_write, derive_seed, digest
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.asymmetry import asymmetry, stage_sequences
from saltflow.studies.electrodes.cycle_step import Stepper
from saltflow.studies.electrodes.cycling import cycle_host, cycle_summary, moves_of
from saltflow.studies.electrodes.host import Host
from saltflow.studies.shipped_settings import shipped_settings

OF_A_STEP = (
    "fixed_cell", "rule", "axis", "candidates", "force_eV_A", "steps", "seed", "md_ps", "temperature_K", "ensemble",
)  # fmt: skip


def run_cycles(
    host: Host,
    potential: MDPotential,
    *,
    ends: tuple[int, int],
    metal_eV: float,
    settings: Mapping,
    folder: Path,
) -> dict:
    """Charge and discharge a host, in replicas; steps that the folder holds are not made again.

    Args:
        host: framework and sites.
        potential: of the engine.
        ends: least and most ions.
        metal_eV: energy of an atom of the bulk metal.
        settings: cycles, cycle_replicas, ions_per_step, layers, those of `Stepper`, and what tells one potential from
            another.
        folder: of the study: cycles/ with the steps, cycles.extxyz with the state after each, and last_good.extxyz
            where the host fell apart; those of further replicas have a number.

    Returns:
        of the first replica status (ok, or why the cycles were stopped), steps (rows of `cycle_host`), cycles (of
        `cycle_summary`) and stages (of `stage_sequences`); of all replicas (seed, status, cycles) and asymmetry.
    """
    replicas = []
    for number in range(1, settings["cycle_replicas"] + 1):
        seed = settings["seed"] if number == 1 else derive_seed(settings["seed"], "replica of cycles", number)
        chosen = dict(settings) | {"seed": seed}
        suffix = "" if number == 1 else f"_{number}"
        found = _run_replica(
            host, potential, ends=ends, metal_eV=metal_eV, settings=chosen, folder=folder, suffix=suffix
        )
        replicas.append({"seed": seed} | found)
    first = replicas[0]
    return {
        "status": first["status"],
        "steps": first["steps"],
        "cycles": first["cycles"],
        "stages": stage_sequences(first["steps"]) if settings["layers"] else {},
        "replicas": [{key: each[key] for key in ("seed", "status", "cycles")} for each in replicas],
        "asymmetry": asymmetry([each["steps"] for each in replicas]),
    }


def _run_replica(
    host: Host,
    potential: MDPotential,
    *,
    ends: tuple[int, int],
    metal_eV: float,
    settings: Mapping,
    folder: Path,
    suffix: str,
) -> dict:
    dynamics = shipped_settings()["dynamics"]
    chosen = {name: settings[name] for name in (*OF_A_STEP, "potential", "potential_sha256")}
    start = host.filled(host.given)
    places = [each.round(4).tolist() for each in (start.cell.array, start.positions, host.sites_A)]
    key = digest([chosen, dynamics, str(start.symbols), *places])
    moves = moves_of(
        int(np.clip(host.given.sum(), *ends)),
        least=ends[0],
        most=ends[1],
        per_step=settings["ions_per_step"],
        cycles=settings["cycles"],
    )
    if not ends[0] <= host.given.sum() <= ends[1]:  # begin at the end of the range that is nearest
        start = host.filled(np.arange(host.sites) < np.clip(host.given.sum(), *ends))
    steps = folder / f"cycles{suffix}"
    steps.mkdir(exist_ok=True)
    rows, frames, status = cycle_host(
        host,
        Stepper(host, potential, settings=chosen, dynamics=dynamics),
        start,
        list(moves),
        metal_eV=metal_eV,
        layer_of=settings["layers"],
        key=key,
        folder=steps,
    )
    if frames:
        write_frames(frames, folder / f"cycles{suffix}.extxyz")
    if status != "ok":
        write_frames(frames[-1:] or [start], folder / f"last_good{suffix}.extxyz")
    return {"status": status, "steps": rows, "cycles": cycle_summary(rows, host)}


def write_frames(frames: Sequence[Atoms], path: Path) -> None:
    """Structures, wrapped, as extended XYZ."""
    wrapped = [frame.copy() for frame in frames]
    for frame in wrapped:
        frame.wrap()
    with atomic_write(path) as temporary:
        ase.io.write(temporary, wrapped, format="extxyz")
