"""The table of crystals whose migration barriers are computed, or the folder that holds them."""

import os.path
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.named_path import named_path
from saltflow.base.tables import Row, check_names, read_table
from saltflow.materials.compositions import Composition
from saltflow.materials.formulas import ELEMENTS
from saltflow.materials.structure_names import files_of_folder

COLUMNS = ("id", "file", "mobile_ion", "potential", "composition")
KEY = "barriers.structures_path"
RESERVED = ("ranking",)  # files of the study beside the folders of structures


@dataclass(frozen=True)
class CrystalRow:
    """One crystal.

    Attributes:
        id: unique name, safe as a folder.
        file: its structure, as it is from the working directory.
        mobile_ion: element.
        potential: of potentials.tsv, a universal one, or a model file.
        composition: of the sweep, whose MD is the second opinion; '' without.
    """

    id: str
    file: str
    mobile_ion: str
    potential: str
    composition: str


@dataclass(frozen=True)
class Known:
    """What the cells of the table may name.

    Attributes:
        potentials: names of potentials.tsv. universal: of universal potentials.
        swept: id → composition of the sweep.
        mobile_ion, potential: taken for an empty cell; '' where the settings have none.
    """

    potentials: Collection[str]
    universal: Collection[str]
    swept: Mapping[str, Composition]
    mobile_ion: str
    potential: str


def read_crystals(path: str, known: Known) -> dict[str, CrystalRow]:
    """Read and check a table of crystals, or take every structure file of a folder.

    An empty cell of file, mobile_ion or potential is that of the composition of the row, else of the settings.

    Args:
        path: tab-separated table with the columns of `COLUMNS`, to which files are relative; or a folder.
        known: what its cells may name.

    Returns:
        id → crystal, in the order of the table.

    Raises:
        InputError: there is nothing at the path, or every problem of every row at once.
    """
    if os.path.isdir(path):
        rows = _rows_of_folder(Path(path))
    elif os.path.isfile(path):
        rows = read_table(path, columns=COLUMNS, key="id")
        for row in rows:
            _name_files(row, table=Path(path), known=known)
    else:
        raise InputError([f"{KEY}: there is no table or folder '{path}'; correct its path."])
    readable = [row for row in rows if row.cells]
    check_names(readable, column="id", reserved=RESERVED)
    for row in readable:
        _fill(row, known)
        _check(row, known)
    if problems := [problem for row in rows for problem in row.problems]:
        raise InputError(problems)
    return {row.cells["id"]: CrystalRow(**row.cells) for row in readable}


def _rows_of_folder(folder: Path) -> list[Row]:
    found = files_of_folder(folder)
    if not found:
        raise InputError([f"{KEY}: the folder '{folder}' holds no structure file; correct its path."])
    empty = dict.fromkeys(COLUMNS, "")
    return [Row(f"{KEY} ({file.name})", empty | {"id": file.stem, "file": str(file)}) for file in found]


def _name_files(row: Row, *, table: Path, known: Known) -> None:
    """Put paths as they are from the working directory into the cells of a row."""
    if not row.cells:
        return
    row.cells["file"] = named_path(row.cells["file"], named_in=table)
    if row.cells["potential"] and row.cells["potential"] not in {*known.potentials, *known.universal}:
        row.cells["potential"] = named_path(row.cells["potential"], named_in=table)


def _fill(row: Row, known: Known) -> None:
    own = known.swept.get(row.cells["composition"])
    if own and own.start != "pack":
        row.cells["file"] = row.cells["file"] or own.start
    row.cells["mobile_ion"] = row.cells["mobile_ion"] or (own.mobile_ion if own else known.mobile_ion)
    row.cells["potential"] = row.cells["potential"] or (own.potential if own else known.potential)


def _check(row: Row, known: Known) -> None:
    cells = row.cells
    if cells["composition"] and cells["composition"] not in known.swept:
        row.complain("composition", f"'{cells['composition']}' is not in this sweep; write '-', or sweep it.")
        return
    if cells["composition"] and known.swept[cells["composition"]].start == "pack":
        row.complain("composition", f"'{cells['composition']}' is packed, so its MD is of no crystal; write '-'.")
    if not os.path.isfile(cells["file"]):
        shown = f"there is no file '{cells['file']}'" if cells["file"] else "the cell is empty"
        row.complain("file", f"{shown}; name a structure file, relative to the table.")
    if cells["mobile_ion"] not in ELEMENTS:
        shown = f"'{cells['mobile_ion']}' is no element" if cells["mobile_ion"] else "the cell is empty"
        row.complain("mobile_ion", f"{shown}; write one such as Li, or set barriers.mobile_ion.")
    _check_potential(row, known)


def _check_potential(row: Row, known: Known) -> None:
    potential = row.cells["potential"]
    if potential in known.potentials or potential in known.universal:
        return
    names = ", ".join([*known.potentials, *known.universal])
    if not potential or not os.path.isfile(potential):
        shown = f"'{potential}' is no potential and no file" if potential else "the cell is empty"
        row.complain("potential", f"{shown}; name a released model file, set barriers.potential, or take {names}.")
    elif not Path(potential).with_suffix(".json").is_file():
        row.complain("potential", f"'{potential}' has no release record beside it that pins its hash; add it.")
