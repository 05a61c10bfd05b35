"""What the tables of structures that studies take have in common: files, the ion that moves, and the potential."""

import os.path
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.named_path import named_path
from saltflow.base.tables import Row, check_names, read_table
from saltflow.materials.formulas import ELEMENTS
from saltflow.materials.structure_names import files_of_folder


@dataclass(frozen=True)
class Known:
    """What the cells of a table may name.

    Attributes:
        potentials: names of potentials.tsv. universal: of universal potentials.
        mobile_ion, potential: taken for an empty cell; '' where the settings have none.
    """

    potentials: Collection[str]
    universal: Collection[str]
    mobile_ion: str
    potential: str


def read_rows(path: str, known: Known, *, section: str, columns: Sequence[str], reserved: Collection[str]) -> list[Row]:
    """Rows of a table, or one for every structure file of a folder; their problems are in them.

    Args:
        path: tab-separated table, to which files are relative; or a folder.
        known: what its cells may name.
        section: of the settings, whose structures_path this is.
        columns: of the table; id, file and potential are among them.
        reserved: names that no structure may have.

    Raises:
        InputError: there is nothing at the path.
    """
    if os.path.isdir(path):
        rows = _rows_of_folder(Path(path), section=section, columns=columns)
    elif os.path.isfile(path):
        rows = read_table(path, columns=columns, key="id")
        for row in rows:
            _name_files(row, table=Path(path), known=known)
    else:
        raise InputError([f"{section}.structures_path: there is no table or folder '{path}'; correct its path."])
    check_names([row for row in rows if row.cells], column="id", reserved=reserved)
    return rows


def check_row(row: Row, known: Known, *, section: str) -> None:
    """Fill empty cells of mobile_ion and potential from the settings, and note every problem of these and of the file.

    Args:
        row: with cells.
        known: what they may name.
        section: of the settings.
    """
    cells = row.cells
    cells["mobile_ion"] = cells["mobile_ion"] or known.mobile_ion
    cells["potential"] = cells["potential"] or known.potential
    if not os.path.isfile(cells["file"]):
        shown = f"there is no file '{cells['file']}'" if cells["file"] else "the cell is empty"
        row.complain("file", f"{shown}; name a structure file, relative to the table.")
    if cells["mobile_ion"] not in ELEMENTS:
        shown = f"'{cells['mobile_ion']}' is no element" if cells["mobile_ion"] else "the cell is empty"
        row.complain("mobile_ion", f"{shown}; write one such as Li, or set {section}.mobile_ion.")
    _check_potential(row, known, section=section)


def _rows_of_folder(folder: Path, *, section: str, columns: Sequence[str]) -> list[Row]:
    found = files_of_folder(folder)
    if not found:
        raise InputError(
            [f"{section}.structures_path: the folder '{folder}' holds no structure file; correct its path."]
        )
    empty = dict.fromkeys(columns, "")
    where = f"{section}.structures_path"
    return [Row(f"{where} ({file.name})", empty | {"id": file.stem, "file": str(file)}) for file in found]


def _name_files(row: Row, *, table: Path, known: Known) -> None:
    """Put paths as they are from the working directory into the cells of a row."""
    if not row.cells:
        return
    row.cells["file"] = named_path(row.cells["file"], named_in=table)
    if row.cells["potential"] and row.cells["potential"] not in {*known.potentials, *known.universal}:
        row.cells["potential"] = named_path(row.cells["potential"], named_in=table)


def _check_potential(row: Row, known: Known, *, section: str) -> None:
    potential = row.cells["potential"]
    if potential in known.potentials or potential in known.universal:
        return
    names = ", ".join([*known.potentials, *known.universal])
    if not potential or not os.path.isfile(potential):
        shown = f"'{potential}' is no potential and no file" if potential else "the cell is empty"
        row.complain("potential", f"{shown}; name a released model file, set {section}.potential, or take {names}.")
    elif not Path(potential).with_suffix(".json").is_file():
        row.complain("potential", f"'{potential}' has no release record beside it that pins its hash; add it.")
