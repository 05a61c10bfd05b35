"""Molecular dynamics of one program in a process of its own: time and memory of its steps, and its first forces.

usage: python engines.py PROGRAM FOLDER --replicas 1 --steps 3 --dtype float64 --device cpu

FOLDER holds model.model and start.npz, of run.py. All programs start from the same positions and velocities and run NVT
with a Nosé–Hoover chain at the same step. Forces at the start go to FOLDER/forces.npy; prints a line of JSON.
ASE knows one cell at a time: more replicas are run one after another, and a step is one of each.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

warnings.simplefilter("ignore")

import mace.calculators  # noqa: E402, F401 - before torch loads anything
import numpy as np  # noqa: E402
import torch  # noqa: E402
from ase import Atoms, units  # noqa: E402

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "scripts")]

from peers import resident_MB  # noqa: E402

STEP_FS, TEMPERATURE_K, THERMOSTAT_FS = 1.0, 600.0, 100.0
WARM_STEPS = 1


class Stopwatch:
    """Marks between steps, and the time inside the model; CPU seconds on a CPU, wall seconds on a GPU."""

    def __init__(self, device: str):
        self.device, self.marks, self.in_model = device, [], []
        self.inside = 0.0

    def now(self) -> float:
        """Seconds, once the device has done what it was told."""
        if self.device == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def mark(self) -> None:
        """The end of a step."""
        self.marks.append(self.now())
        self.in_model.append(self.inside)

    def watch(self, owner: object, method: str = "forward") -> None:
        """Count the time of calls of a model, gradients included."""
        original = getattr(owner, method)

        def timed(*arguments, **keywords):
            began = self.now()
            answer = original(*arguments, **keywords)
            self.inside += self.now() - began
            return answer

        setattr(owner, method, timed)

    def steps(self) -> dict:
        """Median seconds of a step, and the share of the steps spent outside the model, warm-up left out."""
        marks, inside = self.marks[WARM_STEPS:], self.in_model[WARM_STEPS:]
        each = [after - before for before, after in pairwise(marks)]
        share = 1 - (inside[-1] - inside[0]) / (marks[-1] - marks[0])
        return {"seconds": float(np.median(each)), "outside": share}


# ── programs ───────────────────────────────────────────────────────────────────────────────────


def saltflow(folder: Path, cells: list[Atoms], chosen: argparse.Namespace, watch: Stopwatch) -> np.ndarray:
    """The engine itself, with stop criteria, frames and checkpoints."""
    from saltflow.base.provenance import sha256_of_file
    from saltflow.dynamics.progress import Conditions
    from saltflow.dynamics.runner import MDRun
    from saltflow.dynamics.schedule import Stage
    from saltflow.potentials.compiled.model import CompiledMACE
    from saltflow.potentials.compilers import SYMMETRIX
    from saltflow.potentials.mace import load_committee
    from saltflow.potentials.symmetrix_xl import SymmetrixMACE

    class Watched(MDRun):
        def _observe(self, stage: Stage) -> None:
            super()._observe(stage)
            watch.mark()

    path = folder / "model.model"
    committee = load_committee(
        [path], sha256=[sha256_of_file(path)], device=chosen.device, dtype=chosen.dtype, for_long_runs=True
    )
    if chosen.by == "mace":
        committee.compiler, committee.compiled = None, []
    elif chosen.by == "symmetrix-xl":  # where it is not the fastest
        committee.compiler, committee.compiled = SYMMETRIX, None
    watch.watch(committee.models[0])
    watch.watch(CompiledMACE, "evaluate")
    watch.watch(SymmetrixMACE, "evaluate")
    steps, target = chosen.steps + WARM_STEPS, (TEMPERATURE_K,) * len(cells)
    conditions = Conditions(
        step_fs=STEP_FS, thermostat="nose-hoover", thermostat_time_fs=THERMOSTAT_FS, barostat_time_fs=1000.0,
        compressibility_per_GPa=0.05, pressure_GPa=0.0, max_temperature_ratio=10.0, segment_ps=steps * STEP_FS / 1000,
    )  # fmt: skip
    stage = Stage("timed", "nvt", steps, target, target, frame_interval=steps)
    with tempfile.TemporaryDirectory() as workdir:
        run = Watched(cells, [stage], committee, conditions=conditions, seeds=range(len(cells)), workdir=Path(workdir))
        velocities = np.concatenate([cell.get_velocities() for cell in cells])
        run.progress.state.velocities = torch.as_tensor(velocities, device=chosen.device)
        forces = run.evaluation.forces.cpu().numpy()
        watch.mark()
        run.finish()
    return forces


def ase(folder: Path, cells: list[Atoms], chosen: argparse.Namespace, watch: Stopwatch) -> np.ndarray:
    """ASE with the calculator that mace ships."""

    def calculator():
        # One calculator for each, or it would lose its results between the cells.
        made = mace.calculators.MACECalculator(
            str(folder / "model.model"), device=chosen.device, default_dtype=chosen.dtype, enable_cueq=chosen.cueq
        )
        watch.watch(made.models[0])
        return made

    return _by_ase(calculator, cells, chosen, watch)


def symmetrix(folder: Path, cells: list[Atoms], chosen: argparse.Namespace, watch: Stopwatch) -> np.ndarray:
    """ASE with the calculator of symmetrix-xl, which compiles code for the model when it is first used."""
    from symmetrix import Symmetrix
    from symmetrix.cli.extract_mace import main as extract

    model = folder / "symmetrix.json"
    if not model.exists():
        extract(["--model", str(folder / "model.model"), "--output", str(model)])

    def calculator():
        made = Symmetrix(str(model), dtype=chosen.dtype)
        watch.watch(made, "calculate")
        return made

    return _by_ase(calculator, cells, chosen, watch)


def _by_ase(calculator: Callable, cells: list[Atoms], chosen: argparse.Namespace, watch: Stopwatch) -> np.ndarray:
    from ase.md.nose_hoover_chain import NoseHooverChainNVT

    forces, runs = [], []
    for cell in cells:
        atoms = cell.copy()
        atoms.calc = calculator()
        forces.append(atoms.get_forces())
        runs.append(
            NoseHooverChainNVT(
                atoms, timestep=STEP_FS * units.fs, temperature_K=TEMPERATURE_K, tdamp=THERMOSTAT_FS * units.fs
            )
        )
    watch.mark()
    for _ in range(chosen.steps + WARM_STEPS):
        for run in runs:
            run.run(1)
        watch.mark()
    return np.concatenate(forces)


def torch_sim(folder: Path, cells: list[Atoms], chosen: argparse.Namespace, watch: Stopwatch) -> np.ndarray:
    """torch-sim, all replicas in one batch, without the stress that NVT does not need."""
    from torch_sim.integrators.nvt import nvt_nose_hoover
    from torch_sim.io import atoms_to_state
    from torch_sim.models.mace import MaceModel
    from torch_sim.units import MetalUnits

    device, dtype = torch.device(chosen.device), getattr(torch, chosen.dtype)
    loaded = torch.load(folder / "model.model", map_location=device, weights_only=False)
    for parameter in loaded.parameters():
        parameter.requires_grad_(False)
    model = MaceModel(loaded, device=device, dtype=dtype, compute_stress=False, enable_cueq=chosen.cueq)
    watch.watch(model.model)
    state = atoms_to_state(cells, device, dtype)
    start, advance = nvt_nose_hoover(
        model=model,
        dt=torch.tensor(STEP_FS * 1e-3 * MetalUnits.time, dtype=dtype, device=device),
        kT=torch.tensor(TEMPERATURE_K * MetalUnits.temperature, dtype=dtype, device=device),
    )
    velocities = np.concatenate([cell.get_velocities() for cell in cells])  # Å, u and eV: the units of both
    momenta = torch.as_tensor(velocities, dtype=dtype, device=device) * state.masses.unsqueeze(-1)
    state = start(state, momenta=momenta)
    forces = state.forces.double().cpu().numpy()
    watch.mark()
    for _ in range(chosen.steps + WARM_STEPS):
        state = advance(state)
        watch.mark()
    return forces


PROGRAMS: dict[str, tuple[Callable, str]] = {
    "saltflow": (saltflow, "torch"),
    "ase": (ase, "ase"),
    "torch-sim": (torch_sim, "torch-sim-atomistic"),
    "symmetrix": (symmetrix, "symmetrix-xl"),
}

# ── measuring ──────────────────────────────────────────────────────────────────────────────────


def memory_MB(device: str, before_MB: float) -> float:
    """The most that the steps held: of the process beyond what it had loaded before, or on the GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resident_MB("VmHWM") - before_MB


