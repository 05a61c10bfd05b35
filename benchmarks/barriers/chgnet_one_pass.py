"""CHGNet with forces and stress from one backward pass, no graph kept for training: the same numbers, sooner.

Imported in the environment of universal potentials.
"""

import torch
from ase import Atoms
from ase.calculators.calculator import all_changes, all_properties
from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import BatchedGraph
from pymatgen.io.ase import AseAtomsAdaptor


class OnePassCalculator(CHGNetCalculator):
    """Energy, forces and stress, without magnetic moments."""

    def calculate(self, atoms: Atoms | None = None, properties: list | None = None, system_changes=all_changes) -> None:
        """Energy in eV, forces in eV/Å and stress in eV/Å³ of a structure."""
        super(CHGNetCalculator, self).calculate(atoms, properties or all_properties, system_changes)
        model = self.model.eval()
        graph = model.graph_converter(AseAtomsAdaptor.get_structure(atoms)).to(self.device)
        batch = BatchedGraph.from_graphs(
            [graph], model.bond_basis_expansion, model.angle_basis_expansion, compute_stress=True
        )
        per_atom = model._compute(batch)["e"]
        (positions,), (strain,) = batch.atom_positions, batch.strains
        force, stress = torch.autograd.grad(len(atoms) * per_atom.sum(), [positions, strain])
        energy = len(atoms) * float((per_atom + model.composition_model([graph])).detach())
        stress = stress.numpy() / atoms.get_volume()
        self.results |= {"energy": energy, "free_energy": energy, "forces": -force.numpy()}
        self.results["stress"] = stress.ravel()[[0, 4, 8, 5, 2, 1]]


def make_calculator(path: str, on_isolated_atoms: str, use_device: str) -> OnePassCalculator:
    """The calculator of a file of weights."""
    return OnePassCalculator.from_file(path, on_isolated_atoms=on_isolated_atoms, use_device=use_device)
