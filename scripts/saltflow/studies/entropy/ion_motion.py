"""How far the mobile ions of a cell get: their mean squared displacement in dynamics at one temperature."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.provenance import digest
from saltflow.campaign.composition_view import WINDOW_KEYS
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.ion_diffusion import OK, run_temperatures
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.shipped_settings import shipped_settings
from saltflow.trajectory.h5md import open_trajectory
from saltflow.trajectory.memory import TrajectoryReader

ENSEMBLE = "nvt"  # of the equilibration: the cell is relaxed
LEAST_A2, LAGS = 1e-4, 20


def displacement_A2(run: TrajectoryReader, mobile: str) -> float:
    """Mean squared displacement against the other atoms, over lags from a quarter to half of the run.

    Several lags, for at one alone ions that vibrate alike would be back where they were.

    Args:
        run: unwrapped trajectory.
        mobile: element.
    """
    is_mobile = np.array(run.symbols) == mobile
    places = run.read_positions_A(slice(None), slice(None))
    places = places[:, is_mobile] - places[:, ~is_mobile].mean(axis=1, keepdims=True)
    lags = np.unique(np.linspace(len(places) // 4, len(places) // 2, LAGS).astype(int))
    return float(np.mean([np.square(places[lag:] - places[:-lag]).sum(axis=-1).mean() for lag in lags]))


def measured_A2(
    cell: Atoms, potential: MDPotential, *, mobile: str, settings: Mapping, seed: int, path: Path
) -> tuple[float | None, str]:
    """The mean squared displacement of a run, None where it was stopped, and its status.

    Args:
        cell: relaxed.
        potential: of the engine.
        mobile: element.
        settings: temperature_K, md_ps, potential and potential_sha256.
        seed: of the velocities.
        path: of the JSON file that keeps the number; the trajectory lies beside it.
    """
    whole = shipped_settings()
    chosen = {"transport": [settings["temperature_K"]], "transport_ps": settings["md_ps"], "replicas": 1, "seed": seed}
    chosen |= {"ensemble": ENSEMBLE} | {key: settings[key] for key in ("potential", "potential_sha256")}
    chosen |= {"dynamics": whole["dynamics"], "window": {key: whole["transport"][key] for key in WINDOW_KEYS}}
    key = digest([chosen, str(cell.symbols), cell.positions.round(4).tolist()])
    trajectory = path.with_suffix(".h5md")

    def run() -> dict:
        workdir = path.with_suffix(".work") / key
        (point,) = run_temperatures(
            mobile, cell, potential, settings=chosen, path_of=lambda *_: trajectory, workdir=workdir
        )
        if point["D_cm2_s"] is None:
            return {"MSD_A2": None, "status": point["status"]}
        return {"MSD_A2": displacement_A2(open_trajectory(trajectory), mobile), "status": OK}

    kept = kept_numbers(path, run, key=key)
    return kept["MSD_A2"], kept["status"]