def start_sampling(device: str) -> subprocess.Popen | None:
    """Utilisation of the GPU five times a second, where there is a program that tells it."""
    if device != "cuda" or not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def utilisation(sampling: subprocess.Popen | None) -> float | None:
    """Mean percentage of the second half of the samples: the first has the start."""
    if sampling is None:
        return None
    sampling.terminate()
    samples = [float(line) for line in sampling.communicate()[0].split() if line.replace(".", "").isdigit()]
    return float(np.mean(samples[len(samples) // 2 :])) if samples else None


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--by", choices=("fastest", "mace", "symmetrix-xl"), default="fastest", help="of saltflow")
    parser.add_argument("--cueq", action="store_true", help="kernels of cuEquivariance, of the peers")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    start = np.load(chosen.folder / "start.npz")
    cells = [
        Atoms(start["numbers"], positions, cell=start["cell"], pbc=True, velocities=velocities)
        for positions, velocities in zip(start["positions"], start["velocities"], strict=True)
    ][: chosen.replicas]
    run, package = PROGRAMS[chosen.program]
    watch, sampling, before_MB = Stopwatch(chosen.device), start_sampling(chosen.device), resident_MB("VmRSS")
    forces = run(chosen.folder, cells, chosen, watch)
    np.save(chosen.folder / "forces.npy", forces)
    found = watch.steps() | {
        "memory_MB": memory_MB(chosen.device, before_MB),
        "utilisation": utilisation(sampling),
        "version": version(package),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
