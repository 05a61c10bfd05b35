"""Percolation of the density of mobile ions beside GEMDAT: seconds of one core, and memory above the data.

240 ions walk (Metropolis) through a simple cubic network of sites that windows join along x, y and z, in a cell of
35 Å: U = -B/2 Σ cos(2π r/5 Å) with B = 4 kT, so that the barrier from a site to a window is B exactly. Both programs
get the same positions in memory and the same numbers of voxels, each in a process of its own.

saltflow counts, smooths (where told) and finds thresholds in 1, 2 and 3 dimensions of the run and of its halves, with
curves. GEMDAT counts and is asked for the least that it can find: the path from one peak, the most visited voxel, to
its image along x. That path has the lowest sum of energies, over faces, edges and most corners of voxels; its barrier
is its highest energy over that of the most visited voxel. Ours is lowest for its highest point, over faces.

usage: python benchmarks/pathways/run.py [--frames 10000] [--limit-s 120] [--limit-GB 16]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from peers import REPOSITORY, foreign_python, limit_this_process, measure, resident_MB  # noqa: E402

PEER = "gemdat==1.8.1"
EDGE_A, PERIOD_A, IONS = 35.0, 5.0, 240
TEMPERATURE_K, BARRIER_KT = 600.0, 4.0
INTERVAL_PS = 0.1
# A program, the edge of its voxels and the width of its smoothing, all in the order of the table.
CASES = (
    ("saltflow", 0.6, 0.0),
    ("gemdat", 0.6, 0.0),
    ("saltflow", 0.3, 0.0),
    ("gemdat", 0.3, 0.0),
    ("saltflow", 0.2, 0.2),
)
HEADER = "| program | voxels | smoothing Å | CPU s | ratio | wall s | MB above the data | ratio | barrier eV |"


# ── data ───────────────────────────────────────────────────────────────────────────────────────


def write_walk(path: Path, *, frames: int, moves: int = 5, step_A: float = 0.5) -> Path:
    """Ions that sample exp(-U/kT) by Metropolis moves, so many between two frames."""
    rng = np.random.default_rng(1)
    places_A = PERIOD_A * rng.integers(0, round(EDGE_A / PERIOD_A), (IONS, 3)).astype(float)
    energy_kT, positions_A = _energy_kT(places_A), np.empty((frames, IONS, 3), dtype=np.float32)
    # They begin on their sites, which takes some hundred moves to forget.
    for frame in range(-500, frames):
        for _ in range(moves):
            trial_A = places_A + rng.normal(0, step_A, places_A.shape)
            trial_kT = _energy_kT(trial_A)
            accepted = rng.random(IONS) < np.exp(np.minimum(energy_kT - trial_kT, 0))
            places_A[accepted], energy_kT[accepted] = trial_A[accepted], trial_kT[accepted]
        if frame >= 0:
            positions_A[frame] = places_A
    np.save(path, positions_A)
    return path


def _energy_kT(places_A: np.ndarray) -> np.ndarray:
    return -BARRIER_KT / 2 * np.cos(2 * np.pi / PERIOD_A * places_A).sum(axis=1)


# ── programs, each in a process of its own ─────────────────────────────────────────────────────


def saltflow(positions_A: np.ndarray, smoothing_A: float) -> Callable[[float], list[float]]:
    """Barriers in 1 and in 3 dimensions, as in the workflow."""
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    from saltflow.analysis.pathways.analysis import analyse_pathways
    from saltflow.trajectory.memory import Trajectory

    frames, ions = positions_A.shape[:2]
    cells_A = np.broadcast_to(np.eye(3) * EDGE_A, (frames, 3, 3))
    run = Trajectory(positions_A, cells_A, INTERVAL_PS * np.arange(frames), ("Li",) * ions, np.full(ions, 6.94))

    def barriers_eV(spacing_A: float) -> list[float]:
        result, _ = analyse_pathways(
            [run], mobile_ion="Li", temperature_K=TEMPERATURE_K, spacing_A=EDGE_A / edge_voxels(spacing_A),
            smoothing_A=smoothing_A, volume_spacing_A=0.4, min_visits=30, max_half_difference_kT=0.5,
        )  # fmt: skip
        return [result["quantities"][f"barrier_{name}_eV"]["value"] for name in ("1D", "3D")]

    return barriers_eV


def gemdat(positions_A: np.ndarray, smoothing_A: float) -> Callable[[float], list[float]]:
    """Highest point over lowest of the path along x through the most visited voxel."""
    from gemdat import Trajectory

    trajectory = Trajectory(
        species=["Li"] * positions_A.shape[1],
        coords=(positions_A.astype(float) / EDGE_A) % 1.0,
        lattice=np.eye(3) * EDGE_A,
        time_step=INTERVAL_PS * 1e-12,
        constant_lattice=True,
    )

    def barriers_eV(spacing_A: float) -> list[float]:
        volume = trajectory.to_volume(resolution=spacing_A)
        peak = np.unravel_index(volume.data.argmax(), volume.dims)
        energy = volume.get_free_energy(temperature=TEMPERATURE_K)
        path = energy.optimal_percolating_path(peaks=np.array([peak]), percolate="x")
        return [float(max(path.energy) - energy.data.min())]

    return barriers_eV


def edge_voxels(spacing_A: float) -> int:
    """Voxels along an edge as GEMDAT counts them, which rounds down."""
    return int(EDGE_A // spacing_A)


def measure_here(program: str, data: Path, *, spacing_A: float, smoothing_A: float, limits: dict) -> dict:
    """Cost and answer of one program in this process; what stopped it where it was stopped."""
    positions_A = np.load(data)
    prepare = {"saltflow": saltflow, "gemdat": gemdat}[program]
    prepare(positions_A[:100], smoothing_A)(2.5)  # imports and compiles
    barriers_eV = prepare(positions_A, smoothing_A)
    held_MB = resident_MB("VmRSS")
    limit_this_process(**limits)
    try:
        cost, answer = measure(lambda: barriers_eV(spacing_A))
    except TimeoutError:
        cost, answer = {"stopped": f"not within {limits['cpu_s']:g} s"}, None
    except MemoryError:
        cost, answer = {"stopped": f"not within {limits['memory_GB']:g} GB"}, None
    return {"memory_MB": resident_MB("VmHWM") - held_MB, "barriers_eV": answer} | cost


# ── comparison ─────────────────────────────────────────────────────────────────────────────────


def measure_apart(python: Path, *arguments: str) -> dict:
    """The same in a new process of some Python."""
    done = subprocess.run(
        [str(python), __file__, *arguments], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rows(data: Path, limits: list[str]) -> Iterator[str]:
    """Rows of the table; ratios are theirs over ours at the same voxels."""
    python, reason = foreign_python(PEER)
    ours = {}
    for program, spacing_A, smoothing_A in CASES:
        case = f"{edge_voxels(spacing_A)}³ of {EDGE_A / edge_voxels(spacing_A):.2f} Å | {smoothing_A:g}"
        if program != "saltflow" and python is None:
            yield f"| {program} | {case} | not installed: {reason} | | | | | |"
            continue
        its_python = Path(sys.executable) if program == "saltflow" else python
        one = measure_apart(its_python, "--program", program, str(data), f"{spacing_A}", f"{smoothing_A}", *limits)
        if program == "saltflow":
            ours[spacing_A] = one
        name = program if program == "saltflow" else PEER.replace("==", " ")
        yield f"| {name} | {case} | {_cost(one, ours[spacing_A])} |"


def _cost(one: dict, ours: dict) -> str:
    """Cells of one row from its seconds on."""
    ratio = "" if one is ours else f"{one['memory_MB'] / ours['memory_MB']:.0f}"
    if "stopped" in one:
        return f"{one['stopped']} | | | > {one['memory_MB']:.0f} | {ratio and '> ' + ratio} |"
    seconds = f"{one['cpu_s']:.2f} | {'' if one is ours else format(one['cpu_s'] / ours['cpu_s'], '.0f')}"
    barriers = " (1D), ".join(f"{each:.3f}" for each in one["barriers_eV"])
    barriers += " (3D)" if len(one["barriers_eV"]) > 1 else " (x)"
    return f"{seconds} | {one['wall_s']:.2f} | {one['memory_MB']:.0f} | {ratio} | {barriers}"


def main() -> None:
    """Measure and print the table, or one case of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--limit-s", type=int, default=120, help="CPU seconds that a program may take")
    parser.add_argument("--limit-GB", type=float, default=16, help="memory that it may take")
    parser.add_argument("--program", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.program:
        program, data, spacing_A, smoothing_A = chosen.program
        limits = {"cpu_s": chosen.limit_s, "memory_GB": chosen.limit_GB}
        widths = {"spacing_A": float(spacing_A), "smoothing_A": float(smoothing_A)}
        print(json.dumps(measure_here(program, Path(data), **widths, limits=limits)))
        return
    (REPOSITORY / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "build") as scratch:
        data = write_walk(Path(scratch) / "walk.npy", frames=chosen.frames)
        exact_eV = BARRIER_KT * 8.617333e-5 * TEMPERATURE_K
        print(f"{IONS} ions, {chosen.frames} frames, cell of {EDGE_A:g} Å; numpy {version('numpy')}")
        print(f"The barrier of the potential is {exact_eV:.3f} eV.\n\n{HEADER}\n|{'---|' * 9}", flush=True)
        for row in rows(data, ["--limit-s", str(chosen.limit_s), "--limit-GB", str(chosen.limit_GB)]):
            print(row, flush=True)


if __name__ == "__main__":
    main()
