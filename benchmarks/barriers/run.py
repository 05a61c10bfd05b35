"""Bands of other programs beside ours: barriers, evaluations and seconds, and the hops that another one finds.

The same two relaxed end states and the same CHGNet are given to saltflow, to ASE one image after another, to matcalc
and to NEBwalk; the barriers must agree within 10 meV. Hops are also those that the package ions finds. What is measured
is kept in build/benchmarks/barriers, so that a run that was stopped goes on.

usage: python benchmarks/barriers/run.py [--only bands|hops]
"""

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "scripts")]

import ase.io  # noqa: E402
import numpy as np  # noqa: E402
from peers import REPOSITORY, foreign_python  # noqa: E402

from saltflow.base.provenance import read_json, write_json  # noqa: E402
from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.settings.references import UniversalReference, read_reference  # noqa: E402
from saltflow.materials.structure_files import read_structure  # noqa: E402
from saltflow.potentials.universal.driver import UniversalDriver  # noqa: E402
from saltflow.potentials.universal.environment import find_python  # noqa: E402
from saltflow.studies.barriers.elastic_band import Band, relax_bands  # noqa: E402
from saltflow.studies.barriers.endpoints import end_states, interpolate, repeats_for  # noqa: E402
from saltflow.studies.barriers.hop_classes import find_hops  # noqa: E402
from saltflow.studies.mobile_sites import find_sites  # noqa: E402
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation  # noqa: E402
from saltflow.studies.relaxation.relaxed_states import relax  # noqa: E402

FOLDER = REPOSITORY / "build/benchmarks/barriers"
BANDS, IONS = ("matcalc==0.7.0", "NEBwalk==0.11.0", "chgnet==0.4.2", "torch==2.13.0"), ("ions==0.5.1",)
CASES = (("Li2O", 4.6),)  # crystals and edges of their cells in Å
HOPS_OF = ("LiFePO4", "Li2O", "Li3N")
IMAGES, FORCE_eV_A = 3, 0.05
IONS_HOPS = """
import json, sys
from ase.io import read
from ions import Percolator
found = Percolator(read(sys.argv[1]), mobile_specie="Li", upper_bound=5.0)
cutoff, dimensions = found.mincut_maxdim(0.5)
print(json.dumps([cutoff, int(dimensions), len(found.unique_edges(cutoff, 0.5, method="naive"))]))
"""


def reference_of(name: str) -> UniversalReference:
    """A universal potential of config/references."""
    return read_reference(read_configuration([])["references"], name)


def bands() -> Iterator[str]:
    """Rows of the table."""
    python, missing = foreign_python(*BANDS)
    if python is None:
        yield f"Other programs cannot be installed: {missing}"
        return
    reference = reference_of("chgnet-pbe")
    packages = next(find_python(reference).parents[1].glob("lib/python*/site-packages"))
    yield "| hop | program | barrier eV | evaluations | CPU s | wall s |"
    yield "|---|---|---|---|---|---|"
    for name, edge_A in CASES:
        files = [FOLDER / f"{name}-{which}.extxyz" for which in ("initial", "final")]
        settings = [str(IMAGES), str(FORCE_eV_A), str(packages / reference.weights)]
        words = [str(python), str(HERE / "peer_bands.py")]
        rows = [_kept(f"{name}-saltflow", partial(_ours, name, edge_A, reference, files))]
        yield _row(name, rows[0])
        for program in ("ase", "matcalc", "NEBwalk"):
            call = [*words, program, *map(str, files), *settings]
            rows.append(_kept(f"{name}-{program}", partial(_answer, call)))
            yield _row(name, rows[-1])
        apart_eV = max(abs(row["barrier_eV"] - rows[0]["barrier_eV"]) for row in rows if row["converged"])
        yield f"| {name} | largest difference of converged bands | {1000 * apart_eV:.1f} meV | | | |"


def _row(name: str, found: dict) -> str:
    note = "" if found["converged"] else " (not converged)"
    return (
        f"| {name} | {found['program']} | {found['barrier_eV']:.4f}{note} | {found['evaluations']} | "
        f"{found['cpu_s']:.0f} | {found['seconds']:.0f} |"
    )


def _answer(call: list[str]) -> dict:
    return json.loads(subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])


def _kept(name: str, measure: Callable[[], dict]) -> dict:
    """A measurement that an earlier run has kept, or a new one."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        write_json(path, measure())
    return read_json(path)


def _ours(name: str, edge_A: float, reference: UniversalReference, files: list[Path]) -> dict:
    """Our band of the shortest hop, whose relaxed end states are written to files."""
    driver = UniversalDriver(reference)
    evaluation = BatchedEvaluation(driver)
    (crystal,) = relax([read_structure(HERE / f"{name}.cif")], evaluation, force_eV_A=0.02, steps=300)
    sites = find_sites(crystal.atoms, "Li", voids=False)
    repeats = repeats_for(sites.cell, smallest_edge_A=edge_A)
    ends = end_states(sites, find_hops(sites, r_max_A=3.5)[0], repeats=repeats)
    relaxed = relax([ends.initial, ends.final], evaluation, force_eV_A=0.01, steps=300)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, state in zip(files, relaxed, strict=True):
        ase.io.write(file, state.atoms)
    evaluation.evaluated = 0
    began, cpu = time.perf_counter(), _cpu_s_of(driver)
    positions = interpolate(relaxed[0].atoms, relaxed[1].atoms, images=IMAGES)
    energies = np.full(len(positions), np.nan)
    energies[[0, -1]] = [state.energy_eV for state in relaxed]
    band = Band(relaxed[0].atoms, positions, energies)
    relax_bands([band], evaluation, force_eV_A=FORCE_eV_A, steps=300)
    found = {
        "program": "saltflow",
        "barrier_eV": float(band.energies_eV.max() - band.energies_eV[0]),
        "converged": band.is_converged,
        "evaluations": evaluation.evaluated,
        "seconds": time.perf_counter() - began,
        "cpu_s": _cpu_s_of(driver) - cpu,
    }
    driver.close()
    return found


def _cpu_s_of(driver: UniversalDriver) -> float:
    """CPU seconds of this process and of that which evaluates."""
    import psutil

    children = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in children)


def hops() -> Iterator[str]:
    """Inequivalent hops by ions, up to the length at which it lets sites percolate, and by us."""
    python, missing = foreign_python(*IONS)
    if python is None:
        yield f"ions cannot be installed: {missing}"
        return
    for name in HOPS_OF:
        path = HERE / f"{name}.cif"
        run = subprocess.run([str(python), "-c", IONS_HOPS, str(path)], capture_output=True, text=True, check=True)
        cutoff_A, dimensions, found = json.loads(run.stdout.splitlines()[-1])
        sites = find_sites(read_structure(path), "Li", voids=False)
        ours = find_hops(sites, r_max_A=cutoff_A)
        yield f"{name}: {IONS[0]} {found} hops up to {cutoff_A:.2f} Å, which percolate in {dimensions} dimensions"
        yield f"{name}: saltflow {len(ours)} of {len(sites.positions)} sites: " + ", ".join(
            f"{hop.length_A:.2f} Å × {len(hop.members)}" for hop in ours
        )


def main() -> None:
    """Print the table and the hops."""
    logging.basicConfig(level=logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["bands", "hops"])
    choices = parser.parse_args()
    for name, part in {"hops": hops, "bands": bands}.items():
        if choices.only in (None, name):
            for line in part():
                print(line, flush=True)


if __name__ == "__main__":
    main()
