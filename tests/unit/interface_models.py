"""Pairs of atoms with neighbour lists, with the interface of the engine's potentials; and the same for ASE."""

import os
import signal

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.data import atomic_numbers
from matscipy.neighbours import neighbour_list

from saltflow.potentials.protocol import Evaluation

CUTOFF_A = 6.0
METAL = {("Al", "Al"): (0.4, 2.86)}
# Rock salt, with molecules that it hardly feels.
SALT = {
    ("Cl", "Li"): (1.0, 2.5), ("Cl", "Cl"): (0.02, 3.6), ("Li", "Li"): (0.02, 3.6),
    ("Cl", "O"): (0.002, 3.6), ("Li", "O"): (0.002, 3.6),
}  # fmt: skip
BOUND = SALT | {("O", "O"): (5.0, 1.25)}
UNBOUND = SALT | {("O", "O"): (0.05, 1.6)}  # at the length of O2 it repels

SETTINGS = {
    "millers": [[1, 0, 0]], "thickness_A": 12.0, "vacuum_A": 12.0, "width_A": 8.0, "terminations": 4,
    "force_eV_A": 0.005, "steps": 300, "batch_atoms": 5000, "gas": {}, "pressure_bar": None,
    "temperatures_K": [300.0], "ramp_K": 0.0, "duration_ps": 0.0, "interval_fs": 5.0, "replicas": 1, "seed": 1,
    "elements": [], "least_ps": 0.05, "made": 1.2, "broken": 1.45, "potential": "pairs", "potential_sha256": "-",
}  # fmt: skip
MOLECULES = 3
RUN = SETTINGS | {"gas": {"O2": MOLECULES}, "duration_ps": 0.2, "thickness_A": 9.0}


class Pairs:
    """Each pair has ε[(σ/r)¹² − 2(σ/r)⁶](1 − r²/r_c²)².

    Args:
        bonds: pair of elements, in alphabetical order → ε in eV and σ in Å.
        killed_after: evaluations after which the process kills itself.
    """

    device = torch.device("cpu")
    evaluated_by = "pairs"
    cutoff_A = CUTOFF_A

    def __init__(self, bonds, *, killed_after=None):
        self.evaluations, self.killed_after = 0, killed_after
        self.depth, self.length = np.zeros((100, 100)), np.ones((100, 100))
        for (one, other), (depth, length) in bonds.items():
            for place in ((one, other), (other, one)):
                numbers = tuple(atomic_numbers[each] for each in place)
                self.depth[numbers], self.length[numbers] = depth, length

    def check_elements(self, numbers, *, composition):
        pass

    def on(self, numbers, system):
        return BoundPairs(self, np.asarray(numbers), np.asarray(system))

    def pair_eV(self, one, other, distance_A):
        """Energy of pairs, and its slope."""
        depth, length = self.depth[one, other], self.length[one, other]
        sixth = (length / distance_A) ** 6
        well, slope = depth * (sixth**2 - 2 * sixth), -12 * depth * (sixth**2 - sixth) / distance_A
        smooth = 1 - (distance_A / CUTOFF_A) ** 2
        return well * smooth**2, slope * smooth**2 - 4 * well * smooth * distance_A / CUTOFF_A**2

    def of(self, atoms):
        """Energy, forces, stress of one cell."""
        self.evaluations += 1
        if self.evaluations == self.killed_after:
            os.kill(os.getpid(), signal.SIGKILL)
        first, second, distances_A, between_A = neighbour_list("ijdD", atoms, CUTOFF_A)
        energies, slopes = self.pair_eV(atoms.numbers[first], atoms.numbers[second], distances_A)
        pulls = (slopes / distances_A)[:, None] * between_A
        forces = np.stack([np.bincount(first, weights=pulls[:, axis], minlength=len(atoms)) for axis in range(3)], 1)
        return energies.sum() / 2, forces, (pulls.T @ between_A) / 2 / atoms.get_volume()


class BoundPairs:
    """Bound to the atoms of a batch."""

    def __init__(self, pairs, numbers, system):
        self.pairs, self.numbers = pairs, numbers
        self.bounds = np.searchsorted(system, np.arange(system.max() + 2))
        self.listed_at = (torch.zeros(len(numbers), 3), torch.zeros(len(self.bounds) - 1, 3, 3))

    def list_neighbours(self, positions, cells):
        pass

    def evaluate(self, positions, cells, *, isolate=True):
        found = []
        for index, cell in enumerate(cells.numpy()):
            own = slice(self.bounds[index], self.bounds[index + 1])
            found.append(self.pairs.of(Atoms(self.numbers[own], positions[own].numpy(), cell=cell, pbc=True)))
        energies, forces, stresses = zip(*found, strict=True)
        made = [torch.as_tensor(np.array(each)) for each in (energies, np.concatenate(forces), np.stack(stresses))]
        return Evaluation(*made, torch.zeros(len(positions)))


class ForASE(Calculator):
    """The same behind ASE's interface."""

    implemented_properties = ("energy", "forces")

    def __init__(self, pairs):
        super().__init__()
        self.pairs = pairs

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, forces, _ = self.pairs.of(atoms)
        self.results = {"energy": energy, "forces": forces}


def rock_salt(edge_A=5.0, *, name="LiCl"):
    """A primitive cell."""
    return bulk(name, "rocksalt", a=edge_A)


def cut_energy_J_m2(crystal, pairs, normal):
    """Energy of a face as it is cut: half of the pairs that a plane of this normal parts, per area.

    A pair R apart is parted by R·n / V planes per area for each atom of the cell (Mackenzie et al., J. Phys. Chem.
    Solids 23, 185, 1962).
    """
    first, second, distances_A, between_A = neighbour_list("ijdD", crystal, CUTOFF_A)
    energies, _ = pairs.pair_eV(crystal.numbers[first], crystal.numbers[second], distances_A)
    through_A = np.abs(between_A @ np.asarray(normal, float)) / np.linalg.norm(normal)
    return -0.25 * (energies * through_A).sum() / crystal.get_volume() * 16.02176634
