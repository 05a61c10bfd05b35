"""Density-functional labels by Quantum ESPRESSO's pw.x: its output is read by ASE."""

import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import QuantumEspressoReference
from saltflow.labels.reference.kpoints import GAMMA, kpoint_grid
from saltflow.labels.reference.label import LabelFailure, Processes, Result, Status
from saltflow.labels.reference.net_force import without_net_force
from saltflow.labels.reference.program import run_program
from saltflow.labels.reference.quantum_espresso_input import SAVED, Attempt, write_input
from saltflow.labels.reference.scf_fallbacks import climb
from saltflow.labels.reference.spin import free_atom_unpaired_electrons, unpaired_electrons
from saltflow.labels.reference.upf import Pseudopotential, find_pseudopotentials

WARM = {"file david, mixing 0.7": Attempt("file", "david", mixing=0.7)}
COLD = {
    "atomic david, mixing 0.7": Attempt("atomic", "david", mixing=0.7),
    "atomic david, mixing 0.2": Attempt("atomic", "david", mixing=0.2),
    "atomic cg, mixing 0.1": Attempt("atomic", "cg", mixing=0.1),
}
# A free atom's partly filled shell swaps orbitals from step to step unless its occupation is smeared.
ATOM_SMEARING_K = 300.0


def element_problems(reference: QuantumEspressoReference, elements: Sequence[str]) -> dict[str, str]:
    """Element → what the folder of pseudopotentials lacks for it; SaltflowError if pw.x itself is missing."""
    _check_command(reference)
    return {
        name: problem
        for name, problem in find_pseudopotentials(reference, elements).items()
        if isinstance(problem, str)
    }


def start_backend(reference: QuantumEspressoReference, workdir: Path, processes: Processes) -> "QuantumEspressoBackend":
    """See `QuantumEspressoBackend`."""
    return QuantumEspressoBackend(reference, workdir, processes)


