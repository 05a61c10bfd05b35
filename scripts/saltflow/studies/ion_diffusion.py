"""Diffusion of the ions of one structure at several temperatures: dynamics, and the workflow's own estimate of D."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.analysis.arrhenius.fit import ArrheniusPoint, fit_arrhenius
from saltflow.analysis.transport.anisotropy import diffusion_tensor_row
from saltflow.analysis.transport.measurement import measure
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import derive_seed
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.runs import conditions
from saltflow.dynamics.schedule import Stage, steps_of, timestep_fs
from saltflow.potentials.protocol import MDPotential
from saltflow.statistics.estimate import finite
from saltflow.trajectory.h5md import open_trajectory
from saltflow.trajectory.memory import TrajectoryReader

OK = "ok"
SETTLING_SHARE = 0.2  # of the length, before what is recorded
FRAMES = 1000
CHECKPOINT_PS = 1.0
LARGEST_TEMPERATURE_RATIO = 3.0

log = logging.getLogger(__name__)


def arrhenius_of(points: Sequence[Mapping], *, temperature_K: float, seed: int) -> dict:
    """The fit of `fit_arrhenius` to points of `run_temperatures`, with its prediction at another temperature."""
    return fit_arrhenius(
        [
            ArrheniusPoint(row["temperature_K"], row["D_cm2_s"], row["error"], row["status"], tuple(row["per_replica"]))
            for row in points
        ],
        quantity="D_cm2_s",
        target_temperature_K=temperature_K,
        bootstrap_samples=500,
        seed=seed,
    )


def run_temperatures(
    ion: str,
    atoms: Atoms,
    potential: MDPotential,
    *,
    settings: Mapping,
    path_of: Callable[[float, int], Path],
    workdir: Path,
) -> list[dict]:
    """D of an ion at all temperatures, whose replicas run in one batch; checkpoints of other settings are not read.

    Args:
        ion: element.
        atoms: that all runs start from.
        potential: of the engine.
        settings: transport (temperatures in K), transport_ps, replicas (of other velocities), ensemble of the
            equilibration, seed, potential (its name), dynamics (the section) and window (of `measure`).
        path_of: temperature in K and replica (from 1) → its trajectory.
        workdir: for checkpoints, in a folder of its own; both are removed in the end.

    Returns:
        Of each temperature: temperature_K, status (ok, not diffusive, or why the dynamics were stopped), D_cm2_s,
        error, alpha, per_replica, in_plane_cm2_s and normal_cm2_s (value and error, along and across a and b).
    """
    step_fs = timestep_fs(set(atoms.symbols), rules=settings["dynamics"]["timestep_fs"])
    temperatures_K, replicas, window = settings["transport"], settings["replicas"], settings["window"]
    target = tuple(float(each) for each in temperatures_K for _ in range(replicas))
    steps = steps_of(settings["transport_ps"], step_fs=step_fs)
    settle = max(1, round(SETTLING_SHARE * steps))
    run = MDRun(
        [atoms] * len(target),
        [
            Stage("equilibrate", settings["ensemble"], settle, target, target),
            Stage("record", "nvt", steps, target, target, max(1, steps // FRAMES), settings["ensemble"] != "nvt"),
        ],
        potential,
        conditions=conditions(
            settings["dynamics"],
            step_fs=step_fs,
            checkpoint_ps=CHECKPOINT_PS,
            max_temperature_ratio=LARGEST_TEMPERATURE_RATIO,
        ),
        seeds=[derive_seed(settings["seed"], "transport", number) for number in range(len(target))],
        workdir=workdir,
    )
    outcomes = run.finish()
    paths = [path_of(kelvin, number % replicas + 1) for number, kelvin in enumerate(target)]
    run.write_trajectories(paths, metadata=[{"potential": settings["potential"], "temperature_K": T} for T in target])
    shutil.rmtree(workdir.parent)
    points = []
    for number, kelvin in enumerate(temperatures_K):
        own = slice(number * replicas, (number + 1) * replicas)
        stopped = [outcome.status for outcome in outcomes[own] if outcome.status != OK]
        if stopped:
            points.append(_without_D(float(kelvin), stopped[0]))
        else:
            points.append(
                diffusion_of([open_trajectory(path) for path in paths[own]], ion, float(kelvin), window=window)
            )
        log.info("%g K: %s.", kelvin, points[-1]["status"])
    return points


def diffusion_of(runs: Sequence[TrajectoryReader], ion: str, temperature_K: float, *, window: Mapping) -> dict:
    """D of one temperature from all its replicas.

    Args:
        runs: replicas in cells of one shape.
        ion: element.
        temperature_K: of the runs.
        window: frame, alpha_min, alpha_max, msd_min_A2 and max_lag_fraction of `measure`.

    Returns:
        A point of `run_temperatures`.
    """
    charges = {symbol: float(symbol == ion) for symbol in set(runs[0].symbols)}  # D alone is asked for
    try:
        measured = measure(runs, charges=charges, mobile_ion=ion, temperature_K=temperature_K, **window)
    except SaltflowError as error:
        return _without_D(temperature_K, str(error))
    mobile, D_cm2_s = measured.system.mobile, measured.estimates({})["D_cm2_s"]
    each = measured.quantities(measured.blocks.grouped_by(measured.replicas))["D_cm2_s"]
    axes = _axes(np.asarray(runs[0].cells_A[0]))
    tensor = diffusion_tensor_row(axes @ measured.ions.sums[mobile] @ axes.T, D_cm2_s, mobile)
    return {
        "temperature_K": temperature_K,
        "status": OK if measured.window.diffusive else "not diffusive",
        "D_cm2_s": finite(D_cm2_s.value[mobile]),
        "error": finite(D_cm2_s.error[mobile]),
        "alpha": finite(measured.window.alpha),
        "per_replica": [finite(value) for value in each[:, mobile]],
        **_parts(tensor),
    }


def _without_D(temperature_K: float, status: str) -> dict:
    nothing = dict.fromkeys(("D_cm2_s", "error", "alpha", "in_plane_cm2_s", "normal_cm2_s"))
    return {"temperature_K": temperature_K, "status": status, "per_replica": [], **nothing}


def _axes(cell_A: np.ndarray) -> np.ndarray:
    """Rows of an orthonormal frame whose last one is normal to a and b, (3, 3)."""
    first = cell_A[0] / np.linalg.norm(cell_A[0])
    normal = np.cross(cell_A[0], cell_A[1])
    normal /= np.linalg.norm(normal)
    return np.array([first, np.cross(normal, first), normal])


def _parts(tensor: Mapping) -> dict:
    """D in the plane of a and b, the mean of two directions, and across it."""
    if tensor["value"] is None:
        return {"in_plane_cm2_s": None, "normal_cm2_s": None}
    value, error = np.array(tensor["value"], dtype=float), np.array(tensor["error"], dtype=float)
    in_plane = {"value": float((value[0, 0] + value[1, 1]) / 2), "error": float(np.hypot(error[0, 0], error[1, 1]) / 2)}
    return {"in_plane_cm2_s": in_plane, "normal_cm2_s": {"value": float(value[2, 2]), "error": float(error[2, 2])}}
