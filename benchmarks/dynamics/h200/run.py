"""The first run on an H200, in five minutes on the card: are the numbers right, how fast is it, does it resume.

1. Forces of 336 atoms on the card against mace on the CPU, in both precisions.
2. Steps of 1, 3, 15 and 32 cells of 1302 atoms by saltflow (symmetrix-xl, mace), ASE, torch-sim and symmetrix-xl,
   with and without cuEquivariance: seconds per step, µs per atom and step, ns/day, memory, share outside the model.
3. A run that is killed and resumes, against one that is not. Sums on a GPU differ in the last bits from run to run, so
   the distance is printed, not judged.
4. Rows for config/calibration.tsv.

The packages are brought along as wheels. What there is no time for is named; nothing is waited for beyond the limit.

usage: python benchmarks/dynamics/h200/run.py --fetch WHEELS      where there is a network, with the card's Python
       python benchmarks/dynamics/h200/run.py --install WHEELS    on the node; prints the Python to use
       python benchmarks/dynamics/h200/run.py > h200.md           on the node, with that Python
       python benchmarks/dynamics/h200/run.py --dry-run           the same steps with tiny sizes on a CPU
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(REPOSITORY / "scripts")]

from run import HEADER, MODELS, Program, measure, row, write_model, write_start  # noqa: E402

WHEELS = (
    "torch==2.13.0",
    "mace-torch==0.3.16",
    "cuequivariance-torch==0.13.0",
    "cuequivariance-ops-torch-cu13==0.13.0",
    "symmetrix-xl-cuda13-sm90==0.1.1",
    "torch-sim-atomistic==0.3.0",
)
PROGRAMS = (
    Program("saltflow", "saltflow"),
    Program("saltflow, mace", "saltflow", ("--by", "mace")),
    Program("symmetrix-xl, ASE", "symmetrix"),
    Program("torch-sim, cuEquivariance", "torch-sim", ("--cueq",)),
    Program("ASE + MACECalculator, cuEquivariance", "ase", ("--cueq",)),
    Program("torch-sim", "torch-sim"),
    Program("ASE + MACECalculator", "ase"),
)
CHILD = """
import runpy
here = runpy.run_path({script!r})
here["short_run"]({folder!r}, {work!r}, device={device!r}, atoms={atoms}, steps={steps}).finish()
"""


class Sizes(NamedTuple):
    """How large everything is, and how long it may take.

    model: of MODELS. checked: atoms whose forces are compared. resumed: steps of a run.
    """

    device: str
    model: str
    atoms: int
    replicas: tuple[int, ...]
    steps: int
    checked: int
    resumed: int
    limit_s: float


CARD = Sizes("cuda", "production", 1302, (15, 1, 3, 32), 20, 336, 60, limit_s=290.0)
DRY = Sizes("cpu", "demonstration", 21, (2, 1), 2, 21, 60, limit_s=3600.0)


class Clock:
    """What is left of the limit."""

    def __init__(self, limit_s: float):
        self._end = time.monotonic() + limit_s

    def left_s(self) -> float:
        """Seconds, at least one."""
        return max(1.0, self._end - time.monotonic())


def committee_of(folder: Path, *, device: str, dtype: str, compiled: bool = True):
    """The benchmark's model on a device."""
    from saltflow.base.provenance import sha256_of_file
    from saltflow.potentials.mace import Committee, load_committee

    path = folder / "model.model"
    loaded = load_committee([path], sha256=[sha256_of_file(path)], device=device, dtype=dtype, for_long_runs=True)
    return loaded if compiled else Committee(loaded.models, device=device, dtype=dtype, compiled=False)


def cells_of(folder: Path, atoms: int) -> list:
    """The cells that all programs start from, with velocities."""
    from ase import Atoms

    write_start(folder / "start.npz", atoms=atoms, replicas=2)
    start = np.load(folder / "start.npz")
    return [
        Atoms(start["numbers"], positions, cell=start["cell"], pbc=True, velocities=velocities)
        for positions, velocities in zip(start["positions"], start["velocities"], strict=True)
    ]


def check_forces(folder: Path, sizes: Sizes) -> Iterator[str]:
    """Forces of the engine on the device against mace on the CPU in double precision."""
    cell = cells_of(folder, sizes.checked)[0]

    def forces(committee) -> np.ndarray:
        potential, *where = committee.on_frame(cell)
        return potential.evaluate(*where).forces.cpu().numpy()

    expected = forces(committee_of(folder, device="cpu", dtype="float64", compiled=False))
    for dtype in ("float64", "float32"):
        committee = committee_of(folder, device=sizes.device, dtype=dtype)
        difference = np.abs(forces(committee) - expected).max()
        yield (
            f"{sizes.checked} atoms, {dtype}, {committee.evaluated_by}: forces differ by {difference:.1e} eV/Å, "
            f"{difference / np.abs(expected).max():.1e} of the largest"
        )


