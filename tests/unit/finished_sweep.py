"""A sweep that has run: its folder with products of the analyses' own writers, for any number of compositions.

One state point is simulated as a walk and analysed; every composition and temperature gets a copy in which D and σ are
multiplied by its own Arrhenius law, so that what a page shows of it is known.
"""

import copy
import csv
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from structure_cases import tetrahedra_with_lithium

from saltflow.analysis.arrhenius.fit import BOLTZMANN_EV_K, fit_arrhenius, points_from_transport
from saltflow.analysis.structure.analysis import analyse_structure, no_structure
from saltflow.analysis.structure.first_minima import first_minima_A
from saltflow.analysis.transport.analysis import analyse_transport, no_transport
from saltflow.base.provenance import provenance
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.materials.compositions import COLUMNS
from saltflow.trajectory.h5md import H5MDWriter, open_trajectory

TEMPERATURES_K = (500, 600, 700)
CHARGES = {"Li": 1, "Al": 3, "Cl": -1}
SPACING_A = 7.5
FRAMES, INTERVAL_PS = 160, 0.5
NO_TRANSITION = {"status": "not found", "Tg_K": None, "error_K": None, "sides": {}}
FIT = {"target_temperature_K": 300.0, "bootstrap_samples": 50, "seed": 1}
FAMILIES = ("chloride", "oxychloride", "hydride")
# Where the place of a composition in the table leaves this remainder by 10, its sweep ended otherwise.
DIFFERENT = 90  # further compositions have the results of one of these
NOT_DIFFUSIVE, NO_REPLICA, PENDING, ACROSS_TG, NOT_CONVERGED = 4, 5, 6, 7, 8


@dataclass(frozen=True)
class FinishedSweep:
    """A folder with results, and what is in it. configfile: its settings."""

    folder: Path
    configfile: Path

    def campaign(self) -> Campaign:
        return load_campaign(read_configuration([self.configfile]))


def law(place: int) -> tuple[float, float]:
    """Ea in eV, and σ at 300 K in mS/cm, of the composition at a place of the table."""
    return 0.25 + 0.002 * (place % 97), 10 ** (1 - 3 * (place % 53) / 53)


def ids(number: int) -> list[str]:
    return [f"Li{place + 1}AlCl4" for place in range(number)]


def make_sweep(folder: Path, number: int, *, atoms_of_trajectory: int = 0) -> FinishedSweep:
    """A finished sweep of so many compositions.

    Args:
        atoms_of_trajectory: cells of trajectories are repeated until they have so many.
    """
    folder.mkdir(parents=True, exist_ok=True)
    configfile = _write_tables(folder, number)
    for name, converged in (("chlorides", True), ("hydrides", False)):
        _write(folder / f"results/potentials/{name}/released.json", _release(name, converged=converged))
        (folder / f"results/potentials/{name}/released.model").write_bytes(b"a model")
    trajectory = _write_trajectory(folder / "trajectory.h5md", atoms=atoms_of_trajectory)
    names = ids(number)
    for place, name in enumerate(names):
        if place % 10 == PENDING:
            continue
        if place < DIFFERENT:
            _write_composition(folder / "results", name, place, trajectory)
        else:
            _copy_composition(folder / "results", names[place % DIFFERENT], name)
    return FinishedSweep(folder, configfile)


def _write_tables(folder: Path, number: int) -> Path:
    rows = [
        dict.fromkeys(COLUMNS, "-")
        | {
            "id": name,
            "formula": "LiAlCl4",
            "host": ("AlCl3", "-")[place % 2],
            "salt": ("LiCl", "-")[place % 2],
            "mobile_ion": "Li",
            "oxidation_states": "Li:+1 Al:+3 Cl:-1",
            "family": FAMILIES[place % 3],
            "potential": "hydrides" if place % 10 == NOT_CONVERGED else "chlorides",
            "start": "pack",
            "density_g_cm3": "1.7",
            "density_basis": "guess",
            "source": "for the test",
        }
        | (_literature(place) if place % 4 == 0 else {})
        for place, name in enumerate(ids(number))
    ]
    with (folder / "compositions.tsv").open("w") as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    header = "name\tfoundation\tfoundation_sha256\treference\tcompositions\tnote\n"
    first = ids(number)[0]
    lines = [f"{name}\tnone\t-\tgfn1-xtb\t{first}\tfor the test\n" for name in ("chlorides", "hydrides")]
    (folder / "potentials.tsv").write_text(header + "".join(lines))
    (folder / "overrides.yaml").write_text("{}\n")
    configfile = folder / "config.yaml"
    configfile.write_text(
        "tables: {compositions: compositions.tsv, potentials: potentials.tsv, overrides: overrides.yaml}\n"
        f"sweep: {{temperatures_K: {list(TEMPERATURES_K)}, replicas: 2, analyses: [transport, structure]}}\n"
    )
    return configfile


