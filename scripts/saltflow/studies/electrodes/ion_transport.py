"""Diffusion of the ions of a host over x: dynamics of the lowest configurations, the workflow's own estimate of D."""

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
from saltflow.base.provenance import derive_seed, digest
from saltflow.campaign.composition_view import WINDOW_KEYS
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.runs import conditions
from saltflow.dynamics.schedule import Stage, steps_of, timestep_fs
from saltflow.potentials.protocol import MDPotential
from saltflow.statistics.estimate import finite
from saltflow.studies.electrodes.configurations import OK, Configuration
from saltflow.studies.electrodes.host import Host
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.shipped_settings import shipped_settings
from saltflow.trajectory.h5md import open_trajectory
from saltflow.trajectory.memory import TrajectoryReader

NO_FREE_SITE = "no free site"
SETTLING_SHARE = 0.2  # of the length, before what is recorded
FRAMES = 1000
CHECKPOINT_PS = 1.0
LARGEST_TEMPERATURE_RATIO = 3.0
OF_TRANSPORT = ("transport", "transport_ps", "replicas", "ensemble", "seed", "potential", "potential_sha256")

log = logging.getLogger(__name__)


def transport_over_x(
    host: Host, states: Sequence[Configuration], potential: MDPotential, *, settings: Mapping, folder: Path
) -> list[dict]:
    """D and Ea of the ions at each x that holds ions; what the folder has is not run again.

    Args:
        host: framework and sites.
        states: the lowest configuration of each x.
        potential: of the engine.
        settings: transport (temperatures in K), transport_ps, replicas (of other velocities), ensemble of the
            equilibration, temperature_K of the extrapolated D, seed, and what tells one potential from another.
        folder: of the study; trajectories and numbers go to transport/.

    Returns:
        per x: x, ions, status, Ea_eV (value, error or None), D_cm2_s at temperature_K (`prediction` of `fit_arrhenius`,
        or None), and points: temperature_K, status (ok, not diffusive, or why the dynamics were stopped), D_cm2_s,
        error, alpha, in_plane_cm2_s and normal_cm2_s (value and error, along and across the plane of a and b).
    """
    whole = shipped_settings()
    chosen = {name: settings[name] for name in OF_TRANSPORT} | {"dynamics": whole["dynamics"]}
    chosen["window"] = {key: whole["transport"][key] for key in WINDOW_KEYS}
    (folder / "transport").mkdir(exist_ok=True)
    rows = []
    for state in states:
        if not state.ions:
            continue
        record = folder / f"transport/{state.ions:04d}-ions.json"
        key = digest([chosen, *(each.round(4).tolist() for each in (state.atoms.cell.array, state.atoms.positions))])

        workdir = record.with_suffix(".work") / key

        def points(state: Configuration = state, workdir: Path = workdir) -> dict:
            def path_of(temperature_K: float, replica: int) -> Path:
                return trajectory_path(folder, state.ions, temperature_K, replica)

            return {
                "points": run_temperatures(
                    host.ion, state.atoms, potential, settings=chosen, path_of=path_of, workdir=workdir
                )
            }

        found = [] if state.ions == host.sites else kept_numbers(record, points, key=key)["points"]
        rows.append(_row(state.ions / host.sites, state.ions, found, settings=settings))
        log.info("x %.3f: %s.", rows[-1]["x"], rows[-1]["status"])
    return rows


def trajectory_path(folder: Path, ions: int, temperature_K: float, replica: int) -> Path:
    """The trajectory of a run, of so many ions.

    Args:
        folder: of the study. replica: counted from 1.
    """
    return folder / f"transport/{ions:04d}-ions-{temperature_K:g}K-{replica}.h5md"


def _row(x: float, ions: int, points: Sequence[Mapping], *, settings: Mapping) -> dict:
    if not points:
        return {"x": x, "ions": ions, "status": NO_FREE_SITE, "Ea_eV": None, "D_cm2_s": None, "points": []}
    fit = arrhenius_of(points, temperature_K=settings["temperature_K"], seed=settings["seed"])
    return {
        "x": x,
        "ions": ions,
        "status": fit["status"],
        "Ea_eV": fit.get("Ea_eV"),
        "D_cm2_s": fit.get("prediction"),
        "points": list(points),
    }


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
        settings: of `transport_over_x`, with the section dynamics and the window of `measure`.
        path_of: temperature in K and replica (from 1) → its trajectory.
        workdir: for checkpoints, in a folder of its own; both are removed in the end.

    Returns:
        The points of `transport_over_x`.
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
        a point of `transport_over_x`, with the D of each replica (per_replica).
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
