"""What is simulated of a composition, as it is asked about: its replicas, and frames of its dynamics."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.provenance import read_json
from saltflow.labels.frames import read_frames
from saltflow.learning.domain.analysis import State
from saltflow.materials.frame_info import FrameInfo
from saltflow.trajectory.h5md import open_trajectory


def quenched(paths: Sequence[str | Path]) -> State:
    """The replicas as they were quenched, those that passed the acceptance; of a crystal, its annealed cells.

    Args:
        paths: quenched.extxyz of every replica, in order.
    """
    replicas = [read_frames(path)[0] for path in paths]
    statuses = [FrameInfo.of(replica).status for replica in replicas]
    accepted = [index for index, status in enumerate(statuses) if status == "ok"]
    missing = [f"replica {index + 1}: {status}" for index, status in enumerate(statuses) if index not in accepted]
    return State("replica", [replicas[index] for index in accepted], accepted, missing)


def moving(record: str | Path, trajectories: Sequence[str | Path], *, frames_per_replica: int) -> State:
    """The dynamics at one temperature: of each replica that came through, frames spread evenly over its run.

    Args:
        record: md.json of the point.
        trajectories: H5MD file of every replica, in order.
        frames_per_replica: how many, the last one among them.
    """
    said = read_json(record)
    statuses = [replica["status"] for replica in said["replicas"]]
    frames, replicas = [], []
    for index, (path, status) in enumerate(zip(trajectories, statuses, strict=True)):
        if status != "ok":
            continue
        taken = _frames(path, count=frames_per_replica)
        frames += taken
        replicas += [index] * len(taken)
    missing = [f"replica {index + 1}: {status}" for index, status in enumerate(statuses) if status != "ok"]
    return State(f"MD at {said['temperature_K']:g} K", frames, replicas, missing)


def _frames(path: str | Path, *, count: int) -> list[Atoms]:
    run = open_trajectory(path)
    last_of_parts = np.linspace(0, run.n_frames, count + 1)[1:].round().astype(int) - 1
    everything = slice(0, len(run.symbols))
    return [
        Atoms(run.symbols, run.read_positions_A(slice(at, at + 1), everything)[0], cell=run.cells_A[at], pbc=True)
        for at in np.unique(last_of_parts[last_of_parts >= 0]).tolist()
    ]


def simulated(files: Mapping, *, frames_per_replica: int) -> list[State]:
    """The states of a composition: its replicas, and its dynamics at the coolest and the hottest temperature.

    The runs between them visit what lies between: the hottest goes farthest from the replica, and the coolest has had
    the longest to settle, relative to how fast it moves, where the extrapolation to room temperature begins.

    Args:
        files: names → paths: replicas; coolest and hottest (md.json), coolest_trajectories and hottest_trajectories.
        frames_per_replica: of the dynamics.
    """
    # One where the sweep has one temperature.
    runs = {files[name]: files[f"{name}_trajectories"] for name in ("coolest", "hottest")}
    moved = [moving(record, paths, frames_per_replica=frames_per_replica) for record, paths in runs.items()]
    return [quenched(files["replicas"]), *moved]
