"""Choose pseudopotentials from a folder of UPF files, by element and functional."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import QuantumEspressoReference
from saltflow.labels.reference.spin import spin_problem

# "Li.pbe-s-kjpaw.UPF", "li_pbe_v1.4.uspp.F.UPF", "Li_ONCV_PBE-1.2.upf", "Li.upf"
_NAME = re.compile(r"([A-Za-z]{1,2})(?:[._-].*)?\.upf", re.IGNORECASE)
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*"([^"]*)"')

# Spellings of a functional in UPF files: exchange and correlation, each local and gradient part.
_SPELLINGS = {"PBE": {"PBE", "SLA PW PBX PBC", "SLA PW PBE PBE"}}


@dataclass(frozen=True)
class Pseudopotential:
    """The header of a UPF file, and the hash of the file."""

    path: Path
    element: str
    functional: str
    valence_electrons: float
    sha256: str


def find_pseudopotentials(
    reference: QuantumEspressoReference, elements: Sequence[str]
) -> dict[str, Pseudopotential | str]:
    """Element → its pseudopotential, or a sentence about what the folder lacks.

    Raises:
        SaltflowError: the folder does not exist.
    """
    folder = Path(reference.pseudopotential_path).expanduser().resolve()
    if not folder.is_dir():
        raise SaltflowError(
            f"The folder of pseudopotentials {folder} does not exist: set pseudopotential_path of the reference to a "
            "folder of UPF files, such as the SSSP library for PBE."
        )
    return {element: spin_problem(reference, element) or _choose(reference, folder, element) for element in elements}


def _choose(reference: QuantumEspressoReference, folder: Path, element: str) -> Pseudopotential | str:
    named = reference.pseudopotential_files.get(element)
    if named and not (folder / named).is_file():
        return f"{element}: {named} of pseudopotential_files is not in {folder}"
    paths = [folder / named] if named else _candidates(folder).get(element, [])
    found = [header for path in paths if (header := read_header(path)).element == element]
    fitting = [each for each in found if each.functional in _SPELLINGS[reference.functional]]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(each.path.name for each in fitting)
        return (
            f"{folder} has {len(fitting)} pseudopotentials for {element} ({names}): name one in pseudopotential_files"
        )
    others = ", ".join(f"{each.path.name}: {each.functional or 'unknown'}" for each in found)
    return f"{folder} has no {reference.functional} pseudopotential for {element}" + (f" ({others})" if others else "")


def _candidates(folder: Path) -> Mapping[str, list[Path]]:
    """Element → files named after it."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if match := _NAME.fullmatch(path.name):
            found.setdefault(match[1].capitalize(), []).append(path)
    return found


@cache
def read_header(path: Path) -> Pseudopotential:
    """The header of a UPF file, version 1 (lines) or 2 (attributes); missing fields are empty."""
    content = path.read_bytes()
    text = content.decode(errors="replace")
    header = text[text.find("<PP_HEADER") :].split("PP_MESH")[0]
    fields = dict(_ATTRIBUTE.findall(header)) or _version_one(header)
    valence = fields.get("z_valence", "").strip().lower().replace("d", "e")
    return Pseudopotential(
        path,
        fields.get("element", "").strip(),
        " ".join(fields.get("functional", "").split()),
        float(valence) if valence else 0.0,
        hashlib.sha256(content).hexdigest(),
    )


def _version_one(header: str) -> dict[str, str]:
    """ "  Li  Element", "SLA PW PBE PBE  PBE  Exchange-Correlation functional", " 3.0  Z valence"."""
    fields = {}
    for line in header.splitlines():
        value, words = line[:24].split(), line.lower()
        if "element" in words and value:
            fields["element"] = value[0]
        elif "exchange-correlation" in words:
            fields["functional"] = " ".join(line.split()[:4])
        elif "z valence" in words and value:
            fields["z_valence"] = value[0]
    return fields
