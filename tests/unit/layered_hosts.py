"""A layered oxide, and graphite in any stacking and stage."""

import numpy as np
from ase import Atoms
from ase.build import graphene
from ase.spacegroup import crystal

SPACING_A, BOND_A = 3.5, 1.42


def layered_oxide() -> Atoms:
    """LiCoO2 in the hexagonal cell."""
    basis = [(0, 0, 0.5), (0, 0, 0), (0, 0, 0.2605)]
    return crystal(["Li", "Co", "O"], basis, spacegroup=166, cellpar=[2.815, 2.815, 14.05, 90, 90, 120])


def graphite(shifts: list[float], *, filled: list[int] = (), repeat: int = 3) -> Atoms:
    """Layers shifted along the bond by multiples of its length; ions in some galleries."""
    layer = graphene(a=BOND_A * 3**0.5, size=(repeat, repeat, 1), vacuum=None)
    cell = layer.cell.array.copy()
    cell[2] = [0, 0, SPACING_A * len(shifts)]
    bond = layer.positions[1] - layer.positions[0]
    atoms = Atoms(cell=cell, pbc=True)
    for number, shift in enumerate(shifts):
        atoms += Atoms(layer.symbols, layer.positions * [1, 1, 0] + shift * bond + [0, 0, number * SPACING_A])
    for gallery in filled:
        middle = (layer.positions[0] + layer.positions[1]) * [1, 1, 0] / 2 + [0, 0, (gallery + 0.5) * SPACING_A]
        atoms += Atoms("Li3", middle + np.array([0, 1, 2])[:, None] * layer.cell[0] / 3)
    atoms.set_cell(cell)
    return atoms
