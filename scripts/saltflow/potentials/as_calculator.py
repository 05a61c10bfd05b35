"""A potential of the engine behind ASE's interface, for ASE's own algorithms on one cell."""

import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from saltflow.potentials.protocol import BoundPotential, MDPotential, stack


class AsCalculator(Calculator):
    """Energy, forces and stress of a cell; NaN where it is unphysical.

    Args:
        potential: any `MDPotential`.
    """

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, potential: MDPotential):
        super().__init__()
        self._potential = potential
        self._bound: BoundPotential | None = None

    def calculate(self, atoms: Atoms, properties=implemented_properties, system_changes=all_changes) -> None:
        """Evaluate; neighbour lists are kept while the atoms are the same ones."""
        super().calculate(atoms, properties, system_changes)
        numbers, system, positions, boxes = stack([atoms])
        if self._bound is None or "numbers" in system_changes:
            self._bound = self._potential.on(numbers, system)
        device = self._potential.device
        found = self._bound.evaluate(torch.as_tensor(positions, device=device), torch.as_tensor(boxes, device=device))
        self.results = {
            "energy": float(found.energies[0]),
            "forces": found.forces.double().cpu().numpy(),
            "stress": full_3x3_to_voigt_6_stress(found.stresses[0].double().cpu().numpy()),
        }
