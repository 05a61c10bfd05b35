"""The two MD jobs of a sweep: melt and quench replicas; run all replicas of state points."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms

from saltflow.base.provenance import atomic_write
from saltflow.dynamics.constraints import Frozen
from saltflow.dynamics.earlier_run import EarlierRun
from saltflow.dynamics.looks import Judge, JudgedCells, rows_of, why_stopped
from saltflow.dynamics.observation import drifts_faster
from saltflow.dynamics.progress import CellEnd, Conditions, RunOutcome
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.schedule import (
    COOLING,
    Stage,
    production_schedule,
    quench_schedule,
    steps_of,
    timestep_fs,
)
from saltflow.materials.cells import check_acceptance, packing_units
from saltflow.materials.compositions import Composition
from saltflow.materials.density import density_g_cm3
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.protocol import MDPotential
from saltflow.trajectory.h5md import H5MDWriter, read_trajectory


def conditions(
    dynamics: Mapping,
    *,
    step_fs: float,
    checkpoint_ps: float,
    max_temperature_ratio: float,
    max_energy_drift_meV_atom_ps: float | None = None,
) -> Conditions:
    """Integration settings from the section `dynamics` and the job."""
    return Conditions(
        step_fs=step_fs,
        thermostat=dynamics["thermostat"],
        thermostat_time_fs=dynamics["thermostat_time_fs"],
        barostat_time_fs=dynamics["barostat_time_fs"],
        compressibility_per_GPa=dynamics["compressibility_per_GPa"],
        pressure_GPa=dynamics["pressure_GPa"],
        max_temperature_ratio=max_temperature_ratio,
        segment_ps=checkpoint_ps,
        max_energy_drift_meV_atom_ps=max_energy_drift_meV_atom_ps,
    )


def _with_stop_criteria(dynamics: Mapping, *, step_fs: float, checkpoint_ps: float) -> Conditions:
    criteria = dynamics["stop_criteria"]
    return conditions(dynamics, step_fs=step_fs, checkpoint_ps=checkpoint_ps, **criteria)


def quench(
    packed: Sequence[Atoms],
    composition: Composition,
    committee: MDPotential,
    *,
    dynamics: Mapping,
    acceptance: Mapping,
    checkpoint_ps: float,
    seeds: Sequence[int],
    workdir: Path,
    trajectory_paths: Sequence[Path],
    metadata: Sequence[Mapping],
) -> list[tuple[Atoms, dict]]:
    """Melt and quench packed cells into replicas, all in one batch; crystals are relaxed and annealed.

    A cell moves as it would alone.

    Args:
        packed: from `build_cell`.
        composition: what they are.
        committee: the released potential.
        dynamics: the section `dynamics`.
        acceptance: the section `cells.acceptance`.
        checkpoint_ps: time between checkpoints.
        seeds: of velocities, barostat and a stochastic thermostat of each cell.
        workdir: folder of checkpoints.
        trajectory_paths: file of the coarse trajectory of each quench.
        metadata: provenance of each trajectory.

    Returns:
        each replica (unwrapped, with velocities) and its record: status, problems, densities, steps, timestep_fs,
        evaluated_by (of `MDPotential`) and cooling (rate_K_per_ps, set temperature_K and volume_A3 of its frames; None
        for a crystal).
    """
    committee.check_elements(packed[0].numbers, composition=composition.id)
    step_fs = timestep_fs(packed[0].symbols, rules=dynamics["timestep_fs"])
    is_crystal = composition.start != "pack"
    schedule = quench_schedule(dynamics["quench"], cells=len(packed), step_fs=step_fs, crystal=is_crystal)
    ratio = dynamics["stop_criteria"]["max_temperature_ratio"]
    run = MDRun(
        packed,
        schedule,
        committee,
        conditions=conditions(dynamics, step_fs=step_fs, checkpoint_ps=checkpoint_ps, max_temperature_ratio=ratio),
        seeds=seeds,
        workdir=workdir,
    )
    outcomes = run.finish()
    run.write_trajectories(trajectory_paths, metadata=[dict(record) for record in metadata])
    replicas = []
    for cell, outcome, path in zip(packed, outcomes, trajectory_paths, strict=True):
        replica = _carry_over(outcome.atoms, cell)
        start = FrameInfo.of(cell).start_density_g_cm3
        problems = _problems(replica, composition, outcome, acceptance=acceptance, start_density_g_cm3=start)
        status = _status(problems)
        record = {
            "status": status,
            "problems": problems,
            "density_g_cm3": density_g_cm3(replica),
            "start_density_g_cm3": start,
            "steps": outcome.steps,
            "timestep_fs": step_fs,
            "evaluated_by": committee.evaluated_by,
            "cooling": _cooling(schedule, path, step_fs=step_fs, rate_K_per_ps=dynamics["quench"]["rate_K_per_ps"]),
        }
        replicas.append((FrameInfo.of(replica).set(status=status), record))
    return replicas


@dataclass(frozen=True)
class StatePointRun:
    """One temperature of a batch.

    temperature_K: of all its replicas. seeds, trajectory_paths: of each. metadata: provenance of the trajectories.
    judge: ends production at one of the looks of `dynamics.production.until_known`; None at the full length.
    earlier: a shorter run of it, from whose end it goes on; then it has a batch of its own.
    """

    temperature_K: float
    seeds: Sequence[int]
    trajectory_paths: Sequence[str | os.PathLike]
    metadata: Mapping
    judge: Judge | None = None
    earlier: EarlierRun | None = None


class StatePointOutcome(NamedTuple):
    """What became of a state point: its record, and the end of each replica that ran to it, else None."""

    record: dict
    ends: list[CellEnd | None]

    @property
    def is_whole(self) -> bool:
        """Whether every replica that was run came to its end."""
        statuses = [replica["status"] for replica in self.record["replicas"]]
        return all(end or status.startswith("not run") for end, status in zip(self.ends, statuses, strict=True))


class BatchOutcome(NamedTuple):
    """What became of a batch: a record of each cell, the rows of each judge, and the end of each cell, or None."""

    records: list[dict]
    looks: list[list[dict]]
    ends: list[CellEnd | None]


def run_state_points(
    replicas: Sequence[Atoms],
    composition: Composition,
    committee: MDPotential,
    *,
    points: Sequence[StatePointRun],
    dynamics: Mapping,
    acceptance: Mapping,
    checkpoint_ps: float,
    workdir: Path,
) -> list[StatePointOutcome]:
    """Equilibrate and run all replicas at one or several temperatures in one batch; each moves as it would alone.

    A replica that failed the acceptance criteria of the quench is not run: its trajectory has no frames and its status
    says why. A state point that its judge ends leaves the batch.

    Args:
        replicas: from `quench`, in order.
        points: temperatures of the batch.
        (the others as in `quench`)

    Returns:
        for each state point its end; the record has composition, temperature_K, timestep_fs, evaluated_by (of
        `MDPotential`), production_ps (its length), looks (rows of the judge), stopped_because, and replicas, of
        `run_batch`.
    """
    step_fs, together = timestep_fs(replicas[0].symbols, rules=dynamics["timestep_fs"]), len(replicas)
    temperatures_K = [point.temperature_K for point in points for _ in replicas]
    places = {number: range(number * together, (number + 1) * together) for number in range(len(points))}
    judged = {number: JudgedCells(places[number], point.judge) for number, point in enumerate(points) if point.judge}
    batch = run_batch(
        list(replicas) * len(points),
        composition,
        committee,
        schedule=lambda accepted: production_schedule(
            dynamics["production"], temperatures_K=[temperatures_K[index] for index in accepted], step_fs=step_fs
        ),
        dynamics=dynamics,
        acceptance=acceptance,
        checkpoint_ps=checkpoint_ps,
        seeds=[seed for point in points for seed in point.seeds],
        workdir=workdir,
        trajectory_paths=[path for point in points for path in point.trajectory_paths],
        metadata=[record for point in points for record in of_replicas(point.metadata, together)],
        judged=list(judged.values()),
        earlier=points[0].earlier,
    )
    looks = dict(zip(judged, batch.looks, strict=True))
    most = steps_of(dynamics["production"]["duration_ps"], step_fs=step_fs)

    def record(number: int, point: StatePointRun) -> dict:
        own = looks.get(number, [])
        steps = next((batch.ends[index].step for index in places[number] if batch.ends[index]), most)
        return {
            "composition": composition.id,
            "temperature_K": point.temperature_K,
            "timestep_fs": step_fs,
            "evaluated_by": committee.evaluated_by,
            "production_ps": steps * step_fs / 1000,
            "stopped_because": why_stopped(own, judged=point.judge is not None),
            "looks": own,
            "replicas": [batch.records[index] for index in places[number]],
        }

    return [
        StatePointOutcome(record(number, point), [batch.ends[index] for index in places[number]])
        for number, point in enumerate(points)
    ]


def of_replicas(metadata: Mapping, replicas: int) -> list[dict]:
    """The metadata of the trajectory of each replica of a state point."""
    return [{**metadata, "replica": number} for number in range(1, replicas + 1)]


def run_batch(
    cells: Sequence[Atoms],
    composition: Composition,
    committee: MDPotential,
    *,
    schedule: Callable[[Sequence[int]], list[Stage]],
    dynamics: Mapping,
    acceptance: Mapping,
    checkpoint_ps: float,
    seeds: Sequence[int],
    workdir: Path,
    trajectory_paths: Sequence[str | os.PathLike],
    metadata: Sequence[Mapping],
    frozen: Frozen | None = None,
    judged: Sequence[JudgedCells] = (),
    earlier: EarlierRun | None = None,
) -> BatchOutcome:
    """Run the accepted cells in one batch; the others get a trajectory without frames.

    Args:
        cells: quenched replicas; those whose status is "ok" are run.
        schedule: indices of the cells that are run → stages.
        metadata: of the trajectory of each, with the number of the replica.
        frozen: motions and groups of each cell.
        judged: which cells may end at a look, by their indices.
        earlier: run of the accepted cells that this one goes on from.
        (the others as in `run_state_points`)

    Returns:
        records: replica, status and problems; where it ran, density_g_cm3, conserved_drift_meV_atom_ps with its error,
        and steps.
    """
    accepted = [index for index, cell in enumerate(cells) if FrameInfo.of(cell).status == "ok"]
    outcomes: dict[int, RunOutcome] = {}
    looks: list[list[dict]] = [[] for _ in judged]
    if accepted:
        step_fs = timestep_fs(cells[0].symbols, rules=dynamics["timestep_fs"])
        run = MDRun(
            [cells[index] for index in accepted],
            schedule(accepted),
            committee,
            conditions=_with_stop_criteria(dynamics, step_fs=step_fs, checkpoint_ps=checkpoint_ps),
            seeds=[seeds[index] for index in accepted],
            workdir=workdir,
            frozen=frozen and Frozen(frozen.motions, [frozen.groups[index] for index in accepted]),
            earlier=earlier,
        )
        label = {index: number for number, index in enumerate(accepted)}
        running = [[label[index] for index in each.labels if index in label] for each in judged]
        ends = run.finish([JudgedCells(own, each.judge) for own, each in zip(running, judged, strict=True)])
        outcomes = dict(zip(accepted, ends, strict=True))
        looks = [rows_of(run.progress, place) for place in range(len(judged))]
        run.write_trajectories(
            [trajectory_paths[index] for index in accepted], metadata=[dict(metadata[index]) for index in accepted]
        )
    records = []
    for index, cell in enumerate(cells):
        if index in outcomes:
            found = _record(outcomes[index], cell, composition, dynamics=dynamics, acceptance=acceptance)
        else:
            _write_empty(trajectory_paths[index], cell, metadata[index])
            found = {"status": f"not run: {FrameInfo.of(cell).status}", "problems": []}
        records.append({"replica": metadata[index]["replica"], **found})
    return BatchOutcome(
        records, looks, [outcomes[index].end if index in outcomes else None for index in range(len(cells))]
    )


def _cooling(schedule: Sequence[Stage], trajectory_path: Path, *, step_fs: float, rate_K_per_ps: float) -> dict | None:
    """Set temperatures and volumes of the frames of the cooling; None without one."""
    names = [stage.name for stage in schedule]
    if COOLING not in names:
        return None
    place = names.index(COOLING)
    before, stage = sum(earlier.steps for earlier in schedule[:place]), schedule[place]
    trajectory = read_trajectory(trajectory_path)
    steps = np.rint(trajectory.times_ps * 1000 / step_fs).astype(int) - before
    cooling = (steps > 0) & (steps <= stage.steps)
    return {
        "rate_K_per_ps": rate_K_per_ps,
        "temperature_K": [stage.temperatures_K(int(step))[0] for step in steps[cooling]],
        "volume_A3": trajectory.observables["volume"][cooling].tolist(),
    }


def _record(
    outcome: RunOutcome, replica: Atoms, composition: Composition, *, dynamics: Mapping, acceptance: Mapping
) -> dict:
    final = _carry_over(outcome.atoms, replica)
    start_density_g_cm3 = FrameInfo.of(replica).start_density_g_cm3
    problems = _problems(final, composition, outcome, acceptance=acceptance, start_density_g_cm3=start_density_g_cm3)
    drift, limit = outcome.conserved_drift_meV_atom_ps, dynamics["stop_criteria"]["max_energy_drift_meV_atom_ps"]
    if drifts_faster(drift, outcome.conserved_drift_error_meV_atom_ps, limit=limit):
        problems.append(f"energy drift: {drift:.3g} meV per atom and ps exceeds {limit:g}; shorten the time step.")
    return {
        "status": _status(problems),
        "problems": problems,
        "density_g_cm3": density_g_cm3(final),
        "conserved_drift_meV_atom_ps": drift,
        "conserved_drift_error_meV_atom_ps": outcome.conserved_drift_error_meV_atom_ps,
        "steps": outcome.steps,
    }


def _problems(
    atoms: Atoms, composition: Composition, outcome: RunOutcome, *, acceptance: Mapping, start_density_g_cm3: float
) -> list[str]:
    stopped = [] if outcome.status == "ok" else [f"stopped: {outcome.status}"]
    units = packing_units(composition, FrameInfo.of(atoms).formula_units)
    return stopped + check_acceptance(
        atoms,
        start_density_g_cm3=start_density_g_cm3,
        units=units,
        min_density_ratio=acceptance["min_density_ratio"],
        min_pair_factor=acceptance["min_pair_factor"],
    )


def _status(problems: Sequence[str]) -> str:
    """ "ok", or the names of the criteria that were not met."""
    return ", ".join(dict.fromkeys(problem.split(":")[0] for problem in problems)) or "ok"


def _carry_over(atoms: Atoms, source: Atoms) -> Atoms:
    """Give a cell back what the dynamics does not know: its `FrameInfo`."""
    return FrameInfo.of(atoms).copy(source, unit=FrameInfo.of(source).unit)


def _write_empty(path: str | os.PathLike, replica: Atoms, metadata: Mapping) -> None:
    with atomic_write(path) as temporary:
        H5MDWriter(temporary, replica, metadata=metadata)
