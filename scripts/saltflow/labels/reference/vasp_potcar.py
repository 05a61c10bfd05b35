"""POTCAR files of the user's licensed library: find, join, identify by title and hash."""

import gzip
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import VaspReference

# Layouts of a library: of VASP's archives, and of pymatgen's `pmg config`.
LAYOUTS = ("{symbol}/POTCAR", "POTCAR.{symbol}", "{symbol}/POTCAR.gz", "POTCAR.{symbol}.gz")
# Required LEXCH; r²SCAN uses the potentials of PBE.
EXCHANGE_TAG = "PE"


@dataclass(frozen=True)
class Potcar:
    """What may be published of one POTCAR, and its path.

    Attributes:
        title: of its TITEL line, such as "PAW_PBE Li_sv 10Sep2004".
        sha256: of its text.
        path: of the licensed file; in no product.
    """

    symbol: str
    title: str
    sha256: str
    valence_electrons: float
    path: Path

    @property
    def published(self) -> str:
        """Title and hash, as labels keep them."""
        return f"{self.title} sha256:{self.sha256}"


def library_folder(reference: VaspReference) -> Path:
    """The folder of the licensed library: `potcar_path` of the settings, else $PMG_VASP_PSP_DIR.

    Raises:
        SaltflowError: neither names a folder.
    """
    named = reference.potcar_path or os.environ.get("PMG_VASP_PSP_DIR")
    if not named:
        raise SaltflowError(
            "No POTCAR library is named: set potcar_path of the reference, or PMG_VASP_PSP_DIR in the environment, "
            "to the folder of your licensed POTCAR files."
        )
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise SaltflowError(f"The POTCAR library {folder} does not exist: correct potcar_path or PMG_VASP_PSP_DIR.")
    return folder


def find_potcar(reference: VaspReference, symbol: str) -> Potcar | str:
    """The POTCAR of a symbol such as Li_sv, or a sentence why there is none.

    Raises:
        SaltflowError: there is no library.
    """
    from pymatgen.io.vasp.inputs import POTCAR_FUNCTIONAL_MAP

    library, family = library_folder(reference), reference.potcar_family
    folders = [library / name for name in (POTCAR_FUNCTIONAL_MAP.get(family, family), family, ".")]
    paths = [folder / layout.format(symbol=symbol) for folder in folders for layout in LAYOUTS]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return f"the POTCAR library has no {symbol} of {family}"
    return _described(symbol, path)


def read_potcar(potcar: Potcar) -> str:
    """The text of a POTCAR."""
    text = _text(potcar.path)
    return text if text.endswith("\n") else text + "\n"


def joined(potcars: Sequence[Potcar]) -> str:
    """The POTCAR of a run, in the order of the POSCAR."""
    return "".join(read_potcar(potcar) for potcar in potcars)


def _described(symbol: str, path: Path) -> Potcar | str:
    text = _text(path)
    title = re.search(r"^\s*TITEL\s*=\s*(\S.*?)\s*$", text, re.MULTILINE)
    valence = re.search(r"ZVAL\s*=\s*([\d.]+)", text)
    if not (title and valence):
        return f"{path} is not a POTCAR: it has no TITEL or ZVAL"
    exchange = re.search(r"LEXCH\s*=\s*(\w+)", text)
    if exchange and exchange[1].upper() != EXCHANGE_TAG:
        return f"{path} was made for LEXCH = {exchange[1]}, not for PBE"
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Potcar(symbol, title[1], sha256, float(valence[1]), path)


def _text(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode(errors="replace")
