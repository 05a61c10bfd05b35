"""Dynamics of a crystal at several temperatures: activation energy of tracer diffusion, and σ by Nernst–Einstein."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ase import Atoms
from scipy import constants

from saltflow.base.provenance import digest
from saltflow.campaign.composition_view import WINDOW_KEYS
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.barriers.endpoints import repeats_for
from saltflow.studies.ion_diffusion import arrhenius_of, run_temperatures
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.shipped_settings import shipped_settings

EDGE_A = 10.0  # least height of the cell
ENSEMBLE = "npt"  # of the equilibration
TARGET_K = 300.0


def study_dynamics(cell: Atoms, potential: MDPotential, *, mobile: str, settings: Mapping, path: Path) -> dict:
    """Ea and σ at 300 K of a crystal, all temperatures in one batch.

    Args:
        cell: relaxed; a supercell of it is run.
        potential: of the engine.
        mobile: element.
        settings: temperatures_K, md_ps, seed, potential and potential_sha256.
        path: of the JSON file that keeps the numbers; trajectories lie beside it.

    Returns:
        status, points of `run_temperatures`, Ea_eV (value and error) and sigma_S_cm, None without a fit.
    """
    from pymatgen.core import Element

    whole = shipped_settings()
    chosen = {"transport": settings["temperatures_K"], "transport_ps": settings["md_ps"], "replicas": 1}
    chosen |= {"ensemble": ENSEMBLE} | {key: settings[key] for key in ("seed", "potential", "potential_sha256")}
    chosen |= {"dynamics": whole["dynamics"], "window": {key: whole["transport"][key] for key in WINDOW_KEYS}}
    supercell = cell.repeat(repeats_for(cell.cell.array, smallest_edge_A=EDGE_A))
    key = digest([chosen, str(supercell.symbols), supercell.positions.round(4).tolist()])

    def path_of(temperature_K: float, replica: int) -> Path:
        return path.with_name(f"{path.stem}-{temperature_K:g}K-{replica}.h5md")

    def points() -> dict:
        workdir = path.with_suffix(".work") / key
        run = partial(run_temperatures, mobile, supercell, potential, settings=chosen)
        return {"points": run(path_of=path_of, workdir=workdir)}

    found = kept_numbers(path, points, key=key)["points"]
    fit = arrhenius_of(found, temperature_K=TARGET_K, seed=settings["seed"])
    ions = sum(supercell.symbols == mobile) / supercell.get_volume() * 1e24  # per cm³
    charge = constants.e * Element(mobile).common_oxidation_states[0]
    D_cm2_s = fit["prediction"]["value"] if "prediction" in fit else None
    return {
        "status": fit["status"],
        "points": found,
        "Ea_eV": fit.get("Ea_eV"),
        "sigma_S_cm": D_cm2_s and ions * charge**2 * D_cm2_s / (constants.k * TARGET_K),
    }
