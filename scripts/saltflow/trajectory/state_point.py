"""The trajectories of one state point of the sweep: its accepted replicas, and its input files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from saltflow.base.provenance import IDENTITY, numbered, read_json
from saltflow.trajectory.h5md import TrajectoryFile, open_accepted
from saltflow.trajectory.physical_bounds import beyond_bounds


@dataclass(frozen=True)
class StatePointTrajectories:
    """The input of every analysis of a state point.

    Args:
        identity: what the products of the state point state first.
        runs: trajectories of the replicas with status "ok".
        statuses: of every replica.
        inputs: name → file of every replica, for the provenance.
    """

    identity: dict[str, object]
    runs: list[TrajectoryFile]
    statuses: list[str]
    inputs: dict[str, str | os.PathLike]

    @cached_property
    def unphysical(self) -> list[str]:
        """Why numbers from its trajectories are not physical; empty where they are."""
        return beyond_bounds(self.runs, temperature_K=self.identity.get("temperature_K"))


def open_state_point(record: str | os.PathLike, trajectories: Sequence[str]) -> StatePointTrajectories:
    """Open the accepted replicas of a state point.

    Args:
        record: md.json of the state point.
        trajectories: H5MD file of each replica, in the order of the record.
    """
    point = read_json(record)
    statuses = [replica["status"] for replica in point["replicas"]]
    return StatePointTrajectories(
        identity={key: point[key] for key, _, _ in IDENTITY.values() if key in point},
        runs=open_accepted(trajectories, statuses=statuses),
        statuses=statuses,
        inputs=numbered("replica", trajectories),
    )
