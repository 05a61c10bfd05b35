"""The files of one command, opened as replicas of one state point: those of saltflow as they are, others converted."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import TrajectoryFile, open_trajectory
from saltflow.trajectory.other_programs import check_options, convert, is_own
from saltflow.trajectory.same_run import refuse_same_run

log = logging.getLogger(__name__)

INTERVAL_TOLERANCE = 0.01
LOW_DENSITY_G_CM3 = 0.4  # lithium has 0.53
G_CM3_PER_U_A3 = 1.66053907


def open_replicas(
    paths: Sequence[str],
    scratch: Path,
    *,
    topology: str | None,
    species: Mapping[str, str],
    interval_ps: float | None,
    cell: Sequence[float] | None,
) -> list[TrajectoryFile]:
    """Open the replicas of one state point, and say what was read of each.

    Args:
        paths: the files.
        scratch: folder for converted files.
        topology, species, interval_ps, cell: as for `convert`.

    Raises:
        SaltflowError: a file cannot be read or contradicts an argument, holds one frame, or two hold the same run.
    """
    runs = []
    for number, path in enumerate(paths):
        if Path(path).is_file() and is_own(path):
            _refuse_options(path, topology=topology, species=species, cell=cell)
            check_options(interval_ps=interval_ps, cell=cell)
            run = _agreeing(open_trajectory(path), interval_ps)
        else:
            converted = scratch / f"{number}.h5md"
            convert(path, converted, topology=topology, species=species, interval_ps=interval_ps, cell=cell)
            run = open_trajectory(converted)
        if run.n_frames < 2:
            raise SaltflowError(f"{path} holds one frame; FILEs are replicas: put the frames of one run into one file.")
        log.info("%s: %s", path, _description(run))
        runs.append(run)
    refuse_same_run(runs, paths)
    return runs


def _refuse_options(path: str, **given: object) -> None:
    for name, value in given.items():
        if value:
            raise SaltflowError(f"{path} holds its own atoms and cells; leave --{name} out.")


def _agreeing(run: TrajectoryFile, interval_ps: float | None) -> TrajectoryFile:
    """A file of saltflow, whose times an interval must not contradict."""
    if interval_ps is not None and run.n_frames > 1:
        own_ps = float(np.median(np.diff(run.times_ps)))
        if abs(interval_ps / own_ps - 1) > INTERVAL_TOLERANCE:
            raise SaltflowError(
                f"{run.path} says that its frames are {own_ps:.6g} ps apart, --interval {interval_ps:g} ps; "
                "leave --interval out."
            )
    return run


def _description(run: TrajectoryFile) -> str:
    """What was read, so that a wrong interval or unit is seen: frames, interval, atoms, cell, density."""
    counts = ", ".join(f"{run.symbols.count(symbol)} {symbol}" for symbol in sorted(set(run.symbols)))
    cell_A = run.cells_A.mean(axis=0)
    density_g_cm3 = run.masses_u.sum() / abs(np.linalg.det(cell_A)) * G_CM3_PER_U_A3
    lengths = " × ".join(f"{length:.4g}" for length in np.linalg.norm(cell_A, axis=1))
    low = " (low: are lengths in Å?)" if density_g_cm3 < LOW_DENSITY_G_CM3 else ""
    interval_ps = np.median(np.diff(run.times_ps))
    return f"{run.n_frames} frames every {interval_ps:.6g} ps, {counts}, {lengths} Å, {density_g_cm3:.3g} g/cm3{low}"
