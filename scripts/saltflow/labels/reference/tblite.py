"""Labels by GFN-xTB through the tblite library."""

from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, InputError
from ase.data import atomic_numbers
from tblite.ase import TBLite

from saltflow.campaign.settings.references import TbliteReference
from saltflow.labels.reference.child_backend import ChildBackend
from saltflow.labels.reference.label import LabelFailure, Processes, Result
from saltflow.labels.reference.scf_fallbacks import first_converged

# Both GFN parametrisations end at Rn (Grimme et al., JCTC 13, 1989 (2017); JCTC 15, 1652 (2019)).
LAST_ELEMENT = 86

# Charge mixing, and a factor on the iteration limit.
FALLBACKS = {
    "mixing 0.4": {"mixer_damping": 0.4, "iterations_factor": 1},
    "mixing 0.1, 4 × the steps": {"mixer_damping": 0.1, "iterations_factor": 4},
}


def element_problems(reference: TbliteReference, elements: Sequence[str]) -> dict[str, str]:
    """Element → why the method has no parameters for it."""
    return {
        element: f"{reference.method} has no parameters for {element}; choose a density-functional reference for it"
        for element in elements
        if not 0 < atomic_numbers.get(element, 0) <= LAST_ELEMENT
    }


def start_backend(reference: TbliteReference, workdir: Path, processes: Processes) -> ChildBackend:
    """tblite in a process that can be killed: a library call has no time limit."""
    return ChildBackend(partial(TbliteBackend, reference), name="tblite", limit_s=reference.frame_timeout_s)


class TbliteBackend:
    """Labels by tblite, each from a fresh guess, so that their order does not matter."""

    def __init__(self, reference: TbliteReference):
        self.reference = reference
        self.details = {"code": f"tblite {metadata.version('tblite')}", "method": reference.method}

    def compute(self, atoms: Atoms) -> Result:
        """Energy, forces and stress of a periodic structure; raises LabelFailure."""
        return first_converged(FALLBACKS, lambda scf: self._result(atoms, scf))

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of a non-periodic atom in the lowest spin state.

        GFN Hamiltonians have no spin-dependent term: high spin only moves electrons to higher levels (2 eV for Ni).
        Frames are in the lowest spin state, too.
        """
        return first_converged(FALLBACKS, lambda scf: self._result(Atoms(element), scf)).energy_eV

    def close(self) -> None:
        """Nothing to end."""

    def _result(self, atoms: Atoms, scf: dict) -> Result:
        single = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        single.calc = self._calculator(**scf)
        try:
            energy_eV = float(single.get_potential_energy())
        except InputError as error:
            reason = f"tblite refused it: {error}"
            raise LabelFailure("crashed", reason, attempts=1, details=self.details) from error
        except CalculationFailed as error:
            status = "not_converged" if "not converged" in str(error) else "crashed"
            raise LabelFailure(status, str(error), attempts=1, details=self.details) from error
        stress = single.get_stress(voigt=False) if atoms.pbc.all() else np.zeros((3, 3))
        return Result(energy_eV, np.array(single.get_forces()), stress, attempts=1, details={**self.details, **scf})

    def _calculator(self, *, mixer_damping: float, iterations_factor: int) -> TBLite:
        return TBLite(
            method=self.reference.method,
            accuracy=self.reference.accuracy,
            electronic_temperature=self.reference.electronic_temperature_K,
            max_iterations=self.reference.max_iterations * iterations_factor,
            mixer_damping=mixer_damping,
            verbosity=0,
        )
