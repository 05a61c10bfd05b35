"""Labels by GPAW in plane waves, through its ASE interface."""

import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.units import kB

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import GpawReference
from saltflow.labels.reference.child_backend import ChildBackend
from saltflow.labels.reference.d3_correction import with_dispersion
from saltflow.labels.reference.kpoints import GAMMA, Grid, kpoint_grid
from saltflow.labels.reference.label import LabelFailure, Processes, Result
from saltflow.labels.reference.net_force import without_net_force
from saltflow.labels.reference.scf_fallbacks import first_converged
from saltflow.labels.reference.spin import free_atom_unpaired_electrons, spin_problem, unpaired_electrons

if TYPE_CHECKING:
    from gpaw.new.ase_interface import ASECalculator

# Functional of the settings → GPAW's name; r²SCAN comes from libxc.
_FUNCTIONALS = {"PBE": "PBE", "r2SCAN": "MGGA_X_R2SCAN+MGGA_C_R2SCAN"}
# The partly filled shell of a free atom exchanges orbitals between steps unless its occupation is smeared.
ATOM_SMEARING_K = 300.0


# Weight of the new density in Pulay mixing; None for GPAW's default.
FALLBACKS: dict[str, float | None] = {"mixing of GPAW": None, "mixing 0.05": 0.05, "mixing 0.02": 0.02}


def element_problems(reference: GpawReference, elements: Sequence[str]) -> dict[str, str]:
    """Element → why GPAW has no setup for it; SaltflowError if GPAW is missing."""
    _configure(reference)
    return {name: problem for name in elements if (problem := _problem(reference, name))}


def start_backend(reference: GpawReference, workdir: Path, processes: Processes) -> ChildBackend:
    """GPAW in a process that can be killed: a library call has no time limit."""
    return ChildBackend(partial(GpawBackend, reference, workdir), name="GPAW", limit_s=reference.frame_timeout_s)


