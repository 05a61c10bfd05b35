"""Ten cubic crystals: measured lattice and elastic constants, and the same by a calculator.

Measured at room temperature; lattice constants of Wyckoff, Crystal Structures (1963), elastic ones of the CRC Handbook
of Chemistry and Physics, of Li2O those of Hull et al., J. Nucl. Mater. 160, 125 (1988). All of them were recalled, not
looked up. A potential has no thermal motion: its crystals are about one percent narrower and up to a tenth stiffer.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.units import GPa

STRAIN = 0.005


class Crystal(NamedTuple):
    """A cubic crystal: structure of ASE, edge in Å, elastic constants in GPa, measured."""

    structure: str
    edge_A: float
    C11: float
    C12: float
    C44: float


CRYSTALS: Mapping[str, Crystal] = {
    "LiF": Crystal("rocksalt", 4.027, 114.0, 47.7, 63.6),
    "LiCl": Crystal("rocksalt", 5.140, 49.3, 23.1, 25.0),
    "LiBr": Crystal("rocksalt", 5.501, 39.4, 18.8, 19.1),
    "NaF": Crystal("rocksalt", 4.634, 97.0, 23.8, 28.2),
    "NaCl": Crystal("rocksalt", 5.640, 49.5, 12.9, 12.9),
    "NaBr": Crystal("rocksalt", 5.973, 39.7, 10.0, 10.0),
    "KCl": Crystal("rocksalt", 6.293, 40.7, 7.1, 6.3),
    "MgO": Crystal("rocksalt", 4.211, 297.1, 95.4, 156.1),
    "CaF2": Crystal("fluorite", 5.463, 164.2, 44.0, 33.7),
    "Li2O": Crystal("fluorite", 4.619, 202.0, 21.0, 59.0),
}
# Energy in eV, forces in eV/Å and stress in eV/Å³ of a cell.
Evaluate = Callable[[Atoms], tuple[float, np.ndarray, np.ndarray]]


def built(name: str, edge_A: float) -> Atoms:
    """The cubic cell of a crystal; of Li2O the anions are where CaF2 has its cations."""
    if name == "Li2O":
        cell = bulk("OLi2", "fluorite", a=edge_A, cubic=True)
    else:
        cell = bulk(name, CRYSTALS[name].structure, a=edge_A, cubic=True)
    return cell


def relaxed_edge_A(name: str, evaluate: Evaluate) -> float:
    """The edge without pressure: secants on the stress, from the measured edge."""
    edges_A = [CRYSTALS[name].edge_A, 0.99 * CRYSTALS[name].edge_A]
    stresses = [_mean_stress(name, edge_A, evaluate) for edge_A in edges_A]
    while abs(edges_A[-1] - edges_A[-2]) > 1e-3:
        slope = (stresses[-1] - stresses[-2]) / (edges_A[-1] - edges_A[-2])
        edges_A.append(edges_A[-1] - stresses[-1] / slope)
        stresses.append(_mean_stress(name, edges_A[-1], evaluate))
    return edges_A[-1]


def _mean_stress(name: str, edge_A: float, evaluate: Evaluate) -> float:
    return float(np.trace(evaluate(built(name, edge_A))[2]) / 3)


def elastic_constants_GPa(name: str, edge_A: float, evaluate: Evaluate) -> dict[str, float]:
    """C11, C12 and C44 by central differences of the stress, with relaxed ions."""
    along = np.zeros((3, 3))
    along[0, 0] = STRAIN
    shear = np.zeros((3, 3))
    shear[1, 2] = shear[2, 1] = STRAIN / 2
    cell, relax = built(name, edge_A), CRYSTALS[name].structure != "rocksalt"
    by_along, by_shear = (
        (_stress(cell, strain, evaluate, relax) - _stress(cell, -strain, evaluate, relax)) / (2 * STRAIN) / GPa
        for strain in (along, shear)
    )
    found = {"C11": by_along[0, 0], "C12": (by_along[1, 1] + by_along[2, 2]) / 2, "C44": by_shear[1, 2]}
    return {key: round(float(value), 2) for key, value in found.items()}


def _stress(cell: Atoms, strain: np.ndarray, evaluate: Evaluate, relax: bool) -> np.ndarray:
    """Stress of a strained cell after its ions have followed; those of rock salt stay where they are by symmetry."""
    moved = cell.copy()
    moved.set_cell(cell.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    _, forces, stress = evaluate(moved)
    step = 0.02
    for _ in range(30 if relax else 0):
        if np.abs(forces).max() < 2e-3:
            break
        before, positions = forces, moved.positions.copy()
        moved.positions += step * forces
        _, forces, stress = evaluate(moved)
        change, shift = (forces - before).ravel(), (moved.positions - positions).ravel()
        if change @ shift < 0:  # Barzilai and Borwein
            step = min(0.2, float(shift @ shift / -(shift @ change)))
    return stress
