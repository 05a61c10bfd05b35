"""The simulated states of a composition: its quenched replicas, and its molecular dynamics at a temperature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.provenance import read_json
from saltflow.labels.frames import read_cell
from saltflow.materials.frame_info import FrameInfo
from saltflow.trajectory.h5md import open_trajectory

QUENCHED = "quenched"


@dataclass(frozen=True)
class SimulatedState:
    """Frames of one simulated state.

    name: "quenched", or such as "MD at 900 K". frames: of all accepted replicas. replicas: index of the replica of each
    frame. missing: why other replicas have no frames.
    """

    name: str
    frames: Sequence[Atoms]
    replicas: Sequence[int]
    missing: Sequence[str] = ()


def quenched(paths: Sequence[str | Path]) -> SimulatedState:
    """The quenched replicas that met the acceptance criteria; of a crystal, the annealed ones.

    Args:
        paths: quenched.extxyz of every replica, in order.
    """
    replicas = [read_cell(path) for path in paths]
    statuses = [FrameInfo.of(replica).status for replica in replicas]
    accepted = [index for index, status in enumerate(statuses) if status == "ok"]
    frames = [replicas[index] for index in accepted]
    return SimulatedState(QUENCHED, frames, accepted, _missing(statuses))


def moving(record: str | Path, trajectories: Sequence[str | Path], *, frames_per_replica: int) -> SimulatedState:
    """Molecular dynamics at one temperature: evenly spaced frames of each accepted replica.

    Args:
        record: md.json of the state point.
        trajectories: H5MD file of every replica, in order.
        frames_per_replica: number of frames, the last one included.
    """
    state_point = read_json(record)
    statuses = [replica["status"] for replica in state_point["replicas"]]
    frames, replicas = [], []
    for index, (path, status) in enumerate(zip(trajectories, statuses, strict=True)):
        if status == "ok":
            sampled = _sampled(path, count=frames_per_replica)
            frames += sampled
            replicas += [index] * len(sampled)
    return SimulatedState(f"MD at {state_point['temperature_K']:g} K", frames, replicas, _missing(statuses))


def simulated_states(files: Mapping, *, frames_per_replica: int) -> list[SimulatedState]:
    """The states of a composition: quenched replicas, and molecular dynamics at the coolest and hottest temperature.

    The hottest run goes farthest from the quenched replicas; the coolest is where the extrapolation to room temperature
    begins.

    Args:
        files: names → paths: replicas; coolest and hottest (md.json), coolest_trajectories and hottest_trajectories.
        frames_per_replica: of the molecular dynamics.
    """
    # A dictionary: coolest and hottest may be the same run.
    runs = {files[name]: files[f"{name}_trajectories"] for name in ("coolest", "hottest")}
    moved = [moving(record, paths, frames_per_replica=frames_per_replica) for record, paths in runs.items()]
    return [quenched(files["replicas"]), *moved]


def _missing(statuses: Sequence[str]) -> list[str]:
    return [f"replica {number}: {status}" for number, status in enumerate(statuses, start=1) if status != "ok"]


def _sampled(path: str | Path, *, count: int) -> list[Atoms]:
    run = open_trajectory(path)
    last_of_parts = np.linspace(0, run.n_frames, count + 1)[1:].round().astype(int) - 1
    every = slice(0, len(run.symbols))
    return [
        Atoms(run.symbols, run.read_positions_A(slice(at, at + 1), every)[0], cell=run.cells_A[at], pbc=True)
        for at in np.unique(last_of_parts[last_of_parts >= 0]).tolist()
    ]
