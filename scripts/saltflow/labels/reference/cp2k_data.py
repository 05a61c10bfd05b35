"""Basis sets and potentials of an installed CP2K, read from its data files."""

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import Cp2kReference
from saltflow.labels.reference.spin import spin_problem

# "Li GTH-PBE-q3 GTH-PBE" or "Cl DZVP-MOLOPT-SR-GTH DZVP-MOLOPT-SR-GTH-q7": an element and its aliases.
ENTRY = re.compile(r"^\s*([A-Z][a-z]?)\s+([A-Za-z]\S*(?:\s+[A-Za-z]\S*)*)\s*$")


@dataclass(frozen=True)
class Cp2kKind:
    """CP2K's KIND of one element, by full names of basis and potential."""

    element: str
    basis: str
    potential: str
    potential_file: str
    valence_electrons: int


def data_folder(reference: Cp2kReference) -> Path:
    """The data folder of the installation.

    `data_path` of the settings, else $CP2K_DATA_DIR, else share/cp2k beside the program (Debian) or
    share/cp2k/data (conda-forge).

    Raises:
        SaltflowError: the program or its data folder is missing.
    """
    prefix = _installation(reference.command)
    explicit = reference.data_path or os.environ.get("CP2K_DATA_DIR")
    candidates = [Path(explicit)] if explicit else [prefix / "share/cp2k/data", prefix / "share/cp2k"]
    for folder in candidates:
        if (folder / reference.potential_file).is_file():
            return folder
    raise SaltflowError(
        f"CP2K's data file {reference.potential_file} is not in {' or '.join(map(str, candidates))}: "
        "install the data files (cp2k-data) or set data_path of the reference."
    )


def _installation(command: str) -> Path:
    program = next((word for word in shlex.split(command) if "cp2k" in Path(word).name), None)
    found = program and shutil.which(program)
    if not found:
        raise SaltflowError(
            f"The program of the reference's command '{command}' is not installed: install CP2K (apt-get "
            "install cp2k cp2k-data, or conda-forge) or set command to where it is."
        )
    return Path(found).resolve().parent.parent


def find_kinds(reference: Cp2kReference, elements: Sequence[str]) -> dict[str, Cp2kKind | str]:
    """Element → its kind, or a sentence about what the installation lacks.

    Raises:
        SaltflowError: the program or a data file is missing.
    """
    folder = data_folder(reference)
    bases: dict[str, tuple[str, ...]] = {}
    for name in reference.basis_files:
        for element, names in _entries(folder / name).items():
            bases[element] = bases.get(element, ()) + names
    return {element: _kind(reference, element, folder, bases.get(element, ())) for element in elements}


def _kind(reference: Cp2kReference, element: str, folder: Path, bases: Sequence[str]) -> Cp2kKind | str:
    if problem := spin_problem(reference, element):
        return problem
    wanted = reference.potential_for(element)
    charge = _default_charge(_entries(folder / wanted.potential_file).get(element, ()), wanted.potential)
    if charge is None:
        return f"{wanted.potential_file} has no {wanted.potential} potential for {element}"
    basis = f"{reference.basis}-q{charge}"
    if not any(basis in names.split() for names in bases):
        files = ", ".join(reference.basis_files)
        return f"no basis {basis} for {element} in {files}; choose another basis or add its file"
    return Cp2kKind(element, basis, f"{wanted.potential}-q{charge}", wanted.potential_file, charge)


def _default_charge(potentials: Sequence[str], wanted: str) -> int | None:
    """Valence electrons of the recommended entry, which carries the name without a charge."""
    for names in map(str.split, potentials):
        if wanted in names:
            full = re.compile(re.escape(wanted) + r"-q(\d+)$")
            return next((int(match[1]) for match in map(full.match, names) if match), None)
    return None


@cache
def _entries(path: Path) -> dict[str, tuple[str, ...]]:
    """Element → the alias lists of its entries, in the order of the file."""
    if not path.is_file():
        raise SaltflowError(
            f"CP2K's data file {path} is missing: correct basis_files, potential_file or potential_of of the reference."
        )
    found: dict[str, tuple[str, ...]] = {}
    for line in path.read_text(errors="replace").splitlines():
        match = ENTRY.match(line.split("#")[0])
        if match:
            found[match[1]] = found.get(match[1], ()) + (match[2],)
    return found