def time_programs(folder: Path, sizes: Sizes, clock: Clock) -> Iterator[str]:
    """A table per number of cells."""
    chosen = argparse.Namespace(steps=sizes.steps, device=sizes.device)
    for replicas in sizes.replicas:
        write_start(folder / "start.npz", atoms=sizes.atoms, replicas=replicas)
        yield f"\n{replicas} cells of {sizes.atoms} atoms, float32, {sizes.steps} steps\n\n{HEADER}"
        ours = None
        for program in PROGRAMS:
            if clock.left_s() < 10:
                yield f"| {program.label} | {replicas} | no time left | | | | | | | |"
                continue
            found = measure(
                program, folder, replicas=replicas, chosen=chosen, dtype="float32", limit_s=clock.left_s() - 5
            )
            if ours is None and isinstance(found, str):
                yield f"| {program.label} | {replicas} | {found} | | | | | | | |"
                break
            ours = ours or found
            try:
                line = row(program, replicas, found, ours, atoms=sizes.atoms, dtype="float32")
            except SystemExit as difference:  # the others are measured all the same
                line = f"| {program.label} | {replicas} | {difference} | | | | | | | |"
            each = "" if isinstance(found, str) else f" {found['seconds'] / sizes.atoms / replicas * 1e6:.2f} µs"
            yield f"{line}{each}"


def short_run(folder: str, work: str, *, device: str, atoms: int, steps: int):
    """A run of two cells in segments of a tenth."""
    from saltflow.dynamics.progress import Conditions
    from saltflow.dynamics.runner import MDRun
    from saltflow.dynamics.schedule import Stage

    conditions = Conditions(
        step_fs=1.0, thermostat="nose-hoover", thermostat_time_fs=100.0, barostat_time_fs=1000.0,
        compressibility_per_GPa=0.05, pressure_GPa=0.0, max_temperature_ratio=10.0, segment_ps=steps / 10 / 1000,
    )  # fmt: skip
    target = (600.0, 600.0)
    stages = [
        Stage("press", "npt", steps // 2, target, target, frame_interval=2),
        Stage("hold", "nvt", steps - steps // 2, target, target, frame_interval=2, at_mean_volume=True),
    ]
    committee = committee_of(Path(folder), device=device, dtype="float32")
    cells = cells_of(Path(folder), atoms)
    return MDRun(cells, stages, committee, conditions=conditions, seeds=[1, 2], workdir=Path(folder) / work)


def kill_and_resume(folder: Path, sizes: Sizes, clock: Clock) -> str:
    """How far a run that was killed half-way ends from one that was not."""
    settings = {"device": sizes.device, "atoms": sizes.checked, "steps": sizes.resumed}
    program = CHILD.format(script=__file__, folder=str(folder), work="killed", **settings)
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", program]) as child:
        while not (folder / "killed/segment-000003.pt").exists():
            if child.poll() is not None or clock.left_s() < 10:
                child.kill()
                return "the run to kill did not come so far"
            time.sleep(0.01)
        child.kill()
    if child.returncode != -signal.SIGKILL:
        return "the run ended before it was killed"
    resumed = short_run(str(folder), "killed", **settings)
    at_step = resumed.progress.total_steps
    ends = [run.finish() for run in (resumed, short_run(str(folder), "whole", **settings))]
    pairs = zip(*ends, strict=True)
    apart = max(np.abs(mine.atoms.positions - theirs.atoms.positions).max() for mine, theirs in pairs)
    return f"killed and resumed at step {at_step} of {sizes.resumed}: positions end {apart:.1e} Å apart"


def calibration(folder: Path, sizes: Sizes) -> str:
    """Rows for config/calibration.tsv."""
    from ase.io import write

    from saltflow.base.provenance import sha256_of_file

    write(folder / "cell.extxyz", cells_of(folder, sizes.atoms)[0])
    model = folder / "model.model"
    words = [str(model), "--sha256", sha256_of_file(model), "--structure", str(folder / "cell.extxyz")]
    words += ["--atoms", str(sizes.atoms), "--replicas", "3", "--device", sizes.device, "--steps", str(sizes.steps)]
    command = [sys.executable, "-c", "from saltflow.operations.md_benchmark import command; command()", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY / "scripts")
    return done.stdout or (done.stderr.strip().splitlines() or ["no message"])[-1]


def report(sizes: Sizes) -> Iterator[str]:
    """Everything, line by line."""
    clock = Clock(sizes.limit_s)
    (REPOSITORY / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "build") as scratch:
        folder = Path(scratch)
        write_model(folder / "model.model", **MODELS[sizes.model])
        yield f"{sizes.model} model on {sizes.device}"
        yield from check_forces(folder, sizes)
        yield kill_and_resume(folder, sizes, clock)
        yield calibration(folder, sizes)
        yield from time_programs(folder, sizes, clock)


def fetch(wheels: Path) -> None:
    """Download what the node needs."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--dest", str(wheels), *WHEELS, *_own()], check=True)


def install(wheels: Path) -> None:
    """An environment in build/h200, from wheels alone."""
    folder = REPOSITORY / "build/h200"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels)]
    subprocess.run([*pip, *WHEELS, *_own()], check=True)
    print(folder / "bin/python")


def _own() -> list[str]:
    """What the engine needs beside these, as it is pinned."""
    groups = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]
    pinned = [*groups["base"], *groups["trajectories"], *groups["crystals"], *groups["potentials"]]
    return [each for each in pinned if isinstance(each, str) and each not in WHEELS]


def main() -> None:
    """Fetch, install, or measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fetch", type=Path, metavar="WHEELS")
    parser.add_argument("--install", type=Path, metavar="WHEELS")
    parser.add_argument("--dry-run", action="store_true")
    chosen = parser.parse_args()
    if chosen.fetch:
        fetch(chosen.fetch)
    elif chosen.install:
        install(chosen.install)
    else:
        for line in report(DRY if chosen.dry_run else CARD):
            print(line, flush=True)


if __name__ == "__main__":
    main()
