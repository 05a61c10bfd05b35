"""Molecular dynamics of cells with a committee, and its frames with the committee disagreement."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.provenance import derive_seed
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.runs import conditions
from saltflow.dynamics.schedule import exploration_schedule, timestep_fs
from saltflow.learning.sampling.sampled_cells import plain_frame
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee
from saltflow.trajectory.h5md import read_trajectory

RELAX_STEPS = 100
LARGEST_TEMPERATURE_RATIO = 4.0


def drive_cells(
    cells: Sequence[Atoms],
    committee: Committee,
    *,
    temperatures_K: Sequence[float],
    duration_ps: float,
    stride_fs: float,
    dynamics: Mapping,
    checkpoint_ps: float,
    seed: int,
    workdir: Path,
    origin: str,
) -> list[Atoms]:
    """Relax and heat cells with a committee; returns the recorded frames, and the last before a crash.

    Frames have `temperature_K` and `time_ps` of `FrameInfo`, the last one of a cell `run_status`, `run_end_ps` and
    `requested_ps`.

    Args:
        cells: starting cells with composition, lineage and split.
        committee: the potential; its disagreement is `force_std_eV_A` of each frame.
        temperatures_K: of the cells in turn.
        duration_ps, stride_fs: length of the heating and time between frames.
        dynamics: the section `dynamics` (time step and thermostat).
        checkpoint_ps: time between checkpoints.
        seed: of the velocities.
        workdir: folder of checkpoints.
        origin: first word of the origin of each frame.
    """
    symbols = {symbol for cell in cells for symbol in cell.symbols}
    step_fs = timestep_fs(symbols, rules=dynamics["timestep_fs"])
    temperatures = [temperatures_K[index % len(temperatures_K)] for index in range(len(cells))]
    schedule = exploration_schedule(
        temperatures_K=temperatures,
        relax_steps=RELAX_STEPS,
        duration_ps=duration_ps,
        stride_fs=stride_fs,
        step_fs=step_fs,
    )
    run = MDRun(
        cells,
        schedule,
        committee,
        conditions=conditions(
            dynamics,
            step_fs=step_fs,
            checkpoint_ps=checkpoint_ps,
            max_temperature_ratio=LARGEST_TEMPERATURE_RATIO,
        ),
        seeds=[derive_seed(seed, FrameInfo.of(cell).lineage) for cell in cells],
        workdir=workdir,
    )
    outcomes = run.finish()
    relaxed_ps = RELAX_STEPS * step_fs / 1000
    paths = [workdir / f"cell{index}.h5md" for index in range(len(cells))]
    run.write_trajectories(paths, metadata=[FrameInfo.of(cell).as_dict() for cell in cells])
    frames = []
    for cell, path, outcome, temperature_K in zip(cells, paths, outcomes, temperatures, strict=True):
        trajectory = read_trajectory(path)
        info = {"origin": f"{origin}:{temperature_K:g}K", "temperature_K": temperature_K}
        times_ps = (trajectory.times_ps - relaxed_ps).round(6).tolist()
        for time_ps, *where in zip(times_ps, trajectory.positions_A, trajectory.cells_A, strict=True):
            frames.append(_moved(cell, *where, **info, time_ps=time_ps))
        if outcome.status != "ok":
            frames.append(_moved(cell, outcome.atoms.positions, outcome.atoms.cell.array, **info))
        ended_ps = round(outcome.steps * step_fs / 1000 - relaxed_ps, 6)
        FrameInfo.of(frames[-1]).set(run_status=outcome.status, run_end_ps=ended_ps, requested_ps=duration_ps)
    return with_force_std(frames, committee)


def _moved(cell: Atoms, positions_A: np.ndarray, box_A: np.ndarray, *, origin: str, **info: float) -> Atoms:
    frame = cell.copy()
    frame.set_cell(box_A)
    frame.positions = positions_A
    FrameInfo.of(frame).set(**info)
    frame.wrap()
    return plain_frame(frame, origin=origin)


def with_force_std(frames: Sequence[Atoms], committee: Committee) -> list[Atoms]:
    """Set `force_std_eV_A` of each frame: the largest committee disagreement of its atoms, not calibrated."""
    for frame in frames:
        potential, *where = committee.on_frame(frame)
        FrameInfo.of(frame).force_std_eV_A = potential.evaluate(*where, all_models=True).force_std.max()
    return list(frames)