class GpawBackend:
    """Structures one after another, from the wavefunctions of the one before if cell and atoms are the same."""

    def __init__(self, reference: GpawReference, workdir: Path):
        _configure(reference)
        _generate_datasets(reference, workdir / "datasets")
        self.reference = reference
        self.log = workdir / "gpaw.txt"
        self._calculator: ASECalculator | None = None
        self._system: tuple | None = None

    def compute(self, atoms: Atoms) -> Result:
        """Energy, forces and stress of a periodic structure; raises LabelFailure."""
        grid = kpoint_grid(atoms.cell.array, spacing_per_A=self.reference.kpoint_spacing_per_A)
        valence = _valence_electrons(atoms)
        unpaired = unpaired_electrons(atoms, self.reference, valence_electrons=valence)
        known = {"kpoints": list(grid), "valence_electrons": valence}
        single = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
        single.set_initial_magnetic_moments([self.reference.unpaired_electrons.get(each, 0) for each in atoms.symbols])
        system = (tuple(atoms.numbers), atoms.cell.array.tobytes())
        warm = system == self._system

        def cold(mixing: float | None) -> Result:
            self._calculator = _calculator(self.reference, self.log, grid=grid, unpaired=unpaired, mixing=mixing)
            return self._result(single, known | {"guess": "atomic", "mixing": mixing})

        def run(scf: float | str | None) -> Result:
            self._system = None
            if scf == "restart":
                result = self._result(single, known | {"guess": "restart", "mixing": None})
            else:
                result = cold(scf)
            self._system = system
            return result

        return first_converged(({"restart": "restart"} if warm else {}) | FALLBACKS, run)

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of a spin-polarised atom in its ground-state multiplicity, in a periodic box."""
        box_A = self.reference.isolated_atom_box_A
        smearing_K = self.reference.smearing_temperature_K or ATOM_SMEARING_K
        smeared = self.reference.model_copy(update={"smearing_temperature_K": smearing_K})
        unpaired = free_atom_unpaired_electrons(element)
        atoms = Atoms(element, positions=[[box_A / 2] * 3], cell=[box_A] * 3, pbc=True)
        atoms.set_initial_magnetic_moments([unpaired])

        def run(mixing: float | None) -> Result:
            calculator = _calculator(smeared, self.log, grid=GAMMA, unpaired=unpaired, mixing=mixing)
            return _converged(calculator, atoms, max_scf=self.reference.max_scf)

        return first_converged(FALLBACKS, run).energy_eV

    def close(self) -> None:
        """Drop the wavefunctions."""
        self._calculator = None
        self.log.unlink(missing_ok=True)

    def _result(self, atoms: Atoms, details: dict) -> Result:
        result = _converged(self._calculator, atoms, max_scf=self.reference.max_scf)
        result.details.update(details, parameters=_recorded(self._calculator))
        if self.reference.dispersion == "D3(BJ)":
            result = with_dispersion(result, atoms, functional=self.reference.functional)
        return without_net_force(result, limit_eV_A=self.reference.net_force_limit_eV_A, remedy="raise cutoff_eV")


def _calculator(
    reference: GpawReference, log: Path, *, grid: Grid, unpaired: int, mixing: float | None
) -> "ASECalculator":
    from gpaw import GPAW

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about libxc's build, for functionals that are not used
        return GPAW(
            mode={"name": "pw", "ecut": reference.cutoff_eV},
            xc=_FUNCTIONALS[reference.functional],
            kpts={"size": grid, "gamma": True},
            # The symmetry of the first frame would be imposed on the next.
            symmetry={"point_group": False},
            occupations=_occupations(reference.smearing_temperature_K, polarised=unpaired > 0),
            spinpol=unpaired > 0,
            convergence={"density": reference.density_tolerance, "eigenstates": 4 * reference.density_tolerance**2},
            mixer={} if mixing is None else {"beta": mixing},
            maxiter=reference.max_scf,
            txt=str(log),
        )


def _converged(calculator: "ASECalculator", atoms: Atoms, *, max_scf: int) -> Result:
    """The converged result, without dispersion and with the net force."""
    from gpaw import KohnShamConvergenceError

    details = {"code": _version()}
    try:
        for step in calculator.icalculate(atoms):
            details["scf_steps"] = step.niter
        xx, yy, zz, yz, xz, xy = calculator.get_property("stress", atoms)
        forces_eV_A = np.array(calculator.get_property("forces", atoms))
    except KohnShamConvergenceError as error:
        reason = f"the SCF did not converge in {max_scf} steps"
        raise LabelFailure("not_converged", reason, attempts=1, details=details) from error
    return Result(
        energy_eV=float(calculator.get_property("free_energy", atoms)),
        forces_eV_A=forces_eV_A,
        stress_eV_A3=np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]),
        attempts=1,
        details=details,
    )


def _configure(reference: GpawReference) -> None:
    """Import GPAW and set the path of its setups."""
    try:
        import gpaw
    except ImportError as error:
        raise SaltflowError(
            f"GPAW is not installed in the Python of this job ({error}); install it (docs/choose-a-reference.md), "
            "or choose another reference."
        ) from error
    if reference.data_path and Path(reference.data_path).expanduser() not in map(Path, gpaw.setup_paths):
        gpaw.setup_paths.insert(0, Path(reference.data_path).expanduser())


def _generate_datasets(reference: GpawReference, folder: Path) -> None:
    """Generate datasets by GPAW, in seconds each, and put their folder first in the search path."""
    import gpaw

    folder.mkdir(exist_ok=True)
    for element, electrons in reference.generated_datasets.items():
        words = ["dataset", element, "--electrons", str(electrons), "--xc-functional", "PBE", "--write"]
        made = subprocess.run([sys.executable, "-m", "gpaw", *words], cwd=folder, capture_output=True, text=True)
        if made.returncode != 0:
            message = (made.stderr.strip().splitlines() or ["no message"])[-1]
            raise SaltflowError(
                f"GPAW did not generate the dataset of {element} with {electrons} electrons (gpaw {' '.join(words)}: "
                f"{message}); correct generated_datasets of the reference."
            )
    gpaw.setup_paths.insert(0, folder)


def _problem(reference: GpawReference, element: str) -> str | None:
    if problem := spin_problem(reference, element):
        return problem
    if electrons := reference.generated_datasets.get(element):
        return _generator_problem(element, electrons)
    if _setup(element) is None:
        import gpaw

        folders = ", ".join(map(str, gpaw.setup_paths)) or "any folder"
        return f"GPAW has no PBE setup for {element} in {folders}; install gpaw-data or set data_path of the reference"
    return None


def _generator_problem(element: str, electrons: int) -> str | None:
    from gpaw.atom.generator2 import parameters

    if f"{element}{electrons}" in parameters:
        return None
    known = ", ".join(name.removeprefix(element) for name in parameters if name.rstrip("0123456789") == element)
    return (
        f"GPAW's generator has no dataset of {element} with {electrons} valence electrons ({known or 'none'}); correct "
        "generated_datasets"
    )


def _setup(element: str) -> Path | None:
    """The PBE dataset of an element, also for r²SCAN."""
    import gpaw

    paths = (Path(folder) / f"{element}.PBE{suffix}" for folder in gpaw.setup_paths for suffix in (".gz", ""))
    return next((path for path in paths if path.is_file()), None)


def _valence_electrons(atoms: Atoms) -> Mapping[str, float]:
    from gpaw.setup_data import SetupData

    return {element: float(SetupData(element, "PBE").Nv) for element in sorted(set(atoms.get_chemical_symbols()))}


def _occupations(smearing_K: float | None, *, polarised: bool) -> dict:
    if smearing_K is None:
        return {"name": "fixed-uniform"}
    return {"name": "fermi-dirac", "width": kB * smearing_K, "fixmagmom": polarised}


def _recorded(calculator) -> dict:
    """The parameters of GPAW, JSON-able."""
    return {name: repr(value) for name, value in calculator.params.todict().items()}


def _version() -> str:
    import gpaw

    return f"GPAW {gpaw.__version__}"
