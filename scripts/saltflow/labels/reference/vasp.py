"""Labels by the user's VASP: one run per frame, each from the wavefunction of the one before.

POTCAR files are licensed to the user: they are joined from the library for a run and deleted after it. Products keep
titles and hashes.
"""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import VaspReference
from saltflow.labels.reference.label import LabelFailure, Processes, Result
from saltflow.labels.reference.net_force import without_net_force
from saltflow.labels.reference.program import run_program
from saltflow.labels.reference.scf_fallbacks import first_converged
from saltflow.labels.reference.spin import free_atom_unpaired_electrons, spin_problem, unpaired_electrons
from saltflow.labels.reference.vasp_input import COLD, WARM, Inputs, potcar_symbol, write_inputs
from saltflow.labels.reference.vasp_output import read_result
from saltflow.labels.reference.vasp_potcar import Potcar, find_potcar, joined

# Settings of the input set, then conjugate gradients, then weak linear mixing.
FALLBACKS = {
    "cold, as the input set": COLD,
    "cold, ALGO All": {**COLD, "ALGO": "All"},
    "cold, linear mixing 0.1": {**COLD, "ALGO": "Normal", "AMIX": 0.1, "BMIX": 0.0001},
}
PREFIX = "vasp-"


def element_problems(reference: VaspReference, elements: Sequence[str]) -> dict[str, str]:
    """Element → what the settings or the POTCAR library lack for it; SaltflowError without a library."""
    found = {element: _element(reference, element) for element in elements}
    return {element: problem for element, problem in found.items() if isinstance(problem, str)}


def start_backend(reference: VaspReference, workdir: Path, processes: Processes) -> "VaspBackend":
    """A folder for VASP's files; POTCARs left behind by killed jobs are deleted first."""
    for forgotten in workdir.glob(f"{PREFIX}*/POTCAR"):
        forgotten.unlink()
    return VaspBackend(reference, workdir, processes)


class VaspBackend:
    """One run of VASP per structure, from the wavefunction of the one before if the atoms are the same."""

    def __init__(self, reference: VaspReference, workdir: Path, processes: Processes):
        self.reference, self.processes = reference, processes
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=workdir)).resolve()
        self._wavefunction_of: tuple | None = None

    def compute(self, atoms: Atoms) -> Result:
        """Energy, forces and stress of a periodic structure; raises LabelFailure."""
        valence = {each: _element(self.reference, each).valence_electrons for each in set(atoms.symbols)}
        unpaired = unpaired_electrons(atoms, self.reference, valence_electrons=valence)
        system = (tuple(atoms.numbers), unpaired)
        warm = {"warm": WARM} if system == self._wavefunction_of else {}
        result = first_converged({**warm, **FALLBACKS}, partial(self._run, atoms, unpaired))
        self._wavefunction_of = system
        return without_net_force(result, limit_eV_A=self.reference.net_force_limit_eV_A, remedy="raise ENCUT")

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of an atom in its ground-state multiplicity, at Γ in a box without symmetry."""
        edge_A = self.reference.isolated_atom_box_A
        atoms = Atoms(element, cell=[edge_A, edge_A + 0.4, edge_A + 0.8], pbc=True)
        atoms.center()
        self._wavefunction_of = None
        unpaired = free_atom_unpaired_electrons(element)
        return first_converged(FALLBACKS, partial(self._run, atoms, unpaired, free_atom=True)).energy_eV

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, atoms: Atoms, unpaired: int, scf: dict, *, free_atom: bool = False) -> Result:
        inputs = write_inputs(self.reference, atoms, unpaired=unpaired, scf=scf, free_atom=free_atom)
        potcars = [_found(self.reference, symbol) for symbol in inputs.symbols]
        details = {"code": "VASP", "input": inputs.incar, "potcars": [potcar.published for potcar in potcars]}
        try:
            with self._files(inputs, potcars, keep_wavefunction=scf.get("ISTART") == 1):
                run_program(
                    self.reference.command,
                    folder=self.folder,
                    limit_s=self.reference.frame_timeout_s,
                    processes=self.processes,
                )
                result = read_result(self.folder, order=inputs.order, unpaired=unpaired)
        except LabelFailure as failure:
            self._wavefunction_of = None
            failure.details = {**details, **failure.details}
            raise
        return replace(result, details={**details, **result.details})

    @contextmanager
    def _files(self, inputs: Inputs, potcars: Sequence[Potcar], *, keep_wavefunction: bool):
        """The inputs of a run in an otherwise empty folder; the POTCAR exists only during the run."""
        for path in self.folder.iterdir():
            if not (keep_wavefunction and path.name == "WAVECAR"):
                path.unlink()
        (self.folder / "INCAR").write_text(inputs.incar)
        (self.folder / "POSCAR").write_text(inputs.poscar)
        licensed = self.folder / "POTCAR"
        try:
            licensed.touch(mode=0o600)
            licensed.write_text(joined(potcars))
            yield
        finally:
            licensed.unlink(missing_ok=True)


def _element(reference: VaspReference, element: str) -> Potcar | str:
    if problem := spin_problem(reference, element):
        return problem
    symbol = potcar_symbol(reference, element)
    if symbol is None:
        return f"{reference.input_set} has no POTCAR for {element}; name one in potcars of the reference"
    return find_potcar(reference, symbol)


def _found(reference: VaspReference, symbol: str) -> Potcar:
    potcar = find_potcar(reference, symbol)
    if isinstance(potcar, str):
        raise SaltflowError(f"{potcar}: it was there at the start of the chunk; restore the library.")
    return potcar
