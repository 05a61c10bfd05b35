"""One vacancy of rock salt LiCl by molecular dynamics beside its band: hops, activation energy, attempt frequency.

The same MACE and the same cell of 53 atoms for both: five images, Vineyard's prefactor of all atoms, against NVT of the
engine at three temperatures, whose hops are mapped onto the graph. Counts are Poisson's; their error is that of ln n.

usage: python benchmarks/barriers/md_beside_neb.py [--ps 60] [--folder build/benchmarks/md_beside_neb]
"""

import argparse
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import numpy as np  # noqa: E402
from ase.build import bulk  # noqa: E402
from ase.units import kB  # noqa: E402

from saltflow.base.provenance import sha256_of_file  # noqa: E402
from saltflow.dynamics.progress import Conditions  # noqa: E402
from saltflow.dynamics.runner import MDRun  # noqa: E402
from saltflow.dynamics.schedule import Stage  # noqa: E402
from saltflow.potentials.mace import load_committee  # noqa: E402
from saltflow.studies.barriers.barrier_study import study_barriers  # noqa: E402
from saltflow.studies.barriers.endpoints import end_states, repeats_for  # noqa: E402
from saltflow.studies.barriers.hop_classes import find_hops  # noqa: E402
from saltflow.studies.barriers.md_comparison import SHORTEST_STAY_PS, ion_places  # noqa: E402
from saltflow.studies.barriers.md_hops import count_hops, find_md_hops, is_concerted  # noqa: E402
from saltflow.studies.mobile_sites import find_sites  # noqa: E402
from saltflow.trajectory.h5md import read_trajectory  # noqa: E402

MODEL = REPOSITORY / "config/presets/demo/distilled.model"
LATTICE_A = 5.25  # warm
TEMPERATURES_K, REPLICAS = (900.0, 1050.0, 1200.0), 2
STEP_FS, FRAME_STEPS, EQUILIBRATION_PS = 4.0, 10, 4.0
USUAL_PER_S = 1e13
NEIGHBOURS = 12  # sites from which a lithium may enter the vacancy
SETTINGS = {
    "mechanism": "vacancy", "r_max_A": 4.0, "edge_A": 8.0, "images": 5, "end_force_eV_A": 0.01, "band_force_eV_A": 0.02,
    "end_steps": 300, "band_steps": 300, "temperatures_K": [700.0], "carriers_per_cm3": 1e21, "jumps": 1000, "seed": 1,
    "prefactor_radius_A": float("inf"),
}  # fmt: skip
CONDITIONS = Conditions(
    step_fs=STEP_FS, thermostat="nose-hoover", thermostat_time_fs=100.0, barostat_time_fs=500.0,
    compressibility_per_GPa=0.05, pressure_GPa=0.0, max_temperature_ratio=4.0, segment_ps=10.0,
)  # fmt: skip


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ps", type=float, default=60.0, help="of each replica")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build/benchmarks/md_beside_neb")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    potential = load_committee([MODEL], sha256=[sha256_of_file(MODEL)], device="cpu", dtype="float64")
    crystal = bulk("LiCl", "rocksalt", a=LATTICE_A)
    record = study_barriers(crystal, potential, mobile="Li", settings=SETTINGS, folder=arguments.folder)
    (hop,) = record["hops"]
    attempt_per_s = hop["vibrations"]["forward_per_s"] or USUAL_PER_S
    print(f"band: {hop['forward_eV']:.3f} eV, {attempt_per_s:.3g} per s, {hop['vibrations']['problem']}", flush=True)

    sites = find_sites(crystal, "Li", voids=False)
    classes = find_hops(sites, r_max_A=SETTINGS["r_max_A"])
    repeats = repeats_for(sites.cell, smallest_edge_A=SETTINGS["edge_A"])
    start = end_states(sites, classes[0], repeats=repeats).initial
    temperatures_K = tuple(kelvin for kelvin in TEMPERATURES_K for _ in range(REPLICAS))
    steps, warm = round(arguments.ps * 1000 / STEP_FS), round(EQUILIBRATION_PS * 1000 / STEP_FS)
    schedule = [
        Stage("equilibrate", "nvt", warm, temperatures_K, temperatures_K),
        Stage("run", "nvt", steps, temperatures_K, temperatures_K, frame_interval=FRAME_STEPS),
    ]
    cells = [start.copy() for _ in temperatures_K]
    seeds = range(1, len(cells) + 1)
    workdir = arguments.folder / f"md-{arguments.ps:g}ps"
    run = MDRun(cells, schedule, potential, conditions=CONDITIONS, seeds=seeds, workdir=workdir)
    run.finish()
    paths = [workdir / f"{index}.h5md" for index in range(len(cells))]
    run.write_trajectories(paths, metadata=[{"replica": index} for index in range(len(cells))])

    supercell, counts, together, missed = np.diag(repeats), [], 0, 0
    stay = round(SHORTEST_STAY_PS * 1000 / (STEP_FS * FRAME_STEPS))
    for path in paths:
        places = ion_places(read_trajectory(path), sites, supercell)
        hops, _ = find_md_hops(places, sites, sites.cell, shortest_stay=stay)
        concerted = is_concerted(hops, sites, supercell, neighbour_A=classes[0].length_A)
        found, absent = count_hops(hops, concerted, sites, classes)
        counts.append(found["h1"]["hops"])
        together += sum(concerted)
        missed += sum(each["hops"] for each in absent)
    number = np.array(counts).reshape(len(TEMPERATURES_K), REPLICAS).sum(axis=1)
    rates = number / (REPLICAS * arguments.ps * 1e-12 * NEIGHBOURS)
    for kelvin, hops, rate in zip(TEMPERATURES_K, number, rates, strict=True):
        expected = attempt_per_s * np.exp(-hop["forward_eV"] / (kB * kelvin))
        print(f"{kelvin:g} K: {hops} hops, {rate:.3g} per s and way; by the band {expected:.3g}")
    print(f"concerted {together}, of hops that the graph lacks {missed}")
    inverse = 1 / (kB * np.array(TEMPERATURES_K))
    fit, covariance = np.polyfit(inverse, np.log(rates), 1, w=np.sqrt(number), cov="unscaled")
    print(f"molecular dynamics: {-fit[0]:.3f} ± {covariance[0, 0] ** 0.5:.3f} eV, {np.exp(fit[1]):.3g} per s")


if __name__ == "__main__":
    main()
