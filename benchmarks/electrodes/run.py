"""Insertion electrodes by universal potentials beside measurement: voltages, spacing of graphite, stages, volumes.

Each host is what `saltflow electrode` computes. The empty end of LiC6 is stacked AA; graphite (AB) is relaxed beside
it, and the voltage of LiC6 is against that. Relaxed configurations stay in the folder, so that a run goes on where it
was stopped; the table shows what is there.

With --speed it runs a cycle of a small host by the MACE of the demonstration, and as many steps of dynamics of the
half-filled host in one piece by the engine alone.

usage: python benchmarks/electrodes/run.py [--potentials chgnet-pbe …] [--hosts LiCoO2 …] [--folder FOLDER]
       python benchmarks/electrodes/run.py --speed
"""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from ase import Atoms  # noqa: E402
from ase.build import bulk, graphene  # noqa: E402
from ase.spacegroup import crystal  # noqa: E402

from saltflow.base.errors import SaltflowError  # noqa: E402
from saltflow.base.provenance import digest, read_json, sha256_of_file, write_json  # noqa: E402
from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.settings.electrodes import ElectrodeOptions  # noqa: E402
from saltflow.campaign.settings.references import read_reference  # noqa: E402
from saltflow.materials.structure_files import read_structure  # noqa: E402
from saltflow.potentials.protocol import MDPotential  # noqa: E402
from saltflow.studies.electrodes.cycles_of_host import run_cycles  # noqa: E402
from saltflow.studies.electrodes.electrode_study import study_electrode  # noqa: E402
from saltflow.studies.electrodes.host import host_of  # noqa: E402
from saltflow.studies.electrodes.host_dynamics import run_hosts  # noqa: E402
from saltflow.studies.electrodes.voltages import voltage_V  # noqa: E402
from saltflow.studies.given_potential import load_given  # noqa: E402
from saltflow.studies.kept_numbers import kept_numbers  # noqa: E402
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation  # noqa: E402
from saltflow.studies.relaxation.relaxed_cells import relax_cells  # noqa: E402
from saltflow.studies.shipped_settings import shipped_settings  # noqa: E402

POTENTIALS = ("chgnet-pbe", "sevennet-l3i5", "diep-r2scan")
BOND_A = 1.42
MODEL = REPOSITORY / "config/presets/demo/distilled.model"
SPEED_PS, SPEED_STEPS = 2.0, 9  # of dynamics in each step of a cycle that takes out four ions and puts them back
OPTIONS = ElectrodeOptions(points=3, candidates=3, force_eV_A=0.05, steps=200)
# Of the whole range; graphite between stages II and I. Ohzuku and Ueda, J. Electrochem. Soc. 141, 2972 (1994); Padhi et
# al., ibid. 144, 1188 (1997); Dahn, Phys. Rev. B 44, 9170 (1991).
MEASURED = {
    "LiCoO2": {"mean_voltage_V": (3.9, 4.1)},
    "LiFePO4": {"mean_voltage_V": (3.45, 3.45), "volume_change_percent": (6.8, 7.1)},
    "LiC6": {"mean_voltage_V": (0.1, 0.2), "LiC6_spacing_A": (3.70, 3.70), "graphite_spacing_A": (3.355, 3.355)},
}


def lithium_cobalt_oxide() -> Atoms:
    """O3-LiCoO2 in its hexagonal cell (R-3m)."""
    basis = [(0, 0, 0.5), (0, 0, 0), (0, 0, 0.2605)]
    return crystal(["Li", "Co", "O"], basis, spacegroup=166, cellpar=[2.815, 2.815, 14.05, 90, 90, 120])


def graphite(*, spacing_A: float, is_filled: bool) -> Atoms:
    """Two layers of 6 C: AA with Li in each gallery, or AB without."""
    layer = graphene(a=BOND_A * 3**0.5, vacuum=None)
    bond = layer.positions[1] - layer.positions[0]
    cell = layer.cell.array.copy()
    cell[2] = [0, 0, spacing_A]
    layer.set_cell(cell)
    layer.pbc = True
    if not is_filled:
        other = layer.copy()
        other.positions += bond + cell[2]
        both = layer + other
        both.cell[2] = 2 * cell[2]
        return both
    wide = layer.repeat((3, 3, 1))
    a, b = layer.cell.array[:2]
    wide.set_cell([2 * a + b, b - a, cell[2]])  # √3 × √3
    wide.wrap()
    inside = wide[[index for index in range(len(wide)) if _is_first(wide, index)]]
    hollow = layer.positions[0] - bond  # the middle of a hexagon
    return inside + Atoms("Li", [hollow + cell[2] / 2])


def _is_first(atoms: Atoms, index: int) -> bool:
    return not index or atoms.get_distances(index, range(index), mic=True).min() > 0.1


HOSTS = {
    "LiCoO2": (lithium_cobalt_oxide, {"repeat": [2, 1, 1], "points": 4}),
    "LiFePO4": (lambda: read_structure(REPOSITORY / "benchmarks/barriers/LiFePO4.cif"), {}),
    "LiC6": (lambda: graphite(spacing_A=3.7, is_filled=True), {"repeat": [1, 1, 2], "layers": "C"}),
}


