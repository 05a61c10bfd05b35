"""Lennard-Jones atoms, cut off and shifted, with the interface of the engine's potentials; and the same for ASE."""

import numpy as np
import torch
from ase.calculators.calculator import Calculator, all_changes

from saltflow.potentials.protocol import Evaluation

EPSILON_eV, SIGMA_A, CUTOFF_A = 0.0103, 3.4, 6.8  # argon


class LennardJones:
    """Pairs with the nearest image in cells of any shape that are wide enough; `committee.on` gives itself."""

    device = torch.device("cpu")

    def __init__(self, atoms):
        self.atoms = atoms
        self.first, self.second = torch.triu_indices(atoms, atoms, 1)
        self.listed_at = (torch.zeros(1), torch.zeros(1))

    def on(self, numbers, system):
        return self

    def list_neighbours(self, positions, cells):
        pass

    def evaluate(self, positions, cells, *, isolate=True):
        place = positions.reshape(len(cells), self.atoms, 3)
        between = place[:, self.first] - place[:, self.second]
        images = torch.round(between @ torch.linalg.inv(cells))
        between = between - images @ cells
        square = between.square().sum(-1)
        near = square < CUTOFF_A**2
        sixth = (SIGMA_A**2 / square) ** 3
        energies = (near * (4 * EPSILON_eV * (sixth**2 - sixth) - _AT_CUTOFF)).sum(1)
        pull = (near * 24 * EPSILON_eV * (2 * sixth**2 - sixth) / square).unsqueeze(-1) * between
        forces = torch.zeros_like(place).index_add_(1, self.first, pull).index_add_(1, self.second, -pull)
        stresses = -torch.einsum("spi,spj->sij", pull, between) / torch.linalg.det(cells).abs()[:, None, None]
        return Evaluation(energies, forces.reshape(-1, 3), stresses, torch.zeros(len(positions)))


_RATIO = (SIGMA_A / CUTOFF_A) ** 6
_AT_CUTOFF = 4 * EPSILON_eV * (_RATIO**2 - _RATIO)


class ForASE(Calculator):
    """The same potential behind ASE's interface."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        cells = torch.as_tensor(np.array(atoms.cell))[None]
        found = LennardJones(len(atoms)).evaluate(torch.as_tensor(atoms.positions), cells)
        self.results = {"energy": float(found.energies[0]), "forces": found.forces.numpy()}
