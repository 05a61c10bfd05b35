"""A barrier by another program, from two relaxed end states: barrier, evaluations and seconds as one line of JSON.

Run by the Python of an environment that holds the program and CHGNet:
peer_bands.py PROGRAM INITIAL FINAL IMAGES FORCE WEIGHTS
"""

import json
import sys
import time
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")

import ase.io  # noqa: E402
from ase.mep import NEB  # noqa: E402
from ase.optimize import FIRE  # noqa: E402
from chgnet.model.dynamics import CHGNetCalculator  # noqa: E402


def by_ase(initial, final, images, force_eV_A, calculator):
    """ASE's own band with our choices: IDPP, improved tangents, springs of 2 eV/Å², climbing after it settled."""
    band = [initial, *(initial.copy() for _ in range(images)), final]
    neb = NEB(band, k=2.0, method="improvedtangent", allow_shared_calculator=True)
    neb.interpolate(method="idpp", mic=True)
    for image in band:
        image.calc = calculator
    FIRE(neb, logfile=None).run(fmax=5 * force_eV_A, steps=150)
    neb.climb = True
    converged = FIRE(neb, logfile=None).run(fmax=force_eV_A, steps=150)
    energies = [image.get_potential_energy() for image in band]
    return max(energies) - energies[0], converged


def by_matcalc(initial, final, images, force_eV_A, calculator):
    """matcalc with its defaults but the force."""
    from matcalc import NEBCalc
    from pymatgen.io.ase import AseAtomsAdaptor

    start, end = (AseAtomsAdaptor.get_structure(state) for state in (initial, final))
    found = NEBCalc(calculator, fmax=force_eV_A, max_steps=150).calc_images(start, end, n_images=images)
    return found["barrier"], found["converged"]


def main() -> None:
    """Print the line."""
    program, initial, final, images, force_eV_A, weights = sys.argv[1:]
    calculator = CHGNetCalculator.from_file(path=weights, use_device="cpu", verbose=False)
    evaluate, counted = calculator.calculate, []

    def counting(*arguments, **keys):
        counted.append(1)
        return evaluate(*arguments, **keys)

    calculator.calculate = counting
    states = [ase.io.read(name) for name in (initial, final)]
    for state in states:
        state.calc = calculator
        state.get_potential_energy()
    counted.clear()
    began, cpu = time.perf_counter(), time.process_time()
    run = {"ase": by_ase, "matcalc": by_matcalc}[program]
    barrier_eV, converged = run(*states, int(images), float(force_eV_A), calculator)
    print(
        json.dumps(
            {
                "program": f"{program} {version(program)}",
                "barrier_eV": float(barrier_eV),
                "converged": bool(converged),
                "evaluations": len(counted),
                "seconds": time.perf_counter() - began,
                "cpu_s": time.process_time() - cpu,
            }
        )
    )


main()
