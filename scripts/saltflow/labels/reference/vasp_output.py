"""Energy, forces and stress from VASP's output, read by pymatgen, in eV and Å with ASE's signs."""

import re
import warnings
from pathlib import Path

import numpy as np
from ase.units import GPa

from saltflow.labels.reference.label import LabelFailure, Result

KBAR = 0.1 * GPa
# A larger deviation of the magnetisation is another electronic state.
SPIN_TOLERANCE = 0.5


def read_result(folder: Path, *, order: np.ndarray, unpaired: int) -> Result:
    """The label in the vasprun.xml of a folder.

    The energy is the free energy: VASP's forces and stress are its derivatives. VASP prints the stress in kBar,
    positive for a cell that wants to expand; ASE's sign is opposite.

    Args:
        order: index in the structure of each atom of the POSCAR.
        unpaired: required number of unpaired electrons.

    Raises:
        LabelFailure: no or broken vasprun.xml, no convergence, wrong spin.
    """
    run = parse(folder / "vasprun.xml")
    details = {"code": f"VASP {run.vasp_version}", "titles": sorted(set(run.potcar_symbols))}
    if not run.ionic_steps or "e_fr_energy" not in run.ionic_steps[-1]:
        raise LabelFailure("crashed", "vasprun.xml holds no finished calculation", attempts=1, details=details)
    step = run.ionic_steps[-1]
    details["scf_steps"] = len(step["electronic_steps"])
    if not run.converged_electronic:
        reason = f"the SCF did not converge in {run.parameters['NELM']} steps"
        raise LabelFailure("not_converged", reason, attempts=1, details=details)
    details["magnetisation_muB"] = _check_spin(folder / "OSZICAR", unpaired, details)
    forces = np.empty((len(order), 3))
    forces[order] = np.array(step["forces"], float)
    return Result(
        energy_eV=float(step["e_fr_energy"]),
        forces_eV_A=forces,
        stress_eV_A3=-KBAR * np.array(step["stress"], float),
        attempts=1,
        details=details,
    )


def parse(path: Path):
    """A vasprun.xml as pymatgen reads it; raises LabelFailure where it cannot."""
    from pymatgen.io.vasp.outputs import Vasprun

    if not path.is_file():
        raise LabelFailure("crashed", "VASP left no vasprun.xml", attempts=1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about convergence, which is checked here
            return Vasprun(path, parse_dos=False, parse_eigen=False, parse_potcar_file=False)
    except Exception as error:  # pymatgen raises anything for a broken file
        reason = f"vasprun.xml cannot be read: {type(error).__name__}: {error}"
        raise LabelFailure("crashed", reason, attempts=1) from error


def _check_spin(path: Path, unpaired: int, details: dict) -> float:
    """The magnetisation of the last line of OSZICAR; 0 where the run was not spin-polarised."""
    found = re.findall(r"mag=\s*(-?[\d.]+(?:[eE][-+]?\d+)?)", path.read_text()) if path.is_file() else []
    magnetisation = float(found[-1]) if found else 0.0
    if abs(abs(magnetisation) - unpaired) > SPIN_TOLERANCE:
        reason = f"the magnetisation is {magnetisation:g} μB where {unpaired} electrons are unpaired"
        raise LabelFailure("wrong_spin", reason, attempts=1, details=details)
    return magnetisation
