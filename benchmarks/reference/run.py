"""Seconds per frame and atom by code, preset and MPI ranks, what the frame before saves, and what we add.

Frames are those that MD takes every few steps (0.02 Å of random displacement from one to the next) of Li2AlCl3O
replicas. The first starts from atomic densities, the others from the frame before. The peer is the bare program on the
input of the first frame, as the label recorded it: what it takes longer with us is our overhead.

usage: python benchmarks/reference/run.py [--atoms 14] [--references gfn1-xtb pbe-d3-draft …] [--frames 3]
       [--ranks 1 2] [--pseudopotentials FOLDER]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import product
from pathlib import Path
from statistics import mean

from ase import Atoms

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from cells import neighbours, replica  # noqa: E402

from saltflow.base.errors import SaltflowError  # noqa: E402
from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.settings.references import Reference, read_reference  # noqa: E402
from saltflow.labels.reference.cp2k_data import data_folder  # noqa: E402
from saltflow.labels.reference.label import Label, Processes  # noqa: E402
from saltflow.labels.reference.labelling import label_frames  # noqa: E402

ATOMS_PER_FORMULA = 7
PROGRAMS = {"cp2k": ["cp2k.psmp", "-i", "input"], "quantum-espresso": ["pw.x", "-in", "input"]}


def read(name: str, pseudopotentials: str | None, ranks: int) -> Reference | None:
    """A reference of config.yaml on so many ranks; None where it takes none or lacks its pseudopotentials."""
    reference = read_reference(read_configuration([])["references"], name)
    if reference.code not in PROGRAMS:
        return reference if ranks == 1 else None
    changes = {"command": f"{launcher(ranks)}{reference.command}"}
    if reference.code == "quantum-espresso":
        if not pseudopotentials:
            return None
        changes |= {"pseudopotential_path": pseudopotentials, "density_cutoff_Ry": 4 * reference.cutoff_Ry}
    return reference.model_copy(update=changes)


def launcher(ranks: int) -> str:
    return "" if ranks == 1 else f"mpiexec -np {ranks} "


def labelled(frames: Sequence[Atoms], reference: Reference, ranks: int) -> list[Label]:
    """The labels of the frames by one process, or by one MPI run."""
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(ranks=ranks, threads=1)
        generator = label_frames(frames, reference, max_force_eV_A=100.0, workdir=Path(folder), processes=processes)
        with closing(generator) as labels:
            found = list(labels)
    if reasons := [label.reason for label in found if label.status != "ok"]:
        raise SystemExit(f"{reference.code}: {reasons[0]}")
    return found


def bare_seconds(reference: Reference, first: Label, ranks: int) -> float | None:
    """Wall seconds of the bare program on the input that the first label recorded; None for a library."""
    if reference.code not in PROGRAMS:
        return None
    environment = dict(os.environ)
    if reference.code == "cp2k":
        environment["CP2K_DATA_DIR"] = str(data_folder(reference))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "input").write_text(first.details["input"])
        began = time.perf_counter()
        command = [*launcher(ranks).split(), *PROGRAMS[reference.code]]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def measure(name: str, reference: Reference, atoms: int, frames: int, ranks: int) -> str:
    """A row of the table."""
    first, *others = labelled(neighbours(replica(atoms // ATOMS_PER_FORMULA), frames=frames), reference, ranks)
    warm_s = mean(label.seconds for label in others)
    bare_s = bare_seconds(reference, first, ranks)
    overhead = "" if bare_s is None else f"{bare_s:.1f} | {first.seconds / bare_s:.2f}"
    return (
        f"| {name} | {ranks} | {atoms} | {first.seconds:.1f} | {warm_s:.1f} | {warm_s / atoms:.2f} | "
        f"{first.seconds / warm_s:.2f} | {overhead or ' | '} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms", type=int, nargs="+", default=[14], help="multiples of 7")
    parser.add_argument("--references", nargs="+", default=["gfn1-xtb", "pbe-d3-draft", "pbe-d3-gpaw-draft"])
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1], help="MPI ranks of the codes that are programs")
    parser.add_argument("--pseudopotentials", help="folder of norm-conserving UPF files for Quantum ESPRESSO")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    print("| reference | ranks | atoms | first s | later s | later s per atom | gain | bare s | ours / bare |")
    print("|---|---|---|---|---|---|---|---|---|")
    for atoms, name, ranks in product(arguments.atoms, arguments.references, arguments.ranks):
        if reference := read(name, arguments.pseudopotentials, ranks):
            try:
                print(measure(name, reference, atoms, arguments.frames, ranks), flush=True)
            except SaltflowError as error:  # a code that is not installed here
                print(f"| {name} | {error} |", flush=True)


if __name__ == "__main__":
    main()
