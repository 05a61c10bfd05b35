"""The table of crystals whose migration barriers are computed, or the folder that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass

from saltflow.base.errors import InputError
from saltflow.base.tables import Row
from saltflow.campaign.study_tables import Known, check_row, read_rows
from saltflow.materials.compositions import Composition

COLUMNS = ("id", "file", "mobile_ion", "potential", "composition")
SECTION = "barriers"
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


def read_crystals(path: str, known: Known, swept: Mapping[str, Composition]) -> dict[str, CrystalRow]:
    """Read and check a table of crystals, or take every structure file of a folder.

    An empty cell of file, mobile_ion or potential is that of the composition of the row, else of the settings.

    Args:
        path: tab-separated table with the columns of `COLUMNS`, to which files are relative; or a folder.
        known: what its cells may name.
        swept: id → composition of the sweep.

    Returns:
        id → crystal, in the order of the table.

    Raises:
        InputError: there is nothing at the path, or every problem of every row at once.
    """
    rows = read_rows(path, known, section=SECTION, columns=COLUMNS, reserved=RESERVED)
    readable = [row for row in rows if row.cells]
    for row in readable:
        _check(row, known, swept)
    if problems := [problem for row in rows for problem in row.problems]:
        raise InputError(problems)
    return {row.cells["id"]: CrystalRow(**row.cells) for row in readable}


def _check(row: Row, known: Known, swept: Mapping[str, Composition]) -> None:
    """Fill empty cells from the composition, and note every problem."""
    cells = row.cells
    own = swept.get(cells["composition"])
    if own is None and cells["composition"]:
        row.complain("composition", f"'{cells['composition']}' is not in this sweep; write '-', or sweep it.")
        return
    if own and own.start == "pack":
        row.complain("composition", f"'{cells['composition']}' is packed, so its MD is of no crystal; write '-'.")
    elif own:
        cells["file"] = cells["file"] or own.start
    if own:
        cells["mobile_ion"] = cells["mobile_ion"] or own.mobile_ion
        cells["potential"] = cells["potential"] or own.potential
    check_row(row, known, section=SECTION)
