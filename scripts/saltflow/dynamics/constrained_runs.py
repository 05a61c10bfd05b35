"""Constrained runs: the production of a state point again, with some motion of its groups frozen."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ase import Atoms

from saltflow.dynamics.constraints import Frozen
from saltflow.dynamics.runs import of_replicas, run_batch
from saltflow.dynamics.schedule import constrained_schedule, steps_of, timestep_fs
from saltflow.materials.compositions import Composition
from saltflow.materials.frame_info import FrameInfo
from saltflow.materials.groups import AtomGroup, impose_shapes
from saltflow.materials.groups.persistence import sampled_frames
from saltflow.potentials.protocol import MDPotential
from saltflow.trajectory.h5md import TrajectoryFile


def run_constrained_state_point(
    replicas: Sequence[Atoms],
    free_runs: Sequence[TrajectoryFile],
    found: Mapping,
    composition: Composition,
    committee: MDPotential,
    *,
    motions: str,
    temperature_K: float,
    constraints: Mapping,
    dynamics: Mapping,
    acceptance: Mapping,
    checkpoint_ps: float,
    seeds: Sequence[int],
    workdir: Path,
    trajectory_paths: Sequence[str | os.PathLike],
    metadata: Mapping,
) -> dict:
    """Run all replicas of a state point with some motion of their groups frozen.

    Cell and positions are those of the last frame of the free run, so that the volume is that of production. Every
    group gets its mean shape over that run, in place. Velocities are drawn anew.

    Args:
        replicas: from `quench`, in order.
        free_runs: trajectory of each at this temperature.
        found: groups.json of the state point.
        motions: frozen ones, of "T", "R" and "V".
        constraints: the section `constraints`.
        (the others as in `run_state_points`)

    Returns:
        the record of `run_state_points`, with the mode and the number of frozen groups of each replica.
    """
    starts, groups = [], []
    for replica, run, own in zip(replicas, free_runs, found["replicas"], strict=True):
        chosen = [AtomGroup(group["kind"], tuple(group["atoms"])) for group in own["groups"]]
        starts.append(_start(replica, run, chosen, status=own["status"]))
        groups.append([group.atoms for group in chosen])
    step_fs = timestep_fs(replicas[0].symbols, rules=dynamics["timestep_fs"])
    records = run_batch(
        starts,
        composition,
        committee,
        schedule=lambda accepted: constrained_schedule(
            constraints, temperature_K=temperature_K, cells=len(accepted), step_fs=step_fs
        ),
        dynamics=dynamics,
        acceptance=acceptance,
        checkpoint_ps=checkpoint_ps,
        seeds=seeds,
        workdir=workdir,
        trajectory_paths=trajectory_paths,
        metadata=of_replicas(metadata, len(replicas)),
        frozen=Frozen(motions, groups),
    ).records
    for record, own in zip(records, groups, strict=True):
        record["frozen_groups"] = len(own)
    return {
        "composition": composition.id,
        "mode": motions,
        "temperature_K": temperature_K,
        "timestep_fs": step_fs,
        "evaluated_by": committee.evaluated_by,
        "production_ps": steps_of(constraints["duration_ps"], step_fs=step_fs) * step_fs / 1000,
        "replicas": records,
    }


def _start(replica: Atoms, run: TrajectoryFile, groups: Sequence[AtomGroup], *, status: str) -> Atoms:
    """The cell at which a constrained run begins; the replica itself, with its status, where the groups have none."""
    start = replica.copy()
    if status == "ok":
        frames_A = run.read_positions_A(sampled_frames(run.n_frames), slice(None)).astype(float)
        start.set_cell(run.cells_A[-1])
        start.positions = frames_A[-1]
        start = impose_shapes(start, groups, frames_A)
    return FrameInfo.of(start).copy(replica, status=status.removeprefix("not run: "))
