"""Labels by a universal potential, or any other ASE calculator."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ase import Atoms

from saltflow.campaign.settings.references import UniversalReference
from saltflow.labels.reference.child_backend import ChildBackend
from saltflow.labels.reference.label import Processes, Result
from saltflow.potentials.universal.atomic_energies import fitted_energy_eV, own_energy_eV
from saltflow.potentials.universal.environment import find_python
from saltflow.potentials.universal.evaluator import start_evaluator


def element_problems(reference: UniversalReference, elements: Sequence[str]) -> dict[str, str]:
    """Element → why the potential is no reference for it; SaltflowError if its Python is missing."""
    find_python(reference)
    return {
        element: f"{reference.method} has not learned {element}; choose another reference for it"
        for element in reference.lacks(elements)
    }


def start_backend(reference: UniversalReference, workdir: Path, processes: Processes) -> "UniversalChild":
    """The potential in a process of its own: off the network, killed at the time limit, in its own environment."""
    return UniversalChild(reference, processes)


class UniversalChild(ChildBackend):
    """A potential in a child, which starts with the first structure: E0s that the reference gives need none."""

    def __init__(self, reference: UniversalReference, processes: Processes):
        self.reference = reference
        super().__init__(
            partial(UniversalBackend, reference),
            name=reference.method,
            limit_s=reference.frame_timeout_s,
            python=find_python(reference),
            environment={"OMP_NUM_THREADS": str(processes.threads)},
        )

    def isolated_atom(self, element: str) -> float:
        """Energy in eV per atom of an element, by `atomic_energies` of the reference; never of one atom in a box."""
        given = self.reference.atomic_energies
        return super().isolated_atom(element) if isinstance(given, str) else given[element]


class UniversalBackend:
    """Labels by an ASE calculator, each by itself, so that their order does not matter."""

    def __init__(self, reference: UniversalReference):
        self.reference = reference
        self.evaluator = start_evaluator(reference)
        self.details = {"code": f"{reference.package} {reference.version}", "method": reference.method}

    def compute(self, atoms: Atoms) -> Result:
        """Energy, forces and stress of a periodic structure."""
        return Result(*self.evaluator.evaluate(atoms), attempts=1, details=self.details)

    def isolated_atom(self, element: str) -> float:
        """Energy in eV per atom of an element; see `own_energy_eV` and `fitted_energy_eV`."""
        if self.reference.atomic_energies == "own":
            return own_energy_eV(self.evaluator.calculator, element)
        return fitted_energy_eV(lambda crystal: self.compute(crystal).energy_eV, element)

    def close(self) -> None:
        """Nothing to end."""
