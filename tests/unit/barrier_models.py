"""Potentials with known saddles, with the interface of the engine's potentials, and the crystal that they live in."""

import numpy as np
import torch
from ase import Atoms

from saltflow.potentials.protocol import Evaluation

LATTICE_A = (4.0, 4.0, 4.5)
BARRIERS_eV = (0.3, 0.3, 0.5)  # along a, b and c


def crystal() -> Atoms:
    """Li on the corners of a tetragonal cell, Cl in its middle: hops along a and b are alike, one along c is not."""
    return Atoms("LiCl", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=LATTICE_A, pbc=True)


class BoundModel:
    """A model bound to atoms; it needs no lists."""

    listed_at = None

    def __init__(self, model, numbers, system):
        self.model, self.numbers, self.system = model, numbers, system

    def list_neighbours(self, positions, cells):
        pass


class Washboard:
    """Every Li feels Σ E_x (1 − cos 2πx/a)/2, every Cl a stiff one about the middle of its cell; none feels another.

    The barrier of a hop along an axis is E_x exactly. `bend_A` bends the way along a: the valley follows
    y = bend sin²(πx/a), whose saddle stays at E_x.
    """

    device = torch.device("cpu")
    evaluated_by = "washboard"

    def __init__(self, *, bend_A: float = 0.0, tilt_eV: float = 0.0):
        self.bend_A, self.tilt_eV = bend_A, tilt_eV

    def check_elements(self, numbers, *, composition):
        pass

    def on(self, numbers, system):
        return BoundWashboard(self, torch.as_tensor(numbers), torch.as_tensor(system))


class BoundWashboard(BoundModel):
    def evaluate(self, positions, cells):
        place = positions.detach().clone().requires_grad_(True)
        edges = torch.tensor(LATTICE_A, dtype=place.dtype)
        phase = 2 * np.pi * place / edges
        x, y = place[:, 0], place[:, 1]
        valley = self.model.bend_A * torch.sin(np.pi * x / LATTICE_A[0]) ** 2
        bent = torch.stack([phase[:, 0], 2 * np.pi * (y - valley) / LATTICE_A[1], phase[:, 2]], dim=1)
        lithium = (torch.tensor(BARRIERS_eV, dtype=place.dtype) * (1 - torch.cos(bent)) / 2).sum(1)
        lithium = lithium + self.model.tilt_eV * torch.sin(np.pi * x / LATTICE_A[0] / 2) ** 2
        chlorine = (1 + torch.cos(phase)).sum(1)
        single = torch.where(self.numbers == 3, lithium, chlorine)
        energies = torch.zeros(len(cells), dtype=place.dtype).index_add_(0, self.system, single)
        (gradient,) = torch.autograd.grad(energies.sum(), place)
        return Evaluation(
            energies.detach(), -gradient, torch.zeros(len(cells), 3, 3), torch.zeros(len(place), dtype=place.dtype)
        )


class SaltOfBonds:
    """Li in rock salt: Σ E (1 − (cX cY + cY cZ + cZ cX)/3) with cX = cos(4πx/a), and a bond between neighbours.

    The external potential has its minima on the sites of Li and in the tetrahedral voids, and is E halfway between
    them. Each pair of Li at the distance a√3/4 of a site and a void is bound by D; the bond is gone 0.4 Å from there.
    An interstitial has four bonds. In a collinear knock-off both ions pass their midpoints together and keep only
    the bond between them, so that its barrier is 2 E + 3 D. An ion that goes on its own loses four.
    """

    device = torch.device("cpu")
    evaluated_by = "salt of bonds"
    edge_A, height_eV, bond_eV, width_A = 5.14, 0.05, 0.3, 0.4
    knock_off_eV = 2 * height_eV + 3 * bond_eV

    def check_elements(self, numbers, *, composition):
        pass

    def on(self, numbers, system):
        return BoundSaltOfBonds(self, torch.as_tensor(numbers), torch.as_tensor(system))


class BoundSaltOfBonds(BoundModel):
    def evaluate(self, positions, cells):
        place = positions.detach().clone().requires_grad_(True)
        phase = torch.cos(4 * np.pi * place / self.model.edge_A)
        products = phase[:, 0] * phase[:, 1] + phase[:, 1] * phase[:, 2] + phase[:, 2] * phase[:, 0]
        # The same minima hold Cl in place, but steeper.
        height = torch.where(self.numbers == 3, self.model.height_eV, 1.0)
        energies = torch.zeros(len(cells), dtype=place.dtype).index_add_(0, self.system, height * (1 - products / 3))
        bonds = torch.stack([self._bonds(place[self._lithium(each)], cells[each]) for each in range(len(cells))])
        energies = energies + bonds
        (gradient,) = torch.autograd.grad(energies.sum(), place)
        return Evaluation(
            energies.detach(), -gradient, torch.zeros(len(cells), 3, 3), torch.zeros(len(place), dtype=place.dtype)
        )

    def _lithium(self, cell):
        return (self.numbers == 3) & (self.system == cell)

    def _bonds(self, place, cell):
        first, second = torch.triu_indices(len(place), len(place), 1)
        between = (place[first] - place[second]) @ torch.linalg.inv(cell)
        lengths = torch.linalg.norm((between - torch.round(between)) @ cell, dim=1)
        strain = (lengths - self.model.edge_A * 3**0.5 / 4) / self.model.width_A
        return -self.model.bond_eV * (torch.clamp(1 - strain**2, min=0) ** 3).sum()
