"""The structures on which the references are compared: two crystals off their symmetry, and replicas of one formula."""

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.optimize import FIRE
from tblite.ase import TBLite

from saltflow.materials.cells import pack_cell
from saltflow.materials.compositions import Composition

LICL_A = 5.14
LI3OCL_A = 3.91
RATTLE_A = 0.08


def rocksalt(lattice_A: float = LICL_A) -> Atoms:
    """Two atoms of LiCl on their sites."""
    return bulk("LiCl", "rocksalt", a=lattice_A)


def lithium_chloride() -> Atoms:
    """The two atoms of rocksalt LiCl, one of them moved by 0.2 Å."""
    atoms = rocksalt()
    atoms.positions[1] += [0.15, 0.10, 0.08]
    return atoms


def lithium_oxychloride() -> Atoms:
    """The five atoms of the antiperovskite Li3OCl, rattled."""
    scaled = [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [0.5, 0.5, 0.5], [0, 0, 0]]
    atoms = Atoms("Li3OCl", scaled_positions=scaled, cell=[LI3OCL_A] * 3, pbc=True)
    atoms.rattle(RATTLE_A, seed=1)
    return atoms


@dataclass(frozen=True)
class Formula:
    """A formula unit of a replica, the charges of its ions, and for how many steps the packed cell is relaxed."""

    amounts: dict[str, int]
    charges: dict[str, int]
    steps: int


FORMULAS = {
    "Li2AlCl3O": Formula({"Li": 2, "Al": 1, "Cl": 3, "O": 1}, {"Li": 1, "Al": 3, "Cl": -1, "O": -2}, 40),
    "Li2ZrCl6": Formula({"Li": 2, "Zr": 1, "Cl": 6}, {"Li": 1, "Zr": 4, "Cl": -1}, 60),
}


def replica(formula_units: int, *, formula: str = "Li2AlCl3O", seed: int = 1) -> Atoms:
    """Some formula units packed at 2.0 g/cm³ and relaxed for some steps by GFN1-xTB."""
    chosen = FORMULAS[formula]
    amounts = {element: Fraction(number) for element, number in chosen.amounts.items()}
    composition = Composition(formula, formula, amounts, "", "", "Li", chosen.charges, "pack", 2.0)
    atoms = pack_cell(
        composition,
        formula_units=formula_units,
        density_g_cm3=2.0,
        seed=seed,
        min_separation_factor=0.8,
        min_separations_A={"Cl-Cl": 2.5, "Li-Li": 2.4},
    )
    atoms.calc = TBLite(method="GFN1-xTB", verbosity=0)
    with tempfile.TemporaryDirectory() as folder:
        FIRE(atoms, logfile=str(Path(folder, "log"))).run(fmax=0.3, steps=chosen.steps)
    return Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)


def neighbours(atoms: Atoms, *, frames: int, step_A: float = 0.02) -> list[Atoms]:
    """Frames as MD takes them every few steps: each atom a little further along a direction of its own."""
    directions = np.random.default_rng(2).normal(size=(len(atoms), 3))
    found = []
    for number in range(frames):
        moved = atoms.copy()
        moved.positions += number * step_A * directions
        found.append(moved)
    return found
