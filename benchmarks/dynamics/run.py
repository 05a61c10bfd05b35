"""Molecular dynamics beside ASE and torch-sim: the same model, the same start, NVT at the same step.

The models are a MACE of the size that is used in production (128 scalars and 128 vectors, two layers, correlation 3,
5 Å) and one of the demonstration (16 scalars, correlation 2, 4.5 Å), untrained with seeded weights: what a step takes
does not depend on their values. Cells are Li4Al4Cl10O3 at 20 Å³ per atom. Each measurement is a process of its own
(engines.py), all numbers of a table are from one run, and ratios are what counts. The run ends where forces at the
start differ. On a CPU everything is one core and CPU seconds, on a GPU wall seconds. torch-sim gets an environment of
its own in build/ that sees the packages of this one.

usage: python benchmarks/dynamics/run.py [--atoms 63 336] [--steps 3]
       python benchmarks/dynamics/run.py --model demonstration --atoms 84 --steps 100
       python benchmarks/dynamics/run.py --device cuda [--atoms 1302] [--steps 100]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from peers import REPOSITORY, foreign_python  # noqa: E402

TORCH_SIM = "torch-sim-atomistic==0.3.0"
UNIT = {"Li": 4, "Al": 4, "Cl": 10, "O": 3}
VOLUME_A3 = 20.0  # per atom
STEP_FS, TEMPERATURE_K = 1.0, 600.0
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}  # of forces, relative to the largest
MODELS = {
    "production": {"hidden": "128x0e + 128x1o", "radial": 64, "r_max": 5.0, "num_bessel": 8, "order": 3},
    "demonstration": {"hidden": "16x0e", "radial": 16, "r_max": 4.5, "num_bessel": 6, "order": 2},
}
MOST_REPLICAS = 64
HEADER = (
    "| program | replicas | s per step | ns/day of each | atom-steps/s | ours is faster by | outside the model "
    "| memory MB | theirs/ours | forces differ by |\n|---|---|---|---|---|---|---|---|---|---|"
)


class Program(NamedTuple):
    """A row: what it is called, which program of engines.py, and with which options."""

    label: str
    engine: str
    options: tuple[str, ...] = ()


# ── what all programs get ──────────────────────────────────────────────────────────────────────


def write_model(path: Path, *, hidden: str, radial: int, r_max: float, num_bessel: int, order: int) -> None:
    """An untrained MACE with seeded weights, in double precision; `order` of harmonics and of correlation."""
    import mace.calculators  # noqa: F401 - before torch loads anything
    import torch
    from e3nn import o3
    from mace import modules

    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    model = modules.ScaleShiftMACE(
        r_max=r_max,
        num_bessel=num_bessel,
        num_polynomial_cutoff=5,
        max_ell=order,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=4,
        hidden_irreps=o3.Irreps(hidden),
        MLP_irreps=o3.Irreps("16x0e"),
        atomic_energies=np.array([-1.0, -2.0, -3.0, -4.0]),
        avg_num_neighbors=26,
        atomic_numbers=[3, 8, 13, 17],
        correlation=order,
        gate=torch.nn.functional.silu,
        pair_repulsion=True,
        atomic_inter_scale=20.0,
        atomic_inter_shift=0.0,
        radial_MLP=[radial] * 3,
    )
    torch.save(model, path)


def write_start(path: Path, *, atoms: int, replicas: int) -> None:
    """Cells of ions on a disturbed lattice, each its own, and their velocities."""
    from ase import Atoms
    from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary

    edge_A, along = (VOLUME_A3 * atoms) ** (1 / 3), int(np.ceil(atoms ** (1 / 3)))
    sites = np.stack(np.meshgrid(*[np.arange(along) + 0.5] * 3, indexing="ij"), -1).reshape(-1, 3) * edge_A / along
    symbols = np.repeat(list(UNIT), [atoms // sum(UNIT.values()) * count for count in UNIT.values()])
    positions, velocities = [], []
    for replica in range(replicas):
        rng = np.random.default_rng(replica)
        chosen = sites[rng.permutation(len(sites))[:atoms]]
        cell = Atoms(symbols, chosen + rng.normal(0, 0.05, chosen.shape), cell=np.eye(3) * edge_A, pbc=True)
        MaxwellBoltzmannDistribution(cell, temperature_K=TEMPERATURE_K, rng=rng)
        Stationary(cell)
        positions.append(cell.positions)
        velocities.append(cell.get_velocities())
    np.savez(path, numbers=cell.numbers, cell=cell.cell.array, positions=positions, velocities=velocities)


# ── measuring ──────────────────────────────────────────────────────────────────────────────────


def measure(
    program: Program,
    folder: Path,
    *,
    replicas: int,
    chosen: argparse.Namespace,
    dtype: str,
    limit_s: float | None = None,
) -> dict | str:
    """What engines.py says of one program, with its first forces; or why it could not be measured."""
    python, reason = _python_of(program)
    if python is None:
        return f"not installed: {reason}"
    command = [str(python), str(HERE / "engines.py"), program.engine, str(folder), "--replicas", str(replicas)]
    command += ["--steps", str(chosen.steps), "--dtype", dtype, "--device", chosen.device, *program.options]
    alone = dict(os.environ) | {"OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=alone, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return f"took longer than {limit_s:.0f} s"
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return json.loads(done.stdout.splitlines()[-1]) | {"forces": np.load(folder / "forces.npy")}


def _python_of(program: Program) -> tuple[Path | None, str]:
    if program.engine == "torch-sim":
        return foreign_python(TORCH_SIM, sees_ours=True)
    return Path(sys.executable), ""


def row(program: Program, replicas: int, found: dict | str, ours: dict, *, atoms: int, dtype: str) -> str:
    """A line of the table; ends the run where forces are not ours."""
    if isinstance(found, str):
        return f"| {program.label} | {replicas} | {found} | | | | | | | |"
    difference = float(np.abs(found["forces"] - ours["forces"]).max() / np.abs(ours["forces"]).max())
    if difference > TOLERANCE[dtype]:
        raise SystemExit(f"{program.label}: forces differ by {difference:.1e} of the largest; nothing can be compared.")
    seconds, busy = found["seconds"], found["utilisation"]
    return (
        f"| {program.label} {found['version'] if found is not ours else ''} | {replicas} | {seconds:.3g} "
        f"| {86400 / seconds * STEP_FS * 1e-6:.3g} | {atoms * replicas / seconds:.3g} "
        f"| {seconds / ours['seconds']:.2f} | {found['outside']:.1%} | {found['memory_MB']:.0f} "
        f"| {found['memory_MB'] / ours['memory_MB']:.1f} | {difference:.0e} |"
        + (f" GPU {busy:.0f} % busy" if busy is not None else "")
    )


def programs(device: str) -> list[Program]:
    """Ours first."""
    if device == "cpu":
        return [
            Program("saltflow", "saltflow"),
            Program("ASE + MACECalculator", "ase"),
            Program("torch-sim", "torch-sim"),
        ]
    return [
        Program("saltflow", "saltflow"),
        Program("ASE + MACECalculator", "ase"),
        Program("ASE + MACECalculator, cuEquivariance", "ase", ("--cueq",)),
        Program("torch-sim", "torch-sim"),
        Program("torch-sim, cuEquivariance", "torch-sim", ("--cueq",)),
    ]


def table(folder: Path, *, atoms: int, replicas: int, dtype: str, chosen: argparse.Namespace) -> Iterator[str]:
    """Rows of all programs at one size; none where ours did not fit."""
    ours = None
    for program in programs(chosen.device):
        found = measure(program, folder, replicas=replicas, chosen=chosen, dtype=dtype)
        if ours is None and isinstance(found, str):
            yield f"| {program.label} | {replicas} | {found} | | | | | | | |"
            return
        ours = ours or found
        yield row(program, replicas, found, ours, atoms=atoms, dtype=dtype)


def sizes(chosen: argparse.Namespace, atoms: int) -> list[int]:
    """How many replicas run together: on a GPU doubled as long as ours fits."""
    if chosen.device == "cuda":
        return [1, 3, *(2**power for power in range(2, MOST_REPLICAS.bit_length()))]
    return [1, 3] if atoms == min(chosen.atoms) else [1]


def comparisons(chosen: argparse.Namespace) -> Iterator[str]:
    """All tables, line by line."""
    versions = f"mace-torch {version('mace-torch')}, torch {version('torch')}"
    yield f"{chosen.model} model, {versions}, {chosen.device}, {chosen.steps} steps"
    (REPOSITORY / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "build") as scratch:
        folder = Path(scratch)
        write_model(folder / "model.model", **MODELS[chosen.model])
        for dtype in chosen.dtype:
            for atoms in chosen.atoms:
                write_start(folder / "start.npz", atoms=atoms, replicas=max(sizes(chosen, atoms)))
                yield f"\n{atoms} atoms, {dtype}\n\n{HEADER}"
                for replicas in sizes(chosen, atoms):
                    rows = 0
                    for line in table(folder, atoms=atoms, replicas=replicas, dtype=dtype, chosen=chosen):
                        rows += 1
                        yield line
                    if rows == 1:  # ours did not fit
                        break


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", choices=tuple(MODELS), default="production")
    parser.add_argument("--atoms", type=int, nargs="+", help="multiples of 21 (default: 63 336; on a GPU 1302)")
    parser.add_argument("--steps", type=int, help="timed steps (default: 3; on a GPU 100)")
    parser.add_argument("--dtype", nargs="+", choices=tuple(TOLERANCE), default=list(TOLERANCE))
    chosen = parser.parse_args()
    chosen.atoms = chosen.atoms or ([1302] if chosen.device == "cuda" else [63, 336])
    chosen.steps = chosen.steps or (100 if chosen.device == "cuda" else 3)
    for line in comparisons(chosen):
        print(line, flush=True)


if __name__ == "__main__":
    main()
