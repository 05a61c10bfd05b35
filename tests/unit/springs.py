"""A cheap exact potential with the interface of the engine's: tetrahedra of springs among ions, in periodic cells."""

import numpy as np
import torch
from ase import Atoms

from saltflow.potentials.protocol import Evaluation

BONDS_eV_A2 = 20.0
REPULSION_eV, WIDTH_A = 1.5, 1.0
EDGE_A = 9.0
TETRAHEDRON = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / np.sqrt(3)


class Springs:
    """Springs inside groups, Gaussian repulsion with the nearest image between everything else.

    Args:
        groups: indices of the atoms of each group, the same in every cell.
        atoms: of a cell.
        rest_A: (atoms, atoms) lengths of the springs.
    """

    device = torch.device("cpu")

    def __init__(self, groups, rest_A):
        self.groups, self.rest_A = groups, torch.as_tensor(rest_A)
        self.bound = torch.zeros(self.rest_A.shape, dtype=torch.bool)
        for group in groups:
            for one in group:
                for other in group:
                    self.bound[one, other] = one != other
        # Ions are of unlike sizes: nothing is symmetric by accident.
        self.strength = REPULSION_eV * (1 + 0.3 * torch.arange(len(rest_A)).remainder(3))
        self.listed_at = (torch.zeros(1), torch.zeros(1))

    def on(self, numbers, system):
        return self

    def list_neighbours(self, positions, cells):
        pass

    def evaluate(self, positions, cells, *, isolate=True):
        place = positions.detach().reshape(len(cells), -1, 3).requires_grad_(True)
        energies = self._energies(place, cells)
        forces = -torch.autograd.grad(energies.sum(), place)[0].reshape(-1, 3)
        return Evaluation(energies.detach(), forces, torch.zeros_like(cells), torch.zeros(len(positions)))

    def _energies(self, place, cells):
        between = place[:, :, None] - place[:, None]
        edges = torch.diagonal(cells, dim1=1, dim2=2)[:, None, None]
        nearest = between - edges * torch.round(between / edges).detach()
        same = torch.eye(place.shape[1], dtype=torch.bool)
        distances = (nearest.square().sum(-1) + same).sqrt()
        stretch = 0.25 * BONDS_eV_A2 * ((distances - self.rest_A) ** 2 * self.bound).sum((1, 2))
        strength = (self.strength[:, None] * self.strength).sqrt() * ~(self.bound | same)
        repulsion = 0.5 * (strength * torch.exp(-0.5 * (distances / WIDTH_A) ** 2)).sum((1, 2))
        return stretch + repulsion


def tetrahedra(count=4, *, ions=4, seed=0, rattle_A=0.05):
    """A cell of SO4-like tetrahedra and ions on a rough lattice, its groups, and its springs.

    Returns:
        atoms, groups, Springs; the groups lie across the boundary of the cell, in one piece.
    """
    random = np.random.default_rng(seed)
    sites = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * EDGE_A / 2
    positions = [np.vstack([np.zeros(3), 1.5 * TETRAHEDRON @ rotation(random)]) + site for site in sites[:count]]
    groups = [tuple(range(5 * index, 5 * index + 5)) for index in range(count)]
    positions = np.vstack([*positions, sites[count : count + ions]])
    rest_A = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    positions = positions + random.normal(scale=rattle_A, size=positions.shape)
    atoms = Atoms("SO4" * count + f"Li{ions}" * bool(ions), positions, cell=np.eye(3) * EDGE_A, pbc=True)
    return atoms, groups, Springs(groups, rest_A)


def rotation(random):
    """A random rotation matrix."""
    matrix, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))
