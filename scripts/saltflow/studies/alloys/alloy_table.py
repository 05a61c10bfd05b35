"""Tables of alloys with what they became when they were cooled: glass in bulk, glass in ribbons, or crystal."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.tables import finite_number
from saltflow.base.text_file import read_user_text
from saltflow.studies.alloys.alloy_strings import Alloy, parse_alloy
from saltflow.studies.alloys.element_properties import properties_of

CRYSTAL, RIBBON, BMG = "crystal", "ribbon", "BMG"
CLASSES = (CRYSTAL, RIBBON, BMG)  # the better glass former comes later
CLASS_WORDS = {"cra": CRYSTAL, "crystal": CRYSTAL, "rmg": RIBBON, "ribbon": RIBBON, "bmg": BMG}
HEADERS = {
    "alloy": ("alloy", "alloy formula", "composition", "formula"),
    "class": ("class", "gfa"),
    "diameter": ("dmax", "dmax_mm"),
    "date": ("date", "year"),
}
DATE = re.compile(r"[12][0-9]{3}(-[0-9]{2}(-[0-9]{2})?)?")
POLICY = "an alloy that stands several times counts once, with its best class, largest diameter and earliest date"


@dataclass(frozen=True)
class AlloyTable:
    """Alloys, each once.

    Attributes:
        alloys: (alloys,).
        classes: words of `CLASSES`, '' where unknown, (alloys,).
        diameters_mm: largest that was cast as glass; nan where unknown, (alloys,).
        dates: as written, '' where unknown, (alloys,).
        refused: a sentence for each row that was left out.
        counts: of rows, repeated alloys, conflicting classes and diameters, and amounts that were normalised.
    """

    alloys: tuple[Alloy, ...]
    classes: np.ndarray
    diameters_mm: np.ndarray
    dates: np.ndarray
    refused: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def elements(self) -> tuple[str, ...]:
        """All elements, alphabetically."""
        return tuple(sorted({symbol for alloy in self.alloys for symbol in alloy.fractions}))

    @property
    def fractions(self) -> np.ndarray:
        """Atomic fractions, (alloys, elements)."""
        columns = {symbol: column for column, symbol in enumerate(self.elements)}
        found = np.zeros((len(self.alloys), len(columns)))
        for row, alloy in enumerate(self.alloys):
            for symbol, fraction in alloy.fractions.items():
                found[row, columns[symbol]] = fraction
        return found

    @property
    def systems(self) -> np.ndarray:
        """Alloy system of each, such as Al-Cu-Zr, (alloys,)."""
        return np.array([alloy.system for alloy in self.alloys])

    def chosen(self, rows: np.ndarray) -> "AlloyTable":
        """The table of some alloys."""
        alloys = tuple(self.alloys[row] for row in np.arange(len(self.alloys))[rows])
        return AlloyTable(alloys, self.classes[rows], self.diameters_mm[rows], self.dates[rows])


@dataclass
class _Entry:
    alloy: Alloy
    classes: set[str] = field(default_factory=set)
    diameters_mm: set[float] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)


def read_alloys(paths: Sequence[Path]) -> AlloyTable:
    """Read and join tables; a row that is no alloy, class or diameter is left out with its reason.

    Args:
        paths: CSV files with a header of `HEADERS` (any case): the alloy, and class, diameter (mm) or both; a date as
            2004, 2004-05 or 2004-05-31.

    Raises:
        InputError: a file cannot be read or has another header.
        SaltflowError: no row can be used.
    """
    entries: dict[str, _Entry] = {}
    refused, rows, normalised = [], 0, 0
    for path in paths:
        for where, cells in _rows(path):
            rows += 1
            try:
                alloy, values = _parse(cells)
            except InputError as error:
                refused.append(f"{where}: {error}")
                continue
            normalised += abs(alloy.shortfall) > 1e-6
            entry = entries.setdefault(alloy.formula, _Entry(alloy))
            for name, value in values.items():
                getattr(entry, name).add(value)
    if not entries:
        raise SaltflowError(f"None of {rows} rows can be used; the first: {(refused or ['there is no row.'])[0]}")
    every = list(entries.values())
    counts = {
        "rows": rows,
        "refused": len(refused),
        "alloys": len(every),
        "normalised": normalised,
        "conflicting_classes": sum(len(entry.classes) > 1 for entry in every),
        "conflicting_diameters": sum(len(entry.diameters_mm) > 1 for entry in every),
    }
    return AlloyTable(
        alloys=tuple(entry.alloy for entry in every),
        classes=np.array([max(entry.classes, key=CLASSES.index, default="") for entry in every]),
        diameters_mm=np.array([max(entry.diameters_mm, default=np.nan) for entry in every]),
        dates=np.array([min(entry.dates, default="") for entry in every]),
        refused=tuple(refused),
        counts=counts,
    )


def _rows(path: Path) -> list[tuple[str, dict[str, str]]]:
    """(where it stands, cells by the names of `HEADERS`) of each row; no cells where it has more or fewer columns."""
    lines = list(csv.reader(io.StringIO(read_user_text(path))))
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    columns = {name: header.index(word) for name, words in HEADERS.items() for word in words if word in header}
    if "alloy" not in columns or not {"class", "diameter"} & columns.keys():
        raise InputError(
            [f"{path}: its header needs a column Alloy and one of Class (or GFA) and Dmax (in mm), between commas."]
        )
    return [
        (
            f"{path.name}, line {number}",
            {name: line[column].strip() for name, column in columns.items()} if len(line) == len(header) else {},
        )
        for number, line in enumerate(lines[1:], start=2)
        if any(line)
    ]


def _parse(cells: Mapping[str, str]) -> tuple[Alloy, dict[str, object]]:
    """The alloy of a row and what is known of it, by the fields of an entry."""
    if not cells:
        raise InputError(["the row has more or fewer cells than the header; correct its commas."])
    alloy = parse_alloy(cells["alloy"])
    for symbol in alloy.fractions:
        properties_of(symbol)
    values: dict[str, object] = {}
    if word := cells.get("class"):
        if word.lower() not in CLASS_WORDS:
            raise InputError([f"'{word}' is no class; write BMG, ribbon (RMG) or crystal (CRA)."])
        values["classes"] = CLASS_WORDS[word.lower()]
    if text := cells.get("diameter"):
        diameter_mm = finite_number(text)
        if diameter_mm is None or diameter_mm < 0:
            raise InputError([f"'{text}' is no diameter in mm; write a number from 0 up."])
        values["diameters_mm"] = diameter_mm
    if text := cells.get("date"):
        if not DATE.fullmatch(text):
            raise InputError([f"'{text}' is no date; write 2004, 2004-05 or 2004-05-31."])
        values["dates"] = text
    return alloy, values