def measure(host: str, potential: MDPotential, settings: dict, folder: Path) -> dict:
    """What one potential says of one host; the numbers of `MEASURED`, and the plateaus."""
    build, changes = HOSTS[host]
    chosen = OPTIONS.model_dump() | changes | settings
    folder.mkdir(parents=True, exist_ok=True)
    record = study_electrode(build(), potential, ion="Li", settings=chosen, folder=folder)
    found = {
        "mean_voltage_V": record["mean_voltage_V"],
        "plateaus": [(round(each["x_to"], 3), round(each["voltage_V"], 3)) for each in record["plateaus"]],
        "volume_change_percent": 100 * record["volume_change"],
        "status": record["status"],
    }
    if host == "LiC6":
        found |= against_graphite(record, potential, chosen, folder)
    return found


def against_graphite(record: dict, potential: MDPotential, settings: dict, folder: Path) -> dict:
    """Voltage of LiC6 against graphite, spacings, and the stage of the lowest LiC12."""

    def relaxed() -> dict:
        limits = {"force_eV_A": settings["force_eV_A"], "steps": settings["steps"]}
        (cell,) = relax_cells([graphite(spacing_A=3.35, is_filled=False)], BatchedEvaluation(potential), **limits)
        if not cell.is_converged(settings["force_eV_A"]):
            raise SaltflowError("Graphite does not come to rest.")
        edge_A, height_A = cell.atoms.cell.lengths()[[0, 2]].tolist()
        return {"eV_per_C": cell.energy_eV / 4, "edge_A": edge_A, "spacing_A": height_A / 2}

    key = digest(settings["potential_sha256"])
    kept = kept_numbers(folder / "graphite.json", relaxed, key=key)
    full, half = record["compositions"][-1], record["compositions"][1]
    change_eV = full["energy_eV"] - 12 * kept["eV_per_C"]
    return {
        "mean_voltage_V": voltage_V(change_eV, 2, record["metal_eV"]),
        "voltage_of_LiC12_V": voltage_V(half["energy_eV"] - 12 * kept["eV_per_C"], 1, record["metal_eV"]),
        "LiC6_spacing_A": full["spacings_A"][0],
        "graphite_spacing_A": kept["spacing_A"],
        "stage_at_half": half["stage"],
    }


def tell(folder: Path) -> None:
    """Print a row for each number that is there, with its distance from measurement."""
    print("host | quantity | measured | potential (functional) | computed | distance\n---|---|---|---|---|---")
    for host, quantities in MEASURED.items():
        for path in sorted(folder.glob(f"*/{host}.json")):
            found = read_json(path)
            for quantity, (low, high) in quantities.items():
                value = found[quantity]
                away = value - min(max(value, low), high)
                wanted = f"{low:g}" if low == high else f"{low:g}–{high:g}"
                made_by = f"{path.parent.name} ({found['functional']})"
                print(f"{host} | {quantity} | {wanted} | {made_by} | {value:.3f} | {away:+.3f}")
            print(f"{host} | plateaus to x, V | – | {path.parent.name} | {found['plateaus']} | {found['status']}")


def speed(folder: Path) -> None:
    """Print the steps per second of a cycle without relaxations, and those of the engine (CPU time)."""
    potential, sha256 = load_given(str(MODEL), sha256=sha256_of_file(MODEL), device="cpu")
    host = host_of(bulk("LiCl", "rocksalt", a=5.14, cubic=True), "Li", repeats=(2, 1, 1))
    changes = {"potential": "distilled", "potential_sha256": sha256, "steps": 1, "cycles": 1, "rule": "random"}
    settings = OPTIONS.model_dump() | changes | {"md_ps": SPEED_PS, "ensemble": "nvt", "ions_per_step": 1}
    half = host.filled(np.arange(host.sites) < 3 * host.sites // 4)
    dynamics, steps_ps = shipped_settings()["dynamics"], {"md_ps": SPEED_STEPS * SPEED_PS}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        run_hosts([half], potential, seeds=[1], settings=settings, dynamics=dynamics, workdir=work / "warm")
        began = time.process_time()
        run_hosts([half], potential, seeds=[1], settings=settings | steps_ps, dynamics=dynamics, workdir=work / "bare")
        alone_s = time.process_time() - began
        began = time.process_time()
        ends = (host.sites // 2, host.sites)
        found = run_cycles(host, potential, ends=ends, metal_eV=0.0, settings=settings, folder=work)
        cycle_s = time.process_time() - began
    ran_ps = len(found["steps"]) * SPEED_PS
    speeds = ran_ps / cycle_s, SPEED_STEPS * SPEED_PS / alone_s
    print(f"{len(host.framework) + host.sites} atoms: {speeds[0]:.3f} ps/s in a cycle, {speeds[1]:.3f} ps/s alone, "
          f"ratio {speeds[0] / speeds[1]:.2f}; status {found['status']}")  # fmt: skip


def main() -> None:
    """Measure what was asked for, then print the table of all that was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--potentials", nargs="*", default=POTENTIALS)
    parser.add_argument("--hosts", nargs="*", choices=HOSTS, default=list(HOSTS))
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build/benchmarks/electrodes")
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.speed:
        speed(arguments.folder)
        return
    references = read_configuration([])["references"]
    for name in arguments.potentials:
        functional = read_reference(references, name).functional
        potential, sha256 = load_given(name, sha256=None, device="cpu")
        for host in arguments.hosts:
            settings = {"potential": name, "potential_sha256": sha256}
            try:
                found = measure(host, potential, settings, arguments.folder / name / host)
            except SaltflowError as error:
                print(f"{host} by {name} is left out: {error}", flush=True)
                continue
            write_json(arguments.folder / name / f"{host}.json", found | {"functional": functional})
    tell(arguments.folder)


if __name__ == "__main__":
    main()
