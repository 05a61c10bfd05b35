"""A barrier by another program, from two relaxed end states: barrier, evaluations and seconds as one line of JSON.

Run by the Python of an environment that holds the program and CHGNet:
peer_bands.py PROGRAM INITIAL FINAL IMAGES FORCE WEIGHTS
"""

import json
import sys
import time
import warnings
from contextlib import redirect_stdout
from importlib.metadata import version

warnings.filterwarnings("ignore")

import ase.io  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.mep import NEB  # noqa: E402
from ase.optimize import FIRE  # noqa: E402
from chgnet.model.dynamics import CHGNetCalculator  # noqa: E402

MOST_STEPS = 300


class CountingCalculator(CHGNetCalculator):
    """CHGNet that counts structures, all instances together."""

    evaluated = 0

    def calculate(self, *arguments, **keys) -> None:
        """As the class above."""
        CountingCalculator.evaluated += 1
        super().calculate(*arguments, **keys)


def calculator(weights: str) -> CountingCalculator:
    """A new calculator of a file of weights."""
    return CountingCalculator.from_file(path=weights, use_device="cpu", verbose=False)


def by_ase(initial: Atoms, final: Atoms, *, images: int, force_eV_A: float, weights: str) -> tuple[list[float], bool]:
    """ASE's own band with our choices: IDPP, improved tangents, springs of 2 eV/Å², climbing after it settled."""
    band = [initial, *(initial.copy() for _ in range(images)), final]
    neb = NEB(band, k=2.0, method="improvedtangent", allow_shared_calculator=True)
    neb.interpolate(method="idpp", mic=True)
    shared = calculator(weights)
    for image in band:
        image.calc = shared
    FIRE(neb, logfile=None).run(fmax=5 * force_eV_A, steps=MOST_STEPS // 2)
    neb.climb = True
    converged = FIRE(neb, logfile=None).run(fmax=force_eV_A, steps=MOST_STEPS // 2)
    return [image.get_potential_energy() for image in band], converged


def by_matcalc(
    initial: Atoms, final: Atoms, *, images: int, force_eV_A: float, weights: str
) -> tuple[list[float], bool]:
    """matcalc with its defaults but the force; energies of its images, for its barrier is that of a fitted curve."""
    from matcalc import NEBCalc
    from pymatgen.io.ase import AseAtomsAdaptor

    start, end = (AseAtomsAdaptor.get_structure(state) for state in (initial, final))
    band = NEBCalc(calculator(weights), fmax=force_eV_A, max_steps=MOST_STEPS)
    found = band.calc_images(start, end, n_images=images)
    return found["mep"].energies, found["converged"]


def by_nebwalk(
    initial: Atoms, final: Atoms, *, images: int, force_eV_A: float, weights: str
) -> tuple[list[float], bool]:
    """NEBwalk with the settings of its own first example but images and force."""
    from NEBwalk import NEBRunConfig, run_neb_calculation

    settings = {"interpolation": "idpp", "k": 0.1, "k_min": 0.033, "climb": True, "climb_delay": 50, "verbose": False}
    run = NEBRunConfig(n_images=images, fmax=force_eV_A, max_steps=MOST_STEPS, **settings)
    found = run_neb_calculation(initial, final, lambda: calculator(weights), run)
    return found.neb.get_energies(), found.converged


def main() -> None:
    """Print the line."""
    program, initial, final, images, force_eV_A, weights = sys.argv[1:]
    states = [ase.io.read(name) for name in (initial, final)]
    run = {"ase": by_ase, "matcalc": by_matcalc, "NEBwalk": by_nebwalk}[program]
    began, cpu = time.perf_counter(), time.process_time()
    with redirect_stdout(sys.stderr):
        energies_eV, converged = run(*states, images=int(images), force_eV_A=float(force_eV_A), weights=weights)
    line = {
        "program": f"{program} {version(program)}",
        "barrier_eV": float(max(energies_eV) - energies_eV[0]),
        "converged": bool(converged),
        "evaluations": CountingCalculator.evaluated,
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
