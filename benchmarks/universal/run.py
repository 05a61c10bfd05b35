"""Every universal potential of config/references beside measurement, and beside labels by DFT where there are some.

Ten crystals (crystals.py): error of the lattice constants, the densities and the elastic constants, and the slope of
computed over measured elastic constants (below 1: softened). Labels: MAE, RMSE and slope of the forces of each element.
Cost: CPU seconds per frame of 64 atoms, and memory. A potential is a column; measured ones stay in build/universal.

usage: python benchmarks/universal/run.py [--potentials chgnet-pbe …] [--labels FOLDER]
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import numpy as np  # noqa: E402
from ase import Atoms  # noqa: E402
from crystals import CRYSTALS, built, elastic_constants_GPa, relaxed_edge_A  # noqa: E402
from force_errors import errors_by_element  # noqa: E402

from saltflow.base.errors import SaltflowError  # noqa: E402
from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.settings.references import UniversalReference, read_reference  # noqa: E402
from saltflow.labels.frames import read_frames  # noqa: E402
from saltflow.materials.frame_info import FrameInfo  # noqa: E402
from saltflow.potentials.universal.driver import UniversalDriver  # noqa: E402

KEPT = ROOT / "build/universal"
FRAMES = 5


def measure(name: str, reference: UniversalReference, labels: list[Atoms]) -> None:
    """Crystals, errors on labels and cost of one potential, kept one by one: what is there is not measured again."""
    path, driver = KEPT / f"{name}.json", UniversalDriver(reference)
    found = json.loads(path.read_text()) if path.is_file() else {"method": reference.method, "crystals": {}}
    for crystal in CRYSTALS:
        if crystal not in found["crystals"]:
            edge_A = relaxed_edge_A(crystal, driver.evaluate_cell)
            elastic = elastic_constants_GPa(crystal, edge_A, driver.evaluate_cell)
            found["crystals"][crystal] = {"edge_A": round(edge_A, 4)} | elastic
            print(f"{name}, {crystal}: {found['crystals'][crystal]}", flush=True)
            path.write_text(json.dumps(found, indent=1))
    found["labels"] = errors_by_element(
        (frame.symbols, driver.evaluate_cell(frame)[1], FrameInfo.of(frame).reference_forces_eV_A) for frame in labels
    )
    found["cost"] = cost(driver)
    path.write_text(json.dumps(found, indent=1))


def cost(driver: UniversalDriver) -> dict:
    """CPU seconds per frame of rattled LiCl, the first one left out, and the memory of the process in MB."""
    cell = built("LiCl", CRYSTALS["LiCl"].edge_A).repeat(2)
    driver.evaluate_cell(cell)
    random, process = np.random.default_rng(1), driver._child._process.pid
    began = cpu_seconds(process)
    for _ in range(FRAMES):
        cell.positions += random.normal(scale=0.02, size=cell.positions.shape)
        driver.evaluate_cell(cell)
    spent = (cpu_seconds(process) - began) / FRAMES
    memory_MB = int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    driver.close()
    return {"atoms": len(cell), "cpu_s": spent, "MB": memory_MB}


def cpu_seconds(process: int) -> float:
    """CPU time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def summary(found: dict) -> dict[str, str]:
    """Row → cell of one potential."""
    rows = {}
    edges, ratios, elastic = [], [], {key: [] for key in ("C11", "C12", "C44")}
    own, wanted = [], []
    for name, crystal in CRYSTALS.items():
        computed = found["crystals"][name]
        edges.append(computed["edge_A"] / crystal.edge_A - 1)
        ratios.append((crystal.edge_A / computed["edge_A"]) ** 3 - 1)
        for key in elastic:
            elastic[key].append(computed[key] / getattr(crystal, key) - 1)
            own.append(computed[key])
            wanted.append(getattr(crystal, key))
        rows[f"a of {name} ({crystal.edge_A:.3f} Å)"] = f"{computed['edge_A']:.3f}"
        shown = (f"{computed[key]:.0f}" for key in elastic)
        rows[f"C11, C12, C44 of {name} ({crystal.C11:.0f}, {crystal.C12:.0f}, {crystal.C44:.0f} GPa)"] = ", ".join(
            shown
        )
    rows["lattice constants, mean error and mean absolute error (%)"] = spread(edges)
    rows["densities (%)"] = spread(ratios)
    for key, errors in elastic.items():
        rows[f"{key} (%)"] = spread(errors)
    own, wanted = np.log(own), np.log(wanted)
    rows["computed over measured elastic constants, geometric mean"] = f"{np.exp(np.mean(own - wanted)):.2f}"
    for symbol, errors in found["labels"].items():
        rows[f"forces on {symbol}: MAE, RMSE (meV/Å), slope"] = (
            f"{errors['MAE']:.0f}, {errors['RMSE']:.0f}, {errors['slope']:.2f}"
        )
    rows["CPU seconds per frame of {atoms} atoms".format(**found["cost"])] = f"{found['cost']['cpu_s']:.2f}"
    rows["memory (MB)"] = f"{found['cost']['MB']:.0f}"
    return rows


def spread(errors: list[float]) -> str:
    """Mean and mean absolute of relative errors, in percent."""
    return f"{100 * np.mean(errors):+.1f}, {100 * np.mean(np.abs(errors)):.1f}"


def main() -> None:
    """Measure what was asked for, then print the table of all that was measured."""
    references = read_configuration([])["references"]
    universal = [name for name in references if read_reference(references, name).code == "universal"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--potentials", nargs="*", choices=universal, default=universal)
    parser.add_argument("--labels", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    files = sorted(arguments.labels.glob("*.extxyz"))
    if not files:
        print(f"No labels by DFT in {arguments.labels}: the errors of forces are left out.")
    labels = [frame for path in files for frame in read_frames(path)]
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in arguments.potentials:
        try:
            measure(name, read_reference(references, name), labels)
        except SaltflowError as missing:
            print(f"{name} is left out: {missing}")
    kept = {path.stem: json.loads(path.read_text()) for path in sorted(KEPT.glob("*.json"))}
    columns = {name: summary(found) for name, found in kept.items() if "cost" in found}
    print(" | ".join(["", *columns]))
    print("---|" * len(columns) + "---")
    for row in dict.fromkeys(row for column in columns.values() for row in column):
        print(" | ".join([row, *(column.get(row, "–") for column in columns.values())]))


if __name__ == "__main__":
    main()
