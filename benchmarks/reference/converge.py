"""What the settings of the references cost in accuracy: tables of convergence, LiCl, and two replicas by three codes.

Every code is compared with itself at settings beyond those shipped. What is computed is kept in work/ beside this file,
so that the command goes on where it was stopped.

usage: python benchmarks/reference/converge.py [--pseudopotentials FOLDER] [--codes cp2k gpaw quantum-espresso]
       [--tables lattice replica cutoff scf basis kpoints]
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.eos import EquationOfState
from ase.io import read, write
from ase.units import GPa

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from cells import FORMULAS, lithium_chloride, lithium_oxychloride, replica, rocksalt  # noqa: E402
from results import Measured, Results  # noqa: E402

from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.settings.references import Reference, read_reference  # noqa: E402

WORK = Path(__file__).parent / "work"
NAMES = {"cp2k": "pbe-d3", "gpaw": "pbe-d3-gpaw", "quantum-espresso": "pbe-d3-qe"}
# Code → settings that are varied and the reference beyond them.
CUTOFFS = {
    "cp2k": ([{"cutoff_Ry": each} for each in (400.0, 600.0, 800.0)], {"cutoff_Ry": 1200.0}),
    "gpaw": ([{"cutoff_eV": each} for each in (350.0, 450.0, 550.0, 700.0)], {"cutoff_eV": 1000.0}),
    "quantum-espresso": (
        [{"cutoff_Ry": each, "density_cutoff_Ry": 4 * each} for each in (40.0, 60.0, 90.0)],
        {"cutoff_Ry": 130.0, "density_cutoff_Ry": 520.0},
    ),
}
TOLERANCES = {
    "cp2k": ([{"scf_tolerance": each} for each in (1e-5, 1e-6)], {"scf_tolerance": 1e-8}),
    "gpaw": ([{"density_tolerance": each} for each in (1e-4, 1e-5, 1e-6)], {"density_tolerance": 1e-8}),
    "quantum-espresso": (
        [{"scf_tolerance_Ry_per_atom": each} for each in (1e-7, 1e-8, 1e-9)],
        {"scf_tolerance_Ry_per_atom": 1e-12},
    ),
}
UZH = {"basis_files": ("BASIS_MOLOPT_UZH",)}
BASES = {
    "cp2k": (
        [
            {"basis": "DZVP-MOLOPT-SR-GTH", "basis_files": ("BASIS_MOLOPT",)},
            *({"basis": f"{size}-MOLOPT-PBE-GTH", **UZH} for size in ("DZVP", "TZVP")),
        ],
        {"basis": "TZV2P-MOLOPT-PBE-GTH", **UZH},
    )
}
SPACINGS = ([{"kpoint_spacing_per_A": each} for each in (1.1, 0.8, 0.5, 0.4)], {"kpoint_spacing_per_A": 0.25})
GAMMA = {"kpoint_spacing_per_A": 1.1}  # of the replicas' cells
# Where the grid of k-points is not what is looked at.
COARSE = {"kpoint_spacing_per_A": 1.1}
CHEAP = {
    "cp2k": {"cutoff_Ry": 600.0},
    "gpaw": {"cutoff_eV": 450.0},
    "quantum-espresso": {"cutoff_Ry": 60.0, "density_cutoff_Ry": 240.0},
}
LATTICE_SPACING_PER_A = 0.8
LATTICES_A = (4.95, 5.05, 5.15, 5.25, 5.35)


def shipped(code: str, pseudopotentials: str | None) -> Reference:
    """The production reference of a code as config.yaml has it; norm-conserving files for pw.x."""
    reference = read_reference(read_configuration([])["references"], NAMES[code])
    if code == "quantum-espresso":
        change = {"pseudopotential_path": pseudopotentials, "density_cutoff_Ry": 4 * reference.cutoff_Ry}
        return reference.model_copy(update=change)
    return reference


def convergence(results: Results, reference: Reference, varied: tuple, fixed: Mapping) -> Iterator[str]:
    """Rows: error of the forces (RMS, largest) in meV/Å, of the stress in GPa, net force in meV/Å, seconds."""
    settings, beyond = varied
    for name, atoms in (("LiCl", lithium_chloride()), ("Li3OCl", lithium_oxychloride())):
        best = results.label(name, atoms, reference, {**fixed, **beyond})
        for change in settings:
            found = results.label(name, atoms, reference, {**fixed, **change})
            (key, value), *_ = change.items()
            yield f"| {reference.code} | {name} | `{key}` {value} | {differences(found, best)} | {found.seconds:.0f} |"


def differences(found: Measured, best: Measured) -> str:
    forces = 1000 * np.linalg.norm(found.forces_eV_A - best.forces_eV_A, axis=1)
    stress_GPa = np.abs(found.stress_GPa - best.stress_GPa).max()
    energy_meV = 1000 * (found.energy_eV - best.energy_eV) / len(forces)
    net = 1000 * found.net_force_eV_A
    return f"{energy_meV:.2f} | {rms(forces):.2f} | {forces.max():.2f} | {net:.1f} | {stress_GPa:.4f}"


def lattice(results: Results, reference: Reference) -> Iterator[str]:
    """A row: lattice constant and bulk modulus of LiCl by PBE without dispersion."""
    change = {"dispersion": "none", "kpoint_spacing_per_A": LATTICE_SPACING_PER_A}
    found = [results.label(f"LiCl {edge}", rocksalt(edge), reference, change) for edge in LATTICES_A]
    volumes_A3 = [edge**3 / 4 for edge in LATTICES_A]
    fit = EquationOfState(volumes_A3, [each.energy_eV for each in found], eos="birchmurnaghan")
    volume_A3, _, modulus = fit.fit()
    # The lattice constant at which the stress vanishes is an independent reading of the same runs.
    pressures_GPa = [-np.trace(each.stress_GPa) / 3 for each in found]
    edge_A = np.interp(0.0, pressures_GPa[::-1], LATTICES_A[::-1])
    yield f"| {reference.code} | {(4 * volume_A3) ** (1 / 3):.4f} | {modulus / GPa:.2f} | {edge_A:.3f} |"


def by_three_codes(results: Results, references: list[Reference]) -> Iterator[str]:
    """Rows: difference of the forces of two codes on a replica (RMS, largest, RMS by element), and of their stress."""
    for formula in FORMULAS:
        path = WORK / f"{formula}.extxyz"
        if not path.is_file():
            write(path, replica(2, formula=formula))
        atoms = read(path)
        found = {each.code: results.label(formula, atoms, each, GAMMA) for each in references}
        for first, second in combinations(found, 2):
            yield f"| {formula} | {first} | {second} | {apart(found[first], found[second], atoms)} |"
        size = np.sqrt(np.mean([each.forces_eV_A**2 for each in found.values()]))
        yield f"RMS of a force component {1000 * size:.0f} meV/Å; seconds " + ", ".join(
            f"{code} {each.seconds:.0f}" for code, each in found.items()
        )


def apart(first: Measured, second: Measured, atoms: Atoms) -> str:
    distances = 1000 * (first.forces_eV_A - second.forces_eV_A)
    symbols = np.array(atoms.get_chemical_symbols())
    by_element = (f"{each} {rms(distances[symbols == each]):.0f}" for each in dict.fromkeys(symbols))
    stress_GPa = np.abs(first.stress_GPa - second.stress_GPa).max()
    return f"{rms(distances):.0f} | {np.abs(distances).max():.0f} | {', '.join(by_element)} | {stress_GPa:.2f}"


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def sampling(results: Results, reference: Reference) -> Iterator[str]:
    """Rows of convergence with the spacing of the k-points."""
    yield from convergence(results, reference, SPACINGS, CHEAP[reference.code])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pseudopotentials", help="folder of norm-conserving UPF files for Quantum ESPRESSO")
    parser.add_argument("--codes", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--tables", nargs="+", default=["lattice", "replica", "cutoff", "scf", "basis", "kpoints"])
    arguments = parser.parse_args()
    codes = [code for code in arguments.codes if code != "quantum-espresso" or arguments.pseudopotentials]
    references = [shipped(code, arguments.pseudopotentials) for code in codes]
    results = Results(WORK / "labels.jsonl")
    makers = {
        "lattice": lambda each: lattice(results, each),
        "cutoff": lambda each: convergence(results, each, CUTOFFS[each.code], COARSE),
        "scf": lambda each: convergence(results, each, TOLERANCES[each.code], {**COARSE, **CHEAP[each.code]}),
        "basis": lambda each: (
            convergence(results, each, BASES[each.code], {**COARSE, **CHEAP[each.code]}) if each.code in BASES else ()
        ),
        "kpoints": lambda each: sampling(results, each),
    }
    for table in arguments.tables:
        rows = by_three_codes(results, references) if table == "replica" else (
            row for each in references for row in makers[table](each)
        )  # fmt: skip
        print("\n".join([f"\n{table}", *rows]), flush=True)


if __name__ == "__main__":
    main()
