"""Molecular dynamics of a slab in gas, or of two slabs, in replicas of one batch; a killed run goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import derive_seed, provenance, read_json, write_json
from saltflow.dynamics.observation import drifts_faster
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.runs import conditions, of_replicas
from saltflow.dynamics.schedule import Stage, steps_of, timestep_fs
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.shipped_settings import shipped_settings
from saltflow.trajectory.h5md import TrajectoryFile, open_trajectory

LARGEST_TEMPERATURE_RATIO = 4.0  # reactions set heat free
CHECKPOINTS, LEAST_CHECKPOINT_PS = 100, 0.1
OF_DYNAMICS = ("duration_ps", "interval_fs", "temperature_K", "ramp_K", "seed", "potential", "potential_sha256")


@dataclass(frozen=True)
class InterfaceRun:
    """Finished dynamics.

    Attributes:
        trajectories: of each replica.
        replicas: of each, status (ok, or why it was stopped), steps, conserved_drift_meV_atom_ps with its error, and
            drifts (whether it is above the limit of the settings).
        timestep_fs: time step.
    """

    trajectories: Sequence[TrajectoryFile]
    replicas: Sequence[Mapping]
    timestep_fs: float


def run_interface(cells: Sequence[Atoms], potential: MDPotential, *, settings: Mapping, folder: Path) -> InterfaceRun:
    """Run cells at a constant volume with a thermostat, or keep what the folder holds of the same settings and cells.

    Args:
        cells: one per replica, at rest, periodic in three directions.
        potential: of the engine.
        settings: duration_ps, interval_fs (between frames), temperature_K (at the start), ramp_K (its rise over the
            run), seed, potential and potential_sha256.
        folder: of md.json and trajectory1.h5md, …

    Raises:
        Interrupted: the job was told to stop; a checkpoint is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dynamics = shipped_settings()["dynamics"]
    chosen = {name: settings[name] for name in OF_DYNAMICS}
    record = folder / "md.json"
    paths = [folder / f"trajectory{number}.h5md" for number in range(1, len(cells) + 1)]
    made_from = [[str(cell.symbols), cell.cell.array.tolist(), cell.positions.tolist()] for cell in cells]
    job = LongJob([record, *paths], [chosen, dynamics, made_from], inputs=())
    if not job.is_done():
        with job.scratch() as workdir:
            _run(cells, potential, chosen, dynamics, workdir=workdir, paths=paths, record=record)
    found = read_json(record)
    return InterfaceRun([open_trajectory(path) for path in paths], found["replicas"], found["timestep_fs"])


def _run(
    cells: Sequence[Atoms],
    potential: MDPotential,
    settings: Mapping,
    dynamics: Mapping,
    *,
    workdir: Path,
    paths: Sequence[Path],
    record: Path,
) -> None:
    step_fs = timestep_fs({symbol for cell in cells for symbol in cell.symbols}, rules=dynamics["timestep_fs"])
    start_K = (float(settings["temperature_K"]),) * len(cells)
    end_K = tuple(each + settings["ramp_K"] for each in start_K)
    steps = steps_of(settings["duration_ps"], step_fs=step_fs)
    interval = max(1, round(settings["interval_fs"] / step_fs))
    checkpoint_ps = max(LEAST_CHECKPOINT_PS, settings["duration_ps"] / CHECKPOINTS)
    run = MDRun(
        cells,
        [Stage("hold", "nvt", steps, start_K, end_K, frame_interval=interval)],
        potential,
        conditions=conditions(
            dynamics,
            step_fs=step_fs,
            checkpoint_ps=checkpoint_ps,
            max_temperature_ratio=LARGEST_TEMPERATURE_RATIO,
        ),
        seeds=[derive_seed(settings["seed"], "velocities", number) for number in range(len(cells))],
        workdir=workdir,
    )
    outcomes = run.finish()
    made = provenance(settings=dict(settings) | {"dynamics": dynamics}, inputs={})
    described = {"potential": settings["potential"], "temperature_K": settings["temperature_K"], **made}
    run.write_trajectories(paths, metadata=of_replicas(described, len(cells)))
    limit = dynamics["stop_criteria"]["max_energy_drift_meV_atom_ps"]
    rows = [
        {
            "status": outcome.status,
            "steps": outcome.steps,
            "conserved_drift_meV_atom_ps": (drift := outcome.conserved_drift_meV_atom_ps),
            "conserved_drift_error_meV_atom_ps": (error := outcome.conserved_drift_error_meV_atom_ps),
            "drifts": drifts_faster(drift, error, limit=limit),
        }
        for outcome in outcomes
    ]
    write_json(record, {"timestep_fs": step_fs, "replicas": rows, "provenance": made})
