"""Relaxations per second: all crystals as one batch, beside ASE and matcalc one after another, by one potential.

Crystals are rattled and strained cells of rock-salt LiCl by the shipped MACE; all three end where no force is
above 0.03 eV/Å. Seconds are of the process, for other work runs on the machine. A control: energies of the ends agree.

usage: python benchmarks/screening/throughput.py
"""

import json
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "scripts"), str(REPOSITORY / "benchmarks")]

import numpy as np  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.build import bulk  # noqa: E402
from ase.filters import FrechetCellFilter  # noqa: E402
from ase.optimize import BFGS, FIRE  # noqa: E402

MODEL = REPOSITORY / "config/presets/demo/distilled.model"
FORCE_eV_A, STEPS, COPIES, SEED = 0.03, 300, 8, 1
MATCALC = "matcalc==0.7.0"


def crystals() -> list[Atoms]:
    """Strained and rattled, the same for all programs."""
    perfect = [bulk("LiCl", "rocksalt", a=5.14, cubic=True).repeat(times) for times in ((1, 1, 1), (2, 1, 1))]
    random, found = np.random.default_rng(SEED), []
    for number in range(COPIES):
        for each in perfect:
            cell = each.copy()
            cell.set_cell(cell.cell.array @ (np.eye(3) + random.uniform(-0.02, 0.02, (3, 3))), scale_atoms=True)
            cell.rattle(0.05, seed=number)
            found.append(cell)
    return found


def load_mace():
    """The shipped potential."""
    from saltflow.base.provenance import sha256_of_file
    from saltflow.potentials.mace import load_committee

    return load_committee([MODEL], sha256=[sha256_of_file(MODEL)], device="cpu", dtype="float64")


def batched(cells: list[Atoms], potential, most_atoms: int) -> list[float]:
    """Energies of the ends, in batches."""
    from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
    from saltflow.studies.relaxation.relaxed_cells import relax_cells

    evaluation = BatchedEvaluation(potential, most_atoms=most_atoms)
    found = relax_cells(cells, evaluation, force_eV_A=FORCE_eV_A, steps=STEPS)
    if len(cells) > 1:
        print(f"  {sum(each.is_converged(FORCE_eV_A) for each in found)} of {len(found)} at rest, "
              f"{np.mean([each.steps for each in found]):.0f} steps each")  # fmt: skip
    return [each.energy_eV for each in found]


def one_by_one(cells: list[Atoms], calculator, minimiser) -> list[float]:
    """Energies of the ends by ASE."""
    energies, steps = [], []
    for cell in cells:
        atoms = cell.copy()
        atoms.calc = calculator
        run = minimiser(FrechetCellFilter(atoms), logfile=None)
        run.run(fmax=FORCE_eV_A, steps=STEPS)
        energies.append(float(atoms.get_potential_energy()))
        steps.append(run.get_number_of_steps())
    print(f"  {np.sum(np.array(steps) < STEPS)} of {len(cells)} at rest, {np.mean(steps):.0f} steps each")
    return energies


def by_matcalc(cells: list[Atoms], calculator) -> list[float]:
    """Energies of the ends by matcalc's RelaxCalc."""
    from matcalc import RelaxCalc

    relaxation = RelaxCalc(calculator, optimizer="FIRE", fmax=FORCE_eV_A, max_steps=STEPS, relax_cell=True)
    return [float(relaxation.calc(cell.copy())["energy"]) for cell in cells]


def timed(name: str, work) -> tuple[float, list[float]]:
    """Seconds of the process for all crystals, of work that has been warmed up."""
    began = time.process_time()
    energies = work()
    seconds = time.process_time() - began
    print(f"{name}: {len(energies) / seconds:.3g} relaxations per second of one core")
    return seconds, energies


def mace_calculator():
    """MACE's own calculator."""
    from mace.calculators import MACECalculator

    return MACECalculator(model_paths=str(MODEL), device="cpu", default_dtype="float64")


def main() -> None:
    if sys.argv[1:] == ["matcalc"]:
        calculator = mace_calculator()
        by_matcalc(crystals()[:1], calculator)
        seconds, energies = timed("matcalc, MACE's calculator", lambda: by_matcalc(crystals(), calculator))
        print(json.dumps({"seconds": seconds, "energies": energies}))
        return
    from peers import foreign_python

    from saltflow.potentials.as_calculator import AsCalculator

    potential, cells = load_mace(), crystals()
    one_by_one(cells[:1], AsCalculator(potential), BFGS)
    found = {
        "one batch": timed("one batch", lambda: batched(cells, potential, 20_000)),
        "batches of one": timed("batches of one crystal", lambda: [batched([cell], potential, 1)[0] for cell in cells]),
        "ASE, BFGS": timed("ASE BFGS, same potential", lambda: one_by_one(cells, AsCalculator(potential), BFGS)),
        "ASE, FIRE, MACE": timed("ASE FIRE, MACE's calculator", lambda: one_by_one(cells, mace_calculator(), FIRE)),
    }
    python, problem = foreign_python(MATCALC, sees_ours=True)
    if python:
        said = subprocess.run([str(python), __file__, "matcalc"], capture_output=True, text=True)
        if said.returncode == 0:
            record = json.loads(said.stdout.strip().splitlines()[-1])
            found["matcalc"] = record["seconds"], record["energies"]
        problem = said.stderr.strip().splitlines()[-1] if said.returncode else ""
    print(f"matcalc: {problem}" if problem else "")
    reference_s, reference = found["one batch"]
    for name, (seconds, energies) in found.items():
        difference = np.abs(np.array(energies) - reference) / [len(cell) for cell in cells]
        print(f"{name}: {seconds / reference_s:.2f} × the time of one batch; energies within "
              f"{1000 * np.median(difference):.2f} meV/atom median, {1000 * difference.max():.1f} most")  # fmt: skip


if __name__ == "__main__":
    main()
