"""What the analysis of a long trajectory on disk needs in memory, at rising lengths.

A random walk of 1302 atoms is written as H5MD, without compressing its chunks, which would take most of the time; then
its curves, its diffusive window and the errors of everything are measured in a process of its own, with lags to 20,000
frames at the full rate and beyond at a lower one. The file is deleted afterwards; a million frames take 17 GB on disk.

usage: python benchmarks/transport/long_run.py 100000 300000 1000000
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from saltflow.trajectory.h5md import H5MDWriter  # noqa: E402

SALT = "Li248Al248Cl620O186"  # 62 × Li4Al4Cl10O3
EDGE_A, INTERVAL_PS, FRAMES_AT_ONCE = 29.0, 0.1, 1024
STEP_A = np.float32(0.05)
ANALYSE = """
import logging, sys
sys.path.insert(0, {scripts!r})
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
from saltflow.trajectory.h5md import open_trajectory
from saltflow.analysis.transport.measurement import measure
measured = measure(
    [open_trajectory({path!r})], charges={{"Li": 1, "Al": 3, "Cl": -1, "O": -2}}, mobile_ion="Li", temperature_K=600.0,
    frame="barycentric", alpha_min=0.9, alpha_max=1.1, msd_min_A2=10.0, max_lag_fraction=0.4,
)
estimate = measured.estimates({{}})["D_cm2_s"]
print(measured.lags[-1], estimate.value[measured.system.mobile], estimate.error[measured.system.mobile])
"""


def write_walk(path: Path, frames: int) -> None:
    """A walk in steps of one length along each axis."""
    rng, atoms = np.random.default_rng(frames), Atoms(SALT, cell=np.eye(3) * EDGE_A, pbc=True)
    with H5MDWriter(path, atoms, metadata={}) as writer:
        del writer  # the layout; frames follow in bulk
    position_A = rng.random((len(atoms), 3), dtype=np.float32) * np.float32(EDGE_A)
    with h5py.File(path, "r+") as file:
        group = file["particles/trajectory"]
        for name, values in {
            "position/step": np.arange(frames),
            "position/time": INTERVAL_PS * np.arange(frames),
            "box/edges/value": np.broadcast_to(np.eye(3) * EDGE_A, (frames, 3, 3)),
        }.items():
            group[name].resize(frames, axis=0)
            group[name][:] = values
        group["position/value"].resize(frames, axis=0)
        for start in range(0, frames, FRAMES_AT_ONCE):
            count = min(FRAMES_AT_ONCE, frames - start)
            signs = np.unpackbits(rng.integers(0, 256, (count, len(atoms) * 3 // 8 + 1), dtype=np.uint8), axis=1)
            steps_A = (2 * signs[:, : 3 * len(atoms)].astype(np.float32) - 1) * STEP_A
            walk_A = position_A + np.cumsum(steps_A.reshape(count, -1, 3), axis=0)
            write_uncompressed(group["position/value"], walk_A, start)
            position_A = walk_A[-1]


def write_uncompressed(dataset: h5py.Dataset, positions_A: np.ndarray, start: int) -> None:
    """Write frames chunk by chunk past the compression, which readers then skip."""
    frames, atoms, _ = dataset.chunks
    for frame in range(0, len(positions_A), frames):
        for atom in range(0, positions_A.shape[1], atoms):
            part_A = positions_A[frame : frame + frames, atom : atom + atoms]
            chunk = np.zeros(dataset.chunks, dtype=dataset.dtype)
            chunk[: part_A.shape[0], : part_A.shape[1]] = part_A
            dataset.id.write_direct_chunk((start + frame, atom, 0), chunk.tobytes(), filter_mask=0b11)


def measure(frames: int) -> str:
    """A row of the table for one length."""
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "build") as scratch:
        path = Path(scratch) / "walk.h5md"
        write_walk(path, frames)
        code = ANALYSE.format(scripts=str(REPOSITORY / "scripts"), path=str(path))
        began = time.perf_counter()
        with open(Path(scratch) / "output.txt", "w+") as output:
            process = subprocess.Popen([sys.executable, "-c", code], stdout=output)
            _, status, usage = os.wait4(process.pid, 0)
            output.seek(0)
            lines = output.read().splitlines()
        if status != 0:
            raise SystemExit(f"The analysis of {frames} frames failed.")
        longest, D, error = lines[-1].split()
        exact = float(STEP_A) ** 2 / (2 * INTERVAL_PS) * 1e-4
        return (
            f"| {frames} | {path.stat().st_size / 1e9:.1f} | {usage.ru_maxrss / 1024:.0f} "
            f"| {usage.ru_utime + usage.ru_stime:.0f} | {time.perf_counter() - began:.0f} | {longest} "
            f"| {(float(D) - exact) / float(error):+.1f} |"
        )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=int, nargs="+")
    (REPOSITORY / "build").mkdir(exist_ok=True)
    print("| frames | file GB | peak memory MB | CPU s | wall s | longest lag | (D - exact)/error |")
    print("|---|---|---|---|---|---|---|")
    for frames in parser.parse_args().frames:
        print(measure(frames), flush=True)


if __name__ == "__main__":
    main()
