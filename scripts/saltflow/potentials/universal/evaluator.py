"""A calculator that answers with plain numbers, for the process that serves it."""

import numpy as np
from ase import Atoms

from saltflow.campaign.settings.references import UniversalReference
from saltflow.potentials.universal.calculators import make_calculator
from saltflow.potentials.universal.no_network import block_network, check_refusals


class Evaluator:
    """The calculator of a reference.

    Raises:
        SaltflowError: see `make_calculator`.
    """

    def __init__(self, reference: UniversalReference):
        self.reference = reference
        self.calculator = make_calculator(reference)

    def evaluate(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
        """Energy in eV, forces (atoms, 3) in eV/Å and stress (3, 3) in eV/Å³ (ASE's sign) of a periodic structure.

        Raises:
            SaltflowError: the package wants to fetch something.
        """
        single = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True, calculator=self.calculator)
        try:
            return (
                float(single.get_potential_energy()),
                np.array(single.get_forces(), float),
                np.array(single.get_stress(voigt=False), float),
            )
        finally:
            check_refusals(self.reference.method)


def start_evaluator(reference: UniversalReference) -> Evaluator:
    """The calculator in a process that is off the network from here on."""
    block_network()
    return Evaluator(reference)
