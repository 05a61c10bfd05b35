"""Units and events beside ReacNetGenerator (Zeng et al., Phys. Chem. Chem. Phys. 22, 683, 2020), on scripted reactions.

A box of molecules and ions that vibrate reacts at known frames: CO2 + S → CO2S, CO2S + O → CO3 + S, PF6 → F + PF5; PS4
stays. Both programs read the same LAMMPS dump. ReacNetGenerator is called, not imported: install it into an environment
of its own and name its command; without it, the table has the row of saltflow alone.

usage: python benchmarks/interfaces/run.py [--reacnetgenerator COMMAND] [--frames N] [--boxes N] [--folder FOLDER]
"""

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import numpy as np  # noqa: E402
from ase.build import molecule  # noqa: E402

from saltflow.analysis.species.analysis import history_of, reaction, summarise  # noqa: E402
from saltflow.trajectory.memory import Trajectory  # noqa: E402

ELEMENTS = ("C", "O", "S", "P", "F")
EDGE_A, STEP_PS = 10.0, 0.01  # of a box with one of each reactant
NOISE_A = 0.04
PLANTED = {"CO2 + S → CO2S": 0.3, "CO2S + O → CO3 + S": 0.6, "F6P → F + F5P": 0.5}  # at these fractions of the run
AXES = np.vstack([np.eye(3), -np.eye(3)])
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5


def one_box(frames: int) -> tuple[list[str], np.ndarray]:
    """Symbols and positions, (frames, atoms, 3), of one CO2, S, O, PF6 and PS4."""
    symbols = [*"COOSO", "P", *"FFFFFF", "P", *"SSSS"]
    positions = np.zeros((frames, len(symbols), 3))
    positions[:, :3] = molecule("CO2").positions + [2.5, 2.5, 2.5]
    positions[:, 3], positions[:, 4] = [2.5, 7.0, 2.5], [2.5, 2.5, 7.0]
    positions[:, 5:12] = np.vstack([np.zeros(3), 1.60 * AXES]) + [7.0, 7.0, 3.0]
    positions[:, 12:] = np.vstack([np.zeros(3), 2.05 * TETRAHEDRON]) + [7.5, 7.0, 8.0]
    joins, swaps, splits = (round(fraction * frames) for fraction in PLANTED.values())
    positions[joins:swaps, 3] = [2.5, 4.25, 2.5]
    positions[swaps:, 4] = [2.5, 3.8, 2.5]
    positions[splits:, 6] = [4.6, 5.2, 0.6]
    return symbols, positions


def scripted(frames: int, boxes: int) -> Trajectory:
    """Boxes side by side along z, each with noise of its own."""
    symbols, positions = one_box(frames)
    shifts = np.array([[0, 0, EDGE_A * number] for number in range(boxes)])
    everything = np.concatenate([positions + shift for shift in shifts], axis=1)
    everything += np.random.default_rng(1).normal(0, NOISE_A, everything.shape)
    return Trajectory(
        positions_A=everything,
        cells_A=np.repeat(np.diag([EDGE_A, EDGE_A, EDGE_A * boxes])[None], frames, axis=0),
        times_ps=STEP_PS * np.arange(frames),
        symbols=tuple(symbols * boxes),
        masses_u=np.ones(len(symbols) * boxes),
    )


def by_saltflow(run: Trajectory) -> tuple[Counter, set[str], float]:
    """Reactions, formulas and seconds."""
    began = time.perf_counter()
    history = history_of(run, ELEMENTS, least_ps=0.1, made=1.2, broken=1.45)
    found = Counter(reaction(event.reactants, event.products) for event in history.events)
    units = {row["formula"] for row in summarise(history, run.times_ps)["units"]}
    return found, units, time.perf_counter() - began


def by_reacnetgenerator(run: Trajectory, command: str, folder: Path) -> tuple[Counter, set[str], float]:
    """The same by ReacNetGenerator, its SMILES as formulas; seconds of the whole command, on one core."""
    dump = folder / "scripted.dump"
    write_dump(run, dump)
    began = time.perf_counter()
    words = [command, "--type", "dump", "-i", dump.name, "-a", *ELEMENTS, "-n", "1"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    spent_s = time.perf_counter() - began
    found: Counter = Counter()
    for line in (folder / f"{dump.name}.reactionabcd").read_text().splitlines():
        number, _, sides = line.partition(" ")
        named = [sorted(map(formula_of_smiles, side.split("+"))) for side in sides.split("->")]
        found[reaction(*map(tuple, named))] += int(number)
    lines = (folder / f"{dump.name}.species").read_text().splitlines()
    units = {formula_of_smiles(word) for line in lines for word in line.partition(":")[2].split()[::2]}
    return found, units, spent_s


def formula_of_smiles(smiles: str) -> str:
    """Hill's formula of the atoms of a SMILES."""
    counts = Counter(re.findall(r"Cl|Br|[A-Z][a-z]?", re.sub(r"(?<=[A-Z])H\d*", "", smiles)))
    ordered = sorted(counts, key=lambda symbol: ({"C": 0, "H": 1}.get(symbol, 2) if "C" in counts else 2, symbol))
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in ordered)


def write_dump(run: Trajectory, path: Path) -> None:
    """A LAMMPS dump with types in the order of `ELEMENTS`."""
    types = [ELEMENTS.index(symbol) + 1 for symbol in run.symbols]
    edges = np.diag(run.cells_A[0])
    with path.open("w") as handle:
        for frame, positions in enumerate(run.positions_A):
            handle.write(f"ITEM: TIMESTEP\n{frame}\nITEM: NUMBER OF ATOMS\n{len(types)}\nITEM: BOX BOUNDS pp pp pp\n")
            handle.writelines(f"0.0 {edge}\n" for edge in edges)
            handle.write("ITEM: ATOMS id type x y z\n")
            wrapped = positions % edges
            handle.writelines(
                f"{number} {kind} {x:.5f} {y:.5f} {z:.5f}\n"
                for number, (kind, (x, y, z)) in enumerate(zip(types, wrapped, strict=True), start=1)
            )


def main() -> None:
    """Print both side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reacnetgenerator", help="its command")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--boxes", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/interfaces"))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    run = scripted(asked.frames, asked.boxes)
    print(f"{len(run.symbols)} atoms, {run.n_frames} frames; planted {asked.boxes} of each: {', '.join(PLANTED)}")
    rows = {"saltflow": by_saltflow(run)}
    if asked.reacnetgenerator:
        rows["ReacNetGenerator"] = by_reacnetgenerator(run, asked.reacnetgenerator, asked.folder.resolve())
    for name, (found, units, spent_s) in rows.items():
        right = sum(min(found[planted], asked.boxes) for planted in PLANTED)
        wrong = sum(found.values()) - right
        print(f"{name}: {right} of {len(PLANTED) * asked.boxes} planted events, {wrong} others, {spent_s:.1f} s")
        print(f"  units: {', '.join(sorted(units))}")
        for reacted, number in found.most_common(8):
            print(f"  {number} × {reacted}")


if __name__ == "__main__":
    main()
