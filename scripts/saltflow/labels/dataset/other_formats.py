"""Read labelled frames of other programs: extended XYZ, VASP's vasprun.xml, OUTCAR and ML_AB, ASE databases."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import ase.db
import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import DensityFunctionalReference, Reference
from saltflow.labels.dataset.ml_ab import is_ml_ab, read_ml_ab
from saltflow.labels.frames import read_frames
from saltflow.labels.reference.vasp_output import KBAR
from saltflow.materials.frame_info import FrameInfo

Tags = dict[str, str]
TAGS = ("PSTRESS", "IVDW", "GGA", "METAGGA", "LDAU")
UNSET = ("", "--", "F", "NONE")
# The labels of a frame → the names that ASE's calculators have for them.
LABELS = {
    FrameInfo.reference_energy_eV: "energy",
    FrameInfo.reference_forces_eV_A: "forces",
    FrameInfo.reference_stress_eV_A3: "stress",
}


def read_labelled(path: Path, reference: Reference) -> list[Atoms]:
    """The labelled frames of a file.

    The energy is that of which the forces are derivatives (VASP's free energy). The method in the file must be that of
    the declared reference.

    Raises:
        SaltflowError: unknown format, broken file or another method.
    """
    if not path.is_file():
        raise SaltflowError(f"The labelled set {path} does not exist; correct its path.")
    reader = _reader(path)
    try:
        return reader(path, reference)
    except SaltflowError:
        raise
    except Exception as error:  # parsers raise anything for a file of another kind
        raise SaltflowError(f"{path} cannot be read: {type(error).__name__}: {error}.") from error


def _reader(path: Path):
    name = path.name.lower()
    for pattern, reader in ((r".*\.(ext)?xyz", _extxyz), (r".*\.db", _database), (r".*\.xml", _vasprun)):
        if re.fullmatch(pattern, name):
            return reader
    if "outcar" in name:
        return _outcar
    if is_ml_ab(path):
        return lambda path, reference: read_ml_ab(path)  # says nothing of its functional
    raise SaltflowError(f"{path}: only extended XYZ, vasprun.xml, OUTCAR, ML_AB and ASE's .db files can be imported.")


def _extxyz(path: Path, reference: Reference) -> list[Atoms]:
    return [_from_calculator(atoms) for atoms in read_frames(path)]


def _database(path: Path, reference: Reference) -> list[Atoms]:
    with ase.db.connect(path) as database:
        rows = list(database.select())
    return [_from_calculator(row.toatoms(add_additional_information=False), row.key_value_pairs) for row in rows]


def _from_calculator(atoms: Atoms, more: Mapping[str, object] = MappingProxyType({})) -> Atoms:
    """A frame with its labels, from MACE's keys or from the calculator of ASE's reader.

    Args:
        more: key–value pairs of a database.
    """
    found = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    FrameInfo.of(found).copy({**more, **FrameInfo.of(atoms).as_dict()})
    for key, quantity in LABELS.items():
        value = FrameInfo.partial(atoms if key.per_atom else found).read(key)
        FrameInfo.of(found).set(**{key.name: _calculated(atoms, quantity) if value is None else value})
    return found


def _calculated(atoms: Atoms, name: str) -> float | np.ndarray | None:
    if atoms.calc is None:
        return None
    try:
        if name == "energy":
            return atoms.get_potential_energy(force_consistent="free_energy" in atoms.calc.results)
        return getattr(atoms, f"get_{name}")()
    except PropertyNotImplementedError:
        return None


def _vasprun(path: Path, reference: Reference) -> list[Atoms]:
    from pymatgen.io.ase import AseAtomsAdaptor

    from saltflow.labels.reference.vasp_output import parse

    run = parse(path)
    tags = {**run.parameters, **run.incar}
    _check_method(path, reference, {key: str(tags.get(key, "")) for key in TAGS})
    frames = []
    for number, step in enumerate(run.ionic_steps, start=1):
        if len(step["electronic_steps"]) >= run.parameters["NELM"]:
            raise SaltflowError(f"{path}: the SCF of step {number} did not converge; remove that step.")
        atoms = AseAtomsAdaptor.get_atoms(step["structure"], msonable=False)
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        labels = {
            "reference_energy_eV": step["e_fr_energy"],
            "reference_forces_eV_A": step["forces"],
            "reference_stress_eV_A3": -KBAR * np.array(step["stress"], float),
        }
        frames.append(FrameInfo.of(frame).set(**labels))
    return frames


def _outcar(path: Path, reference: Reference) -> list[Atoms]:
    text = path.read_text(errors="replace")
    tags = {key: re.findall(rf"^\s*{key}\s*=\s*(\S+)", text, re.MULTILINE) for key in TAGS}
    _check_method(path, reference, {key: values[-1] if values else "" for key, values in tags.items()})
    frames = [_from_calculator(atoms) for atoms in ase.io.read(path, index=":", format="vasp-out")]
    converged = text.count("aborting loop because EDIFF is reached")
    if converged < len(frames):
        raise SaltflowError(f"{path}: the SCF of {len(frames) - converged} of {len(frames)} steps did not converge.")
    return frames


def _check_method(path: Path, reference: Reference, tags: Tags) -> None:
    """Make sure that the functional in VASP's files is the declared one."""
    if tags["PSTRESS"] and abs(float(tags["PSTRESS"])) > 0:
        raise SaltflowError(
            f"{path} was made with PSTRESS = {tags['PSTRESS']}: energies and stresses include it and cannot be labels."
        )
    dispersion = {"": "none", "0": "none", "12": "D3(BJ)"}.get(tags["IVDW"], f"IVDW = {tags['IVDW']}")
    by_functional = isinstance(reference, DensityFunctionalReference)  # a universal potential only learned from one
    declared = (reference.functional if by_functional else reference.method, reference.dispersion)
    if (_functional(tags), dispersion) != declared:
        raise SaltflowError(
            f"{path} holds labels of {_functional(tags)} with dispersion {dispersion}, but is declared as "
            f"{declared[0]} with {declared[1]}: declare the reference that made it."
        )


def _functional(tags: Tags) -> str:
    """The functional in the words of the settings, from VASP's GGA, METAGGA (sometimes truncated) and LDAU."""
    name = tags["METAGGA"].upper()
    if name.startswith("R2SCA"):
        name = "r2SCAN"
    elif name in UNSET:
        gradient = tags["GGA"].upper()
        name = "PBE" if gradient in UNSET or gradient == "PE" else f"GGA = {tags['GGA']}"
    return name + " + U" * (tags["LDAU"].upper() in ("T", "TRUE", ".TRUE."))