class QuantumEspressoBackend:
    """One run of pw.x per structure, from the density and orbitals of the one before where cell and atoms are its.

    Args:
        workdir: the backend works in a new folder inside.
    """

    def __init__(self, reference: QuantumEspressoReference, workdir: Path, processes: Processes):
        self.reference, self.processes = reference, processes
        self.folder = Path(tempfile.mkdtemp(prefix="pw-", dir=workdir)).resolve()
        self._saved: tuple | None = None

    def compute(self, atoms: Atoms) -> Result:
        """Energy, forces and stress of a periodic structure; raises LabelFailure."""
        pseudopotentials = self._pseudopotentials(atoms)
        valence = {each.element: each.valence_electrons for each in pseudopotentials}
        unpaired = unpaired_electrons(atoms, self.reference, valence_electrons=valence)
        grid = kpoint_grid(atoms.cell.array, spacing_per_A=self.reference.kpoint_spacing_per_A)
        system = (tuple(atoms.numbers), atoms.cell.array.tobytes(), unpaired)
        known = {"kpoints": list(grid), "pseudopotentials": {each.path.name: each.sha256 for each in pseudopotentials}}

        def run(attempt: Attempt) -> Result:
            self._saved = None
            text = write_input(
                self.reference, atoms, pseudopotentials, attempt=attempt, grid=grid, unpaired=unpaired or None
            )
            result = self._run(text, known | asdict(attempt))
            self._saved = system
            return without_net_force(
                result, limit_eV_A=self.reference.net_force_limit_eV_A, remedy="raise cutoff_Ry and density_cutoff_Ry"
            )

        return climb((WARM if system == self._saved else {}) | COLD, run)

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of a spin-polarised atom in its ground-state multiplicity, in a periodic box."""
        box_A = self.reference.isolated_atom_box_A
        atoms = Atoms(element, positions=[[box_A / 2] * 3], cell=[box_A] * 3, pbc=True)
        smearing_K = self.reference.smearing_temperature_K or ATOM_SMEARING_K
        smeared = self.reference.model_copy(update={"smearing_temperature_K": smearing_K})
        unpaired = free_atom_unpaired_electrons(element)

        def run(attempt: Attempt) -> Result:
            pseudopotentials = self._pseudopotentials(atoms)
            text = write_input(smeared, atoms, pseudopotentials, attempt=attempt, grid=GAMMA, unpaired=unpaired)
            return self._run(text, asdict(attempt))

        return climb(COLD, run).energy_eV

    def close(self) -> None:
        """Remove the density and orbitals; inputs and outputs of failed attempts are kept."""
        shutil.rmtree(self.folder / SAVED, ignore_errors=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _pseudopotentials(self, atoms: Atoms) -> list[Pseudopotential]:
        return list(find_pseudopotentials(self.reference, sorted(set(atoms.get_chemical_symbols()))).values())

    def _run(self, text: str, details: dict) -> Result:
        """One run of pw.x; its input and output stay when it fails."""
        (self.folder / "frame.pwi").write_text(text)
        printed = self.folder / "frame.pwo"
        command = f"{self.reference.command} -in frame.pwi"
        limit_s = self.reference.frame_timeout_s
        try:
            run_program(command, folder=self.folder, limit_s=limit_s, processes=self.processes, output=printed.name)
        except LabelFailure as failure:
            self._saved = None
            output = printed.read_text(errors="replace")
            status, reason = _why(output) or (failure.status, failure.reason)
            details = details | {"code": _version(output), "input": text, "output": output[-2000:]}
            raise LabelFailure(status, reason, attempts=1, details=details) from failure
        output = printed.read_text(errors="replace")
        details = details | {"code": _version(output), "input": text}
        result = _read(printed, output, details)
        for name in ("frame.pwi", "frame.pwo"):
            (self.folder / name).unlink()
        return result


def _read(path: Path, output: str, details: dict) -> Result:
    """What pw.x wrote, by ASE's reader."""
    if failure := _why(output):
        raise LabelFailure(*failure, attempts=1, details=details)
    try:
        results = ase.io.read(path, format="espresso-out").calc.results
        energy_eV, forces_eV_A, stress = results["energy"], results["forces"], results["stress"]
    except (AttributeError, IndexError, KeyError, StopIteration, ValueError) as error:
        reason = f"what pw.x printed cannot be read ({type(error).__name__}: {error})"
        raise LabelFailure("crashed", reason, attempts=1, details=details | {"output": output[-2000:]}) from error
    xx, yy, zz, yz, xz, xy = stress
    steps = re.findall(r"convergence has been achieved in\s+(\d+) iterations", output)
    return Result(
        energy_eV=float(energy_eV),
        forces_eV_A=np.array(forces_eV_A),
        stress_eV_A3=np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]),
        attempts=1,
        details=details | {"scf_steps": int(steps[-1])},
    )


def _why(output: str) -> tuple[Status, str] | None:
    """What pw.x says about its failure: status and reason; None when it says nothing of that kind."""
    if match := re.search(r"convergence NOT achieved after\s+(\d+) iterations", output):
        return "not_converged", f"the SCF did not converge in {match[1]} steps"
    if match := re.search(r"%{20,}\n(.*?)%{20,}", output, re.DOTALL):
        return "crashed", f"pw.x stopped: {' '.join(match[1].split())}"
    return None


def _version(output: str) -> str:
    match = re.search(r"Program PWSCF v\.?(\S+)", output)
    return f"Quantum ESPRESSO {match[1]}" if match else "Quantum ESPRESSO"


def _check_command(reference: QuantumEspressoReference) -> None:
    program = next((word for word in shlex.split(reference.command) if "pw" in Path(word).name), None)
    if not program or not shutil.which(program):
        raise SaltflowError(
            f"The program of the reference's command '{reference.command}' is not installed: install Quantum ESPRESSO "
            "(apt-get install quantum-espresso, conda-forge, or a module) or set command to where it is."
        )
