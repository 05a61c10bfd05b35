"""The table of hosts whose electrodes are computed, or the folder that holds them."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from saltflow.base.errors import InputError
from saltflow.base.named_path import named_path
from saltflow.base.tables import Row
from saltflow.campaign.crystals_table import CrystalRow
from saltflow.campaign.settings.electrodes import ElectrodeOptions
from saltflow.campaign.settings.messages import validated
from saltflow.campaign.study_tables import Known, check_row, read_rows

COLUMNS = ("id", "file", "mobile_ion", "potential", "options")
SECTION = "electrodes"
RESERVED = ("voltages", "page")


@dataclass(frozen=True)
class HostRow(CrystalRow):
    """One host; it has no composition.

    Attributes:
        options: of `saltflow electrode`, checked; those of the settings where the row has none.
    """

    options: ElectrodeOptions


def read_hosts(path: str, known: Known, options: dict) -> dict[str, HostRow]:
    """Read and check a table of hosts, or take every structure file of a folder.

    Args:
        path: tab-separated table with the columns of `COLUMNS`, to which files are relative; or a folder.
        known: what its cells may name.
        options: of all hosts, which a cell changes.

    Returns:
        id → host, in the order of the table.

    Raises:
        InputError: there is nothing at the path, or every problem of every row at once.
    """
    validated(ElectrodeOptions, options, source=f"{SECTION}.options")
    rows = read_rows(path, known, section=SECTION, columns=COLUMNS, reserved=RESERVED)
    readable = [row for row in rows if row.cells]
    found = {}
    for row in readable:
        check_row(row, known, section=SECTION)
        changes = row.attempt("options", _options)
        if changes is not None and (chosen := _chosen(row, options | _beside(changes, table=Path(path)))):
            found[row.cells["id"]] = HostRow(**row.cells | {"composition": "", "options": chosen})
    if problems := [problem for row in rows for problem in row.problems]:
        raise InputError(problems)
    return found


def _options(text: str) -> dict:
    """A cell such as `repeat: [2, 2, 1], layers: C`."""
    try:
        found = yaml.safe_load(f"{{{text}}}")
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        raise InputError([f"'{text:.80}' names no options; write such as repeat: [2, 2, 1], layers: C."])
    return found


def _beside(changes: dict, *, table: Path) -> dict:
    """Options whose paths are as they are from the working directory."""
    metal = changes.get("metal_path")
    return changes | ({"metal_path": named_path(metal, named_in=table)} if isinstance(metal, str) else {})


def _chosen(row: Row, options: dict) -> ElectrodeOptions | None:
    try:
        return validated(ElectrodeOptions, options, source=f"{row.where}, column options")
    except InputError as error:
        row.problems.extend(error.problems)
        return None
