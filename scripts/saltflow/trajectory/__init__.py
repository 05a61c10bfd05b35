"""Trajectories: in memory, on disk as H5MD, from other programs."""

from saltflow.trajectory.h5md import (
    H5MDWriter,
    TrajectoryFile,
    open_accepted,
    open_trajectory,
    open_velocities,
    read_trajectory,
)
from saltflow.trajectory.memory import Run, Trajectory
from saltflow.trajectory.state_point import open_point

__all__ = [
    "H5MDWriter",
    "Run",
    "Trajectory",
    "TrajectoryFile",
    "open_point",
    "open_accepted",
    "open_trajectory",
    "open_velocities",
    "read_trajectory",
]
