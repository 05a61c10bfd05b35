"""Trajectories in memory, on disk as H5MD, and of other programs. Imports base and statistics."""

from saltflow.trajectory.h5md import (
    H5MDWriter,
    TrajectoryFile,
    open_accepted,
    open_trajectory,
    open_velocities,
    read_trajectory,
)
from saltflow.trajectory.memory import Trajectory, TrajectoryReader
from saltflow.trajectory.state_point import open_state_point

__all__ = [
    "H5MDWriter",
    "TrajectoryReader",
    "Trajectory",
    "TrajectoryFile",
    "open_state_point",
    "open_accepted",
    "open_trajectory",
    "open_velocities",
    "read_trajectory",
]
