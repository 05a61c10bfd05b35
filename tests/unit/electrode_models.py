"""A metal that takes lithium, by pairs of smooth bonds: energy, forces and stress, in cells of any size."""

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from saltflow.campaign.settings.electrodes import ElectrodeOptions
from saltflow.potentials.protocol import Evaluation

EDGE_A, CUTOFF_A = 4.0, 5.0
OPTIONS = ElectrodeOptions(force_eV_A=0.005, sweeps=50, rule="random")
SETTINGS = OPTIONS.model_dump() | {"potential": "bonds", "potential_sha256": "-"}
DEPTH_eV = {(22, 22): 0.5, (3, 22): 0.4, (3, 3): 0.1}
LENGTH_A = {(22, 22): EDGE_A / 2**0.5, (3, 22): EDGE_A / 2, (3, 3): 2.9}


def rock_salt() -> Atoms:
    """Four Ti with Li in all octahedra."""
    return bulk("TiLi", "rocksalt", a=EDGE_A, cubic=True)


class BondedHost:
    """Each pair has ε[(σ/r)¹² − 2(σ/r)⁶](1 − r²/r_c²)²; what the engine asks of a potential."""

    device = torch.device("cpu")
    evaluated_by = "pairs of bonds"

    def __init__(self):
        self.evaluations = 0

    def check_elements(self, numbers, *, composition):
        pass

    def on(self, numbers, system):
        return BoundHost(self, np.asarray(numbers), np.asarray(system))


class Killed(BondedHost):
    """Ends its process after so many evaluations."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def on(self, numbers, system):
        if self.evaluations > self.after:
            raise KeyboardInterrupt
        bound = super().on(numbers, system)
        evaluate = bound.evaluate

        def counted(*places, **how):
            if self.evaluations > self.after:
                raise KeyboardInterrupt
            return evaluate(*places, **how)

        bound.evaluate = counted
        return bound


class BoundHost:
    """Bound to atoms; it needs no lists."""

    def __init__(self, host, numbers, system):
        self.host, self.system = host, torch.as_tensor(system)
        self.bounds = np.searchsorted(system, np.arange(system.max() + 2)).tolist()
        kinds = [tuple(sorted(pair)) for pair in np.stack(np.meshgrid(numbers, numbers), -1).reshape(-1, 2).tolist()]
        shape = (len(numbers), len(numbers))
        self.depth = torch.tensor([DEPTH_eV[kind] for kind in kinds], dtype=torch.float64).reshape(shape)
        self.length = torch.tensor([LENGTH_A[kind] for kind in kinds], dtype=torch.float64).reshape(shape)
        self.listed_at = (torch.zeros(len(numbers), 3), torch.zeros(len(self.bounds) - 1, 3, 3))

    def list_neighbours(self, positions, cells):
        pass

    def evaluate(self, positions, cells, *, isolate=True):
        self.host.evaluations += len(cells)
        place = positions.detach().double().clone().requires_grad_(True)
        strain = torch.zeros(len(cells), 3, 3, dtype=torch.float64, requires_grad=True)
        energies = torch.stack([self._energy(place, cells.double(), strain, each) for each in range(len(cells))])
        forces, virials = torch.autograd.grad(energies.sum(), [place, strain])
        symmetric = (virials + virials.transpose(1, 2)) / 2
        stresses = symmetric / torch.linalg.det(cells.double()).abs()[:, None, None]
        return Evaluation(energies.detach(), -forces, stresses, torch.zeros(len(place)))

    def _energy(self, place, cells, strain, each):
        own = slice(self.bounds[each], self.bounds[each + 1])
        deform = torch.eye(3, dtype=torch.float64) + strain[each]
        heights = 1 / torch.linalg.norm(torch.linalg.inv(cells[each]), dim=0)
        cell, place = cells[each] @ deform, place[own] @ deform
        between = (place[:, None] - place) @ torch.linalg.inv(cell)
        between = (between - torch.round(between).detach()) @ cell
        most = [int(number) for number in torch.ceil(CUTOFF_A / heights)]
        images = torch.cartesian_prod(*[torch.arange(-number, number + 1.0) for number in most]).double() @ cell
        square = (between[:, :, None] + images).square().sum(-1)
        near = (square > 1e-8) & (square < CUTOFF_A**2)
        square = torch.where(near, square, torch.ones_like(square))
        sixth = (self.length[own, own, None] ** 2 / square) ** 3
        pairs = self.depth[own, own, None] * (sixth**2 - 2 * sixth) * (1 - square / CUTOFF_A**2) ** 2
        return 0.5 * torch.where(near, pairs, torch.zeros_like(pairs)).sum()