def _literature(place: int) -> dict[str, str]:
    Ea_eV, sigma = law(place)
    return {"sigma_mS_cm": f"{0.8 * sigma:.4g}", "sigma_temperature_C": "27", "sigma_origin": "read",
            "Ea_eV": f"{Ea_eV + 0.01:.4g}", "Ea_origin": "read"}  # fmt: skip


def _release(name: str, *, converged: bool) -> dict:
    reference = {"name": "pbe-d3", "dispersion": "D3(BJ)", "code": "cp2k", "functional": "PBE", "cutoff_Ry": 800.0}
    return {
        "potential": name,
        "generation": 2,
        "converged": converged,
        "ended_because": "All criteria hold." if converged else "The last generation is reached.",
        "criteria": {},
        "training": None,
        "heldout": {"force_rmse_meV_A": 41.0 if converged else 190.0},
        "sha256": "0" * 64,
        "reference": reference,
        "dispersion": "D3(BJ)",
    }


def _walk(frames: int) -> tuple[np.ndarray, list[str], float]:
    """Tetrahedra that vibrate and lithium that walks: positions (frames, atoms, 3), symbols, edge of the cell."""
    symbols, start_A = tetrahedra_with_lithium(2, spacing_A=SPACING_A)
    rng = np.random.default_rng(3)
    ions = np.array(symbols) == "Li"
    moves_A = rng.normal(0, 0.1, (frames, len(symbols), 3))
    steps_A = rng.normal(0, np.sqrt(2 * 0.5 * INTERVAL_PS), (frames, int(ions.sum()), 3))
    moves_A[:, ions] = np.cumsum(steps_A, axis=0) - steps_A[0]
    return start_A + moves_A, symbols, 2 * SPACING_A


def _write_trajectory(path: Path, *, atoms: int) -> Path:
    positions_A, symbols, edge_A = _walk(FRAMES)
    cell_A, repeats = np.eye(3) * edge_A, 1
    while len(symbols) * repeats < atoms:
        repeats += 1
    shifts_A = np.arange(repeats)[:, None] * [0, 0, edge_A]
    positions_A = np.concatenate([positions_A + shift_A for shift_A in shifts_A], axis=1)
    cell_A[2, 2] *= repeats
    cell = Atoms(symbols * repeats, positions=positions_A[0], cell=cell_A, pbc=True)
    with H5MDWriter(path, cell, metadata={}) as writer:
        for frame, positions in enumerate(positions_A):
            writer.append_positions(step=frame, time_ps=frame * INTERVAL_PS, positions_A=positions, cell_A=cell_A)
    write(path.with_suffix(".extxyz"), cell)
    return path


