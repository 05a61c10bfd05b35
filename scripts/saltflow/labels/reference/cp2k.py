"""Labels by CP2K: ASE's interface to cp2k_shell with a complete input."""

import itertools
import re
import shlex
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.cp2k import CP2K

from saltflow.base.child_process import bound_program
from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import Cp2kReference
from saltflow.labels.reference.cp2k_data import data_folder, find_kinds
from saltflow.labels.reference.cp2k_input import WAVEFUNCTION, write_input
from saltflow.labels.reference.kpoints import GAMMA, Grid, kpoint_grid
from saltflow.labels.reference.label import LabelFailure, Processes, Result
from saltflow.labels.reference.net_force import without_net_force
from saltflow.labels.reference.program import fill_command, kill_group
from saltflow.labels.reference.scf_fallbacks import SCFSettings, first_converged, named
from saltflow.labels.reference.spin import free_atom_unpaired_electrons, unpaired_electrons

# Sections that ASE would write; the input here is complete.
_NOTHING_FROM_ASE = {
    "basis_set": None,
    "basis_set_file": None,
    "cutoff": None,
    "force_eval_method": None,
    "max_scf": None,
    "poisson_solver": None,
    "potential_file": None,
    "print_level": None,
    "pseudo_potential": None,
    "stress_tensor": False,
    "xc": None,
}
# Raised by ASE's interface when the shell dies or gives an unexpected answer.
_SHELL_ERRORS = (AssertionError, ValueError, OSError, RuntimeError)

# A cold start converges best by diagonalisation, a warm start by orbital transformation, which cannot smear.
WARM = SCFSettings("restart", "ot", mixing=0.2)
COLD = (
    SCFSettings("atomic", "diagonalisation", mixing=0.2),
    SCFSettings("atomic", "ot", mixing=0.2),
    SCFSettings("atomic", "diagonalisation", mixing=0.05),
)
SMEARED_WARM = SCFSettings("restart", "diagonalisation", mixing=0.2)
SMEARED_COLD = (COLD[0], COLD[2])


def element_problems(reference: Cp2kReference, elements: Sequence[str]) -> dict[str, str]:
    """Element → what the installation lacks for it; SaltflowError if CP2K is missing."""
    return {name: kind for name, kind in find_kinds(reference, elements).items() if isinstance(kind, str)}


def start_backend(reference: Cp2kReference, workdir: Path, processes: Processes) -> "Cp2kBackend":
    """CP2K, running and ready; see `Cp2kBackend`."""
    return Cp2kBackend(reference, workdir, processes)


