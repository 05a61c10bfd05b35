"""Diffusion of the ions of a host over x: dynamics of the lowest configurations, the workflow's own estimate of D."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from saltflow.base.provenance import digest
from saltflow.campaign.composition_view import WINDOW_KEYS
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.configurations import Configuration
from saltflow.studies.electrodes.host import Host
from saltflow.studies.ion_diffusion import arrhenius_of, run_temperatures
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.shipped_settings import shipped_settings

NO_FREE_SITE = "no free site"
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
        or None), and points of `run_temperatures`.
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