@cache
def _state_point() -> tuple[str, str]:
    """Transport and structure of the walk, as JSON."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"walk-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    runs = [open_trajectory(_write_trajectory(folder / "walk.h5md", atoms=0))] * 2
    structure = analyse_structure(
        runs, charges=CHARGES, mobile_ion="Li", r_max_A=7.0, bin_width_A=0.05, frames_per_replica=20,
        q_max_per_A=3.0, q_bin_per_A=0.1, scattering_frames=10, vectors_per_bin=10, weighting="x-ray",
    )  # fmt: skip
    settings = {
        "frame": "framework", "alpha_min": 0.7, "alpha_max": 1.3, "msd_min_A2": 5.0, "max_lag_fraction": 0.4,
        "cluster_frames": 10, "cutoff_sweep_A": 0.2, "correlation_origins": 10, "correlation_bin_A": 0.25,
    }  # fmt: skip
    transport = analyse_transport(
        runs,
        charges=CHARGES,
        mobile_ion="Li",
        temperature_K=600.0,
        first_minima_A=first_minima_A(structure),
        **settings,
    )
    transport |= {"status": "ok", "replica_statuses": ["ok", "ok"]}
    for row in (
        transport["quantities"]["sigma_E_mS_cm"],
        *(each["transference_E"] for each in transport["species"].values()),
    ):
        row["status"] = "ok"
    transport["provenance"] = provenance(settings=settings, inputs={})
    return json.dumps(transport), json.dumps(structure)


def _write_composition(results: Path, name: str, place: int, trajectory: Path) -> None:
    kind, folder = place % 10, results / name
    potential = "hydrides" if kind == NOT_CONVERGED else "chlorides"
    statuses = ["gas", "gas"] if kind == NO_REPLICA else ["ok", "ok"]
    points = []
    for kelvin in TEMPERATURES_K:
        identity = {"composition": name, "temperature_K": float(kelvin), "potential": potential}
        transport, structure = _results(place, kelvin, statuses)
        points.append(identity | transport)
        own = folder / f"md/{kelvin}K"
        _write(own / "transport.json", points[-1])
        _write(own / "structure.json", identity | structure)
        _write(own / "md.json", identity | _md(statuses))
        for number in (1, 2):
            os.link(trajectory, own / f"replica{number}.h5md")
    transition = NO_TRANSITION
    if kind == ACROSS_TG:
        transition = NO_TRANSITION | {"status": "found", "Tg_K": 450.0, "error_K": 10.0, "near_K": 20.0}
    fits = {
        quantity: fit_arrhenius(
            points_from_transport(points, quantity=quantity), quantity=quantity, transition=transition, **FIT
        )
        for quantity in ("sigma_NE_mS_cm", "sigma_E_mS_cm", "D_cm2_s")
    }
    content = {"composition": name, "potential": potential, "fits": fits, "glass_transition": transition}
    _write(folder / "arrhenius.json", content)
    for number, status in enumerate(statuses, start=1):
        _write(folder / f"replica{number}/quench.json", {"composition": name, "replica": number, "status": status})
        os.link(trajectory.with_suffix(".extxyz"), folder / f"replica{number}/quenched.extxyz")


def _copy_composition(results: Path, known: str, name: str) -> None:
    """Give a composition the results of another one under its own name."""
    for path in sorted((results / known).rglob("*.*")):
        target = results / name / path.relative_to(results / known)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".json":
            target.write_text(path.read_text().replace(f'"{known}"', f'"{name}"'))
        else:
            os.link(path, target)


def _results(place: int, kelvin: int, statuses: list[str]) -> tuple[dict, dict]:
    """transport.json and structure.json of a state point, less their identity."""
    if "ok" not in statuses:
        return no_transport(statuses, temperature_K=kelvin), no_structure(statuses)
    known, structure = map(json.loads, _state_point())
    Ea_eV, sigma_300 = law(place)
    wanted = sigma_300 * 300 / kelvin * np.exp(Ea_eV / BOLTZMANN_EV_K * (1 / 300 - 1 / kelvin))
    found = scaled(known, wanted / known["quantities"]["sigma_E_mS_cm"]["value"])
    found["temperature_K"] = float(kelvin)
    if place % 10 == NOT_DIFFUSIVE and kelvin < TEMPERATURES_K[-1]:
        found["status"] = "not diffusive"
    structure["descriptors"]["density_g_cm3"]["value"] = 1.5 + 0.01 * (place % 31)
    return found, structure


def scaled(transport: dict, factor: float) -> dict:
    """A transport.json whose diffusion and conductivities are so many times as large, each with a tenth of an error."""
    found = copy.deepcopy(transport)
    rows = [row for name, row in found["quantities"].items() if name != "haven_ratio"]
    for row in rows:
        if row["value"] is not None:
            row["value"] *= factor
            row["error"] = 0.1 * abs(row["value"])
    for replica in found["per_replica"]:
        for name in replica:
            if name != "haven_ratio" and replica[name] is not None:
                replica[name] *= factor
    for values in found["curves"]["msd_A2"].values():
        values[:] = [value * factor for value in values]
    return found


@cache
def _provenance() -> dict:
    settings = read_configuration([])["dynamics"]
    return provenance(settings={key: value for key, value in settings.items() if key != "quench"}, inputs={})


def _md(statuses: list[str]) -> dict:
    return {
        "timestep_fs": 2.0,
        "production_ps": FRAMES * INTERVAL_PS,
        "replicas": [{"replica": number, "status": status} for number, status in enumerate(statuses, start=1)],
        "provenance": _provenance()
        | {"composition": {"start": "pack"}, "dispersion": {"labels": "none", "dynamics": "none"}},
    }


def _write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