class Cp2kBackend:
    """One CP2K process that labels structures one after another, each from the wavefunction of the one before.

    Each structure gets its own force environment: grids follow its cell, and the label depends on the structure alone
    (to the SCF tolerance).

    Args:
        workdir: each process works in a new folder inside, apart from processes that a killed job left behind.

    Raises:
        SaltflowError: CP2K does not start.
    """

    def __init__(self, reference: Cp2kReference, workdir: Path, processes: Processes = Processes()):  # noqa: B008 - frozen
        self.reference, self.processes = reference, processes
        self.folder = Path(tempfile.mkdtemp(prefix="cp2k-", dir=workdir)).resolve()
        self._calculator: CP2K | None = None
        self._wavefunction_of: tuple | None = None
        self._runs = 0
        try:
            self._start()
        except _SHELL_ERRORS as error:
            raise SaltflowError(
                f"CP2K does not start by '{reference.command}': run the command in a terminal; it must "
                "answer '* READY'."
            ) from error

    def compute(self, atoms: Atoms) -> Result:
        """Energy, forces and stress of a periodic structure; raises LabelFailure."""
        kinds = self._kinds(atoms)
        valence = {kind.element: kind.valence_electrons for kind in kinds}
        multiplicity = unpaired_electrons(atoms, self.reference, valence_electrons=valence) + 1
        grid = kpoint_grid(atoms.cell.array, spacing_per_A=self.reference.kpoint_spacing_per_A)
        system = (tuple(atoms.numbers), multiplicity, grid)

        def run(scf: SCFSettings) -> Result:
            self._wavefunction_of = None
            text = write_input(self.reference, kinds, scf=scf, multiplicity=multiplicity, grid=grid)
            calculator, details = self._run(atoms, text)
            self._wavefunction_of = system
            return self._result(calculator, {**details, **asdict(scf), "kpoints": list(grid)})

        return first_converged(named(self._fallbacks(grid, warm=system == self._wavefunction_of)), run)

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of a spin-polarised atom in its ground-state multiplicity, in a periodic box."""
        box_A = self.reference.isolated_atom_box_A
        atoms = Atoms(element, positions=[[box_A / 2] * 3], cell=[box_A] * 3, pbc=True)
        kinds = self._kinds(atoms)
        unpaired = free_atom_unpaired_electrons(element)
        # Partly filled p and d shells exchange orbitals between steps unless the occupation is smeared.
        smeared = self.reference.model_copy(
            update={
                "smearing_temperature_K": self.reference.smearing_temperature_K or 300.0,
                "unpaired_electrons": {element: unpaired},
            }
        )

        def run(scf: SCFSettings) -> Result:
            text = write_input(smeared, kinds, scf=scf, multiplicity=unpaired + 1, grid=GAMMA)
            calculator, details = self._run(atoms, text)
            return self._result(calculator, details)

        return first_converged(named(SMEARED_COLD), run).energy_eV

    def close(self) -> None:
        """Kill the process."""
        if self._calculator is not None:
            self._stop()
        (self.folder / WAVEFUNCTION).unlink(missing_ok=True)
        with suppress(OSError):  # files of failed attempts are kept
            self.folder.rmdir()

    def _stop(self) -> None:
        shell = self._calculator._shell
        if shell is not None:
            kill_group(shell._child.pid)
            shell.isready = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # ASE warns that it ends a busy shell
            self._calculator.close()
        self._calculator = None
        self._wavefunction_of = None

    def _start(self) -> None:
        """Start the shell in its own folder and process group (CP2K cuts paths at 80 characters)."""
        data = shlex.quote(f"CP2K_DATA_DIR={data_folder(self.reference)}")
        threads = f"OMP_NUM_THREADS={self.processes.threads}"
        command = shlex.join(
            bound_program(["sh", "-c", f"exec {fill_command(self.reference.command, self.processes)}"])
        )
        self._calculator = CP2K(
            label="frame",
            command=f"cd {shlex.quote(str(self.folder))} && exec env {data} {threads} setsid {command}",
            **_NOTHING_FROM_ASE,
        )

    def _fallbacks(self, grid: Grid, *, warm: bool) -> tuple[SCFSettings, ...]:
        """Orbital transformation can neither smear nor sample k-points."""
        if self.reference.smearing_temperature_K or grid != GAMMA:
            return (SMEARED_WARM, *SMEARED_COLD) if warm else SMEARED_COLD
        return (WARM, *COLD) if warm else COLD

    def _kinds(self, atoms: Atoms):
        return list(find_kinds(self.reference, sorted(set(atoms.get_chemical_symbols()))).values())

    def _run(self, atoms: Atoms, text: str) -> tuple[CP2K, dict]:
        """One run in a fresh force environment, killed at the time limit."""
        self._runs += 1
        name = f"run{self._runs}"
        timed_out = threading.Event()
        try:
            if self._calculator is None:
                self._start()
            calculator = self._calculator
            calculator.label = name
            calculator.set(inp=text)
            calculator.reset()
            with _time_limit(calculator._shell._child.pid, self.reference.frame_timeout_s, timed_out):
                calculator.calculate(atoms, ["energy", "forces", "stress"])
        except _SHELL_ERRORS as error:
            if self._calculator is not None:
                self._stop()
            raise self._failure(name, timed_out.is_set()) from error
        output = self._read(f"{name}.out")
        details = {"code": _version(output), "input": self._read(f"{name}.inp")}
        if "SCF run NOT converged" in output or "SCF run converged" not in output:
            reason = f"the SCF did not converge in {self.reference.max_scf} steps"
            raise LabelFailure("not_converged", reason, attempts=1, details=details)
        for suffix in (".inp", ".out"):
            (self.folder / f"{name}{suffix}").unlink()
        details["scf_steps"] = int(re.findall(r"SCF run converged in\s+(\d+) steps", output)[-1])
        return calculator, details

    def _result(self, calculator: CP2K, details: dict) -> Result:
        xx, yy, zz, yz, xz, xy = calculator.results["stress"]
        result = Result(
            energy_eV=float(calculator.results["energy"]),
            forces_eV_A=np.array(calculator.results["forces"]),
            stress_eV_A3=np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]),
            attempts=1,
            details=details,
        )
        return without_net_force(result, limit_eV_A=self.reference.net_force_limit_eV_A, remedy="raise cutoff_Ry")

    def _failure(self, name: str, timed_out: bool) -> LabelFailure:
        output = self._read(f"{name}.out")
        details = {"code": _version(output), "input": self._read(f"{name}.inp"), "output": output[-2000:]}
        if timed_out:
            reason = f"no result within {self.reference.frame_timeout_s:g} s (frame_timeout_s)"
            return LabelFailure("timeout", reason, attempts=1, details=details)
        if "SCF run NOT converged" in output:
            reason = f"the SCF did not converge in {self.reference.max_scf} steps"
            return LabelFailure("not_converged", reason, attempts=1, details=details)
        return LabelFailure("crashed", f"CP2K stopped: {_abort_message(output)}", attempts=1, details=details)

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(errors="replace") if path.is_file() else ""


@contextmanager
def _time_limit(group: int, seconds: float, timed_out: threading.Event) -> Iterator[None]:
    """Kill a process group and set `timed_out` when the block takes longer than `seconds`."""

    def stop() -> None:
        timed_out.set()
        kill_group(group)

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _version(output: str) -> str:
    match = re.search(r"CP2K\| version string:\s*(.+?)\s*$", output, re.MULTILINE)
    return match[1] if match else "CP2K"


def _abort_message(output: str) -> str:
    """The sentence inside the box that CP2K prints when it stops; its first columns are a drawing."""
    lines = output.splitlines()
    aborts = [number for number, line in enumerate(lines) if line.startswith(" * [ABORT]")]
    if not aborts:
        return "it ended without a message"
    box = itertools.takewhile(lambda line: not line.startswith(" ***"), lines[aborts[-1] :])
    return " ".join(" ".join(line[11:].rstrip(" *").split()) for line in box).strip()
