"""Transport and structure of one trajectory beside other programs: seconds of one core, and memory above the data.

The trajectory is a random walk of 1296 atoms, 240 of them mobile. Each measurement is a process of its own (cases.py);
all numbers of a table are from one run, and ratios are what counts. Programs that need other versions of what saltflow
uses get an environment of their own in build/.

1. MSD of the 240 mobile ions at all lags (kinisi: 200 lags), and how often a program's answer is ours.
2. σ_E of these ions with all cross terms: ours as four species with every σ_ab and MSD at all lags, which one call
   gives together; kinisi's as one species of one charge, 200 lags, σ_E alone.
3. g(r) of every two of four elements to 8 Å.
4. Scaling of ours with frames, atoms and species.

With --long, instead: what the analysis of trajectories of rising length on disk needs in memory (long_run.py).

usage: python benchmarks/transport/run.py [--frames 5000 20000] [--long 100000 300000]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from peers import REPOSITORY, foreign_python  # noqa: E402

ATOMS, MOBILE, EDGE_A = 1296, 240, 29.0
ELEMENTS = {"Li": MOBILE, "Al": 240, "Cl": 600, "O": 216}
RDF_FRAMES, R_MAX_A = 100, 8.0
FOREIGN = ("gemdat==1.8.1", "pymatgen-analysis-diffusion==2026.9.23", "ovito==3.17.2")
PEERS = {
    "msd": ("tidynamics", "MDAnalysis", "pymatgen-analysis-diffusion", "gemdat", "kinisi"),
    "sigma": ("kinisi",),
    "rdf": ("freud-analysis", "ovito", "MDAnalysis"),
}
HEADER = "| program | CPU s | ratio | wall s | MB above the data | ratio | agrees to |\n|---|---|---|---|---|---|---|"


# ── programs ───────────────────────────────────────────────────────────────────────────────────


def pythons() -> dict[str, tuple[Path | None, str]]:
    """Program → the Python that has it, or None and why not."""
    here = Path(sys.executable)
    found = {name: (here, "") for names in PEERS.values() for name in (*names, "saltflow")}
    return found | {requirement.split("==")[0]: foreign_python(requirement) for requirement in FOREIGN}


def measure(python: Path, task: str, program: str, data: Path) -> tuple[dict, np.ndarray]:
    """One measurement in a process of its own."""
    answer = data.with_name("answer.npy")
    done = subprocess.run(
        [str(python), str(HERE / "cases.py"), task, program, str(data), str(answer)],
        capture_output=True, text=True, env=dict(os.environ) | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"{program} failed at {task}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1]), np.load(answer)


# ── data ───────────────────────────────────────────────────────────────────────────────────────


def write_walk(path: Path, *, frames: int, symbols: np.ndarray, edge_A: float = EDGE_A) -> Path:
    """A random walk of atoms that begin anywhere in the cell."""
    rng = np.random.default_rng(frames + len(symbols))
    positions_A = np.empty((frames, len(symbols), 3), dtype=np.float32)
    positions_A[:] = edge_A * rng.random((1, len(symbols), 3))
    for axis in range(3):
        positions_A[..., axis] += np.cumsum(rng.normal(0, 0.2, positions_A.shape[:2]), axis=0)
    np.savez(path, positions_A=positions_A, symbols=symbols, edge_A=edge_A, r_max_A=R_MAX_A)
    return path


def elements(scale: float = 1.0) -> np.ndarray:
    """Element of each atom of the salt, or of a larger one."""
    return np.repeat(list(ELEMENTS), [round(count * scale) for count in ELEMENTS.values()])


# ── comparisons ────────────────────────────────────────────────────────────────────────────────


def agreement(task: str, program: str, ours: np.ndarray, theirs: np.ndarray) -> str:
    """How far the answers are apart, relative, and for g(r) in how many bins they are alike to 1e-5."""
    if task == "rdf":
        alike = np.abs(theirs - ours) <= 1e-5 * np.maximum(ours, 1.0)
        return f"1e-5 in {100 * alike.mean():.1f} % of the bins"
    if program == "kinisi":
        lags = np.unique(np.linspace(1, len(ours) - 1, 200).astype(int))[: len(theirs)]
        # It counts the first frame twice, which shows where origins are few.
        chosen = lags < len(ours) // 2
        return f"{np.abs(theirs[chosen] / ours[lags[chosen]] - 1).max():.0e} (to half the run)"
    if theirs.ndim == 2:
        return f"{np.abs(theirs[1] / ours[theirs[0].astype(int)] - 1).max():.0e}"
    return f"{np.abs(theirs[1:] / ours[1:] - 1).max():.0e}"


def compare(task: str, data: Path, programs: dict[str, tuple[Path | None, str]]) -> Iterator[str]:
    """Rows of one table: ours, then each peer as soon as it is measured; ratios are theirs over ours."""
    ours, our_answer = measure(programs["saltflow"][0], task, "saltflow", data)
    yield f"| saltflow | {ours['cpu_s']:.2f} | | {ours['wall_s']:.2f} | {ours['memory_MB']:.0f} | | |"
    for name in PEERS[task]:
        python, reason = programs[name]
        if python is None:
            yield f"| {name} | not installed: {reason} | | | | | |"
            continue
        theirs, answer = measure(python, task, name, data)
        yield (
            f"| {name} {theirs['version']} | {theirs['cpu_s']:.2f} | {theirs['cpu_s'] / ours['cpu_s']:.1f} "
            f"| {theirs['wall_s']:.2f} | {theirs['memory_MB']:.0f} | {theirs['memory_MB'] / ours['memory_MB']:.1f} "
            f"| {agreement(task, name, our_answer, answer)} |"
        )


def scaling(folder: Path, programs: dict[str, tuple[Path | None, str]]) -> Iterator[str]:
    """Rows of CPU seconds of ours against size, with the exponent of a power law through them."""
    thousand = np.repeat(["Li"], 1000)
    series = {
        "curves, frames (240 ions)": (
            "msd", {frames: ("Li",) * MOBILE for frames in (2500, 5000, 10_000, 20_000)}, None),
        "curves, atoms (2,500 frames)": ("msd", {atoms: thousand[:atoms] for atoms in (125, 250, 500, 1000)}, 2500),
        "curves, species (240 ions, 10,000 frames)": (
            "msd", {kinds: np.repeat(["Al", "Br", "Cl", "F", "I", "K", "Li", "O"][:kinds], MOBILE // kinds)
                    for kinds in (1, 2, 4, 8)}, 10_000),
        "g(r), atoms (20 frames)": ("rdf", {len(elements(scale)): elements(scale) for scale in (1, 2, 4, 8)}, 20),
    }  # fmt: skip
    for name, (task, sizes, frames) in series.items():
        seconds = []
        for size, symbols in sizes.items():
            # The density stays, so that the cell grows with the atoms.
            edge_A = EDGE_A * (len(symbols) / ATOMS) ** (1 / 3) if task == "rdf" else EDGE_A
            data = write_walk(folder / "scaling.npz", frames=frames or size, symbols=np.array(symbols), edge_A=edge_A)
            seconds.append(measure(programs["saltflow"][0], task, "saltflow", data)[0]["cpu_s"])
        exponent = np.polyfit(np.log(list(sizes)), np.log(seconds), 1)[0]
        points = ", ".join(f"{size}: {second:.2g}" for size, second in zip(sizes, seconds, strict=True))
        yield f"| {name} | {points} | {exponent:.2f} |"


def comparisons(frame_counts: list[int]) -> Iterator[str]:
    """All tables, line by line."""
    programs = pythons()
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "build") as scratch:
        folder = Path(scratch)
        for frames in frame_counts:
            mobile = write_walk(folder / "mobile.npz", frames=frames, symbols=np.array(["Li"] * MOBILE))
            yield f"\nMSD of {MOBILE} ions at all lags, {frames} frames\n\n{HEADER}"
            yield from compare("msd", mobile, programs)
            four = np.repeat(["Al", "Cl", "Li", "O"], MOBILE // 4)
            mixed = write_walk(folder / "mixed.npz", frames=frames, symbols=four)
            yield f"\nσ_E of {MOBILE} ions, {frames} frames\n\n{HEADER}"
            yield from compare("sigma", mixed, programs)
        everyone = write_walk(folder / "everyone.npz", frames=RDF_FRAMES, symbols=elements())
        yield f"\ng(r) of every two of four elements, {ATOMS} atoms, {RDF_FRAMES} frames, to {R_MAX_A:g} Å\n\n{HEADER}"
        yield from compare("rdf", everyone, programs)
        yield "\n| scaling | CPU s | exponent |\n|---|---|---|"
        yield from scaling(folder, programs)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[5000, 20_000])
    parser.add_argument("--long", type=int, nargs="+", metavar="FRAMES", help="the memory of long runs instead")
    arguments = parser.parse_args()
    (REPOSITORY / "build").mkdir(exist_ok=True)
    if arguments.long:
        raise SystemExit(subprocess.run([sys.executable, HERE / "long_run.py", *map(str, arguments.long)]).returncode)
    for line in comparisons(arguments.frames):
        print(line, flush=True)


if __name__ == "__main__":
    main()
