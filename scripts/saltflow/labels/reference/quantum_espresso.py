"""Labels by Quantum ESPRESSO's pw.x; ASE reads its output."""

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
from saltflow.labels.reference.label import LabelFailure, LabelStatus, Processes, Result
from saltflow.labels.reference.net_force import without_net_force
from saltflow.labels.reference.program import run_program
from saltflow.labels.reference.quantum_espresso_input import SAVED, write_input
from saltflow.labels.reference.scf_fallbacks import SCFSettings, first_converged, named
from saltflow.labels.reference.spin import free_atom_unpaired_electrons, unpaired_electrons
from saltflow.labels.reference.upf import Pseudopotential, find_pseudopotentials

WARM = named([SCFSettings("file", "david", mixing=0.7)])
COLD = named(
    [
        SCFSettings("atomic", "david", mixing=0.7),
        SCFSettings("atomic", "david", mixing=0.2),
        SCFSettings("atomic", "cg", mixing=0.1),
    ]
)
# The partly filled shell of a free atom exchanges orbitals between steps unless its occupation is smeared.
ATOM_SMEARING_K = 300.0


def element_problems(reference: QuantumEspressoReference, elements: Sequence[str]) -> dict[str, str]:
    """Element → what the folder of pseudopotentials lacks for it; SaltflowError if pw.x is missing."""
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
    """One run of pw.x per structure, from density and orbitals of the one before if cell and atoms are the same.

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

        def run(scf: SCFSettings) -> Result:
            self._saved = None
            text = write_input(self.reference, atoms, pseudopotentials, scf=scf, grid=grid, unpaired=unpaired or None)
            result = self._run(text, known | asdict(scf))
            self._saved = system
            return without_net_force(
                result, limit_eV_A=self.reference.net_force_limit_eV_A, remedy="raise cutoff_Ry and density_cutoff_Ry"
            )

        return first_converged((WARM if system == self._saved else {}) | COLD, run)

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of a spin-polarised atom in its ground-state multiplicity, in a periodic box."""
        box_A = self.reference.isolated_atom_box_A
        atoms = Atoms(element, positions=[[box_A / 2] * 3], cell=[box_A] * 3, pbc=True)
        smearing_K = self.reference.smearing_temperature_K or ATOM_SMEARING_K
        smeared = self.reference.model_copy(update={"smearing_temperature_K": smearing_K})
        unpaired = free_atom_unpaired_electrons(element)

        def run(scf: SCFSettings) -> Result:
            pseudopotentials = self._pseudopotentials(atoms)
            text = write_input(smeared, atoms, pseudopotentials, scf=scf, grid=GAMMA, unpaired=unpaired)
            return self._run(text, asdict(scf))

        return first_converged(COLD, run).energy_eV

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
            status, reason = _failure_in(output) or (failure.status, failure.reason)
            details = details | {"code": _version(output), "input": text, "output": output[-2000:]}
            raise LabelFailure(status, reason, attempts=1, details=details) from failure
        output = printed.read_text(errors="replace")
        details = details | {"code": _version(output), "input": text}
        result = _read(printed, output, details)
        for name in ("frame.pwi", "frame.pwo"):
            (self.folder / name).unlink()
        return result


def _read(path: Path, output: str, details: dict) -> Result:
    """The result in the output of pw.x."""
    if failure := _failure_in(output):
        raise LabelFailure(*failure, attempts=1, details=details)
    try:
        results = ase.io.read(path, format="espresso-out").calc.results
        energy_eV, forces_eV_A, stress = results["energy"], results["forces"], results["stress"]
    except (AttributeError, IndexError, KeyError, StopIteration, ValueError) as error:
        reason = f"the output of pw.x cannot be read ({type(error).__name__}: {error})"
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


def _failure_in(output: str) -> tuple[LabelStatus, str] | None:
    """Status and reason of a failure that pw.x reports; None where it reports none."""
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
