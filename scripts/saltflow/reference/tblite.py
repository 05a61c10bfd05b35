"""GFN-xTB by tblite, embedded: periodic energies, forces and stresses without another program."""

from collections.abc import Sequence
from importlib import metadata

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, InputError
from ase.data import atomic_numbers
from tblite.ase import TBLite

from saltflow.reference.label import LabelFailure, Result
from saltflow.reference.settings import TbliteReference

# Both GFN parametrisations end at radon (Grimme et al., JCTC 13, 1989 (2017); JCTC 15, 1652 (2019)).
LAST_ELEMENT = 86

# Charge mixing and the factor on the iteration limit: ways to the same self-consistent solution.
# A higher electronic temperature would also converge, but to another energy: it is not on the ladder.
LADDER = ({"mixer_damping": 0.4, "patience": 1}, {"mixer_damping": 0.1, "patience": 4})


def element_problems(reference: TbliteReference, elements: Sequence[str]) -> dict[str, str]:
    """Element → why the method has no parameters for it."""
    return {
        element: f"{reference.method} has no parameters for {element}; choose a CP2K reference for it"
        for element in elements
        if not 0 < atomic_numbers.get(element, 0) <= LAST_ELEMENT
    }


class TbliteBackend:
    """Labels by tblite; each structure starts from a fresh guess, so that order cannot matter."""

    def __init__(self, reference: TbliteReference):
        self.reference = reference
        self.details = {"code": f"tblite {metadata.version('tblite')}", "method": reference.method}

    def compute(self, atoms: Atoms) -> Result:
        """Energy, forces and stress of a periodic structure; raises LabelFailure."""
        single, attempt = self._converge(atoms)
        return Result(
            energy_eV=float(single.get_potential_energy()),
            forces_eV_A=np.array(single.get_forces()),
            stress_eV_A3=single.get_stress(voigt=False),
            attempts=attempt,
            details={**self.details, **LADDER[attempt - 1]},
        )

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of a non-periodic atom in the lowest spin state.

        GFN Hamiltonians have no spin-dependent term: a forced high spin only moves electrons to higher
        levels (2 eV for Ni), and the frames are treated in the lowest spin too.
        """
        single, _ = self._converge(Atoms(element))
        return float(single.get_potential_energy())

    def close(self) -> None:
        """Nothing keeps running."""

    def _converge(self, atoms: Atoms) -> tuple[Atoms, int]:
        """A copy of the atoms with a converged calculator, and the rung of the ladder it took."""
        single = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        for attempt, rung in enumerate(LADDER, start=1):
            single.calc = self._calculator(**rung)
            try:
                single.get_potential_energy()
                return single, attempt
            except InputError as error:
                raise LabelFailure("crashed", f"tblite refused it: {error}", attempts=attempt) from error
            except CalculationFailed as error:
                message = str(error)
        status = "not_converged" if "not converged" in message else "crashed"
        raise LabelFailure(status, message, attempts=len(LADDER), details=self.details)

    def _calculator(self, *, mixer_damping: float, patience: int) -> TBLite:
        return TBLite(
            method=self.reference.method,
            accuracy=self.reference.accuracy,
            electronic_temperature=self.reference.electronic_temperature_K,
            max_iterations=self.reference.max_iterations * patience,
            mixer_damping=mixer_damping,
            verbosity=0,
        )
