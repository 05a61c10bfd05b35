"""Survival of ions beside metals, pair by pair, beside MDAnalysis: seconds of one core, and memory above the data.

The trajectory is 1302 atoms, 248 ions that jump among 248 metals, in memory. Both count h_ij from the same cut-off and
every second frame as an origin: MDAnalysis by `capped_distance` and `lib.correlations` on sets of pairs, for one
function P(t) to 50 frames; saltflow as in the workflow, which also gives its twin at twice the interval, C(t), blocks
for errors and the classes of the metals (here one). Each runs in a process of its own.

usage: python benchmarks/residence/run.py [--frames 400]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

IONS = METALS = 248
REST = 806
EDGE_A, CUTOFF_A, LAST_LAG = 35.0, 4.5, 50


def positions_A(frames: int) -> np.ndarray:
    """Rattling atoms; ions also jump by 3 Å, each about every 200 frames."""
    rng = np.random.default_rng(1)
    jumps = rng.random((frames, IONS, 1)) < 0.005
    directions = rng.normal(size=(frames, IONS, 3))
    directions *= 3 / np.linalg.norm(directions, axis=-1, keepdims=True)
    ions_A = rng.random((IONS, 3)) * EDGE_A + np.cumsum(jumps * directions, axis=0)
    rest_A = np.broadcast_to(rng.random((METALS + REST, 3)) * EDGE_A, (frames, METALS + REST, 3))
    together = np.concatenate([ions_A, rest_A], axis=1)
    return (together + rng.normal(0, 0.2, together.shape)).astype(np.float32)


def saltflow(places_A: np.ndarray) -> list[float]:
    """P(t) as in the workflow."""
    from saltflow.analysis.residence.contacts import FractionalChunk, Shell
    from saltflow.analysis.residence.correlation_recorder import CorrelationPlan, CorrelationRecorder
    from saltflow.analysis.residence.metal_environments import UNDIVIDED
    from saltflow.analysis.residence.names import continuous_name

    frames = len(places_A)
    shell = Shell("Li", "Al", np.arange(IONS), np.arange(IONS, IONS + METALS), CUTOFF_A)
    plan = CorrelationPlan(interval_ps=0.1, longest_lag=LAST_LAG, origins_wanted=frames // 2, absences_ps=(0.0,))
    recorder = CorrelationRecorder(shell, UNDIVIDED, n_frames=frames, plan=plan)
    for start in range(0, frames, 32):
        stop = min(start + 32, frames)
        cells_A = np.tile(np.eye(3) * EDGE_A, (stop - start, 1, 1))
        recorder.advance(FractionalChunk(start, places_A[start:stop] / EDGE_A, cells_A))
    sums = recorder.finish().total()
    name = continuous_name(0.0)
    return (sums[f"{name}/survivors"][0] / sums[f"{name}/followed"][0]).tolist()


def mdanalysis(places_A: np.ndarray) -> list[float]:
    """The same from sets of pairs."""
    from MDAnalysis.lib.correlations import autocorrelation
    from MDAnalysis.lib.distances import capped_distance

    box = np.array([EDGE_A] * 3 + [90.0] * 3, dtype=np.float32)
    members = []
    for frame_A in places_A:
        pairs = capped_distance(
            frame_A[:IONS], frame_A[IONS : IONS + METALS], CUTOFF_A, box=box, return_distances=False
        )
        members.append(set((pairs[:, 0] * METALS + pairs[:, 1]).tolist()))
    _, survival, _ = autocorrelation(members, LAST_LAG, window_step=2)
    return [float(value) for value in survival]


def measure(program: str, frames: int) -> dict:
    """CPU and wall seconds, memory above the data, and P at 10 frames."""
    places_A = positions_A(frames)
    {"saltflow": saltflow, "MDAnalysis": mdanalysis}[program](places_A[: LAST_LAG + 10])  # imports and caches
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    survival = {"saltflow": saltflow, "MDAnalysis": mdanalysis}[program](places_A)
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024,
        "P10": survival[10],
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--program", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.program:
        print(json.dumps(measure(chosen.program, chosen.frames)))
        return
    from importlib.metadata import version

    found = {}
    for program in ("saltflow", "MDAnalysis"):
        command = [sys.executable, __file__, "--program", program, "--frames", str(chosen.frames)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        found[program] = json.loads(run.stdout.splitlines()[-1])
    ours, theirs = found["saltflow"], found["MDAnalysis"]
    print(f"{chosen.frames} frames of {IONS + METALS + REST} atoms, MDAnalysis {version('MDAnalysis')}\n")
    print("| program | CPU s | ratio | wall s | MB above the data | P(10 frames) |\n|---|---|---|---|---|---|")
    for program, one in found.items():
        ratio = one["cpu_s"] / ours["cpu_s"]
        seconds = f"{one['cpu_s']:.1f} | {ratio:.1f} | {one['wall_s']:.1f}"
        print(f"| {program} | {seconds} | {one['MB']:.0f} | {one['P10']:.4f} |")
    if abs(ours["P10"] - theirs["P10"]) > 0.005:
        sys.exit("The two do not agree.")


if __name__ == "__main__":
    main()
