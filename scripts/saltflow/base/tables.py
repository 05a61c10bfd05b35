"""Tab-separated input tables whose rows collect their problems as sentences."""

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from saltflow.base.errors import InputError
from saltflow.base.text_file import read_user_text

EMPTY_CELLS = ("", "-")
Value = TypeVar("Value")
LONGEST_NAME = 100  # names of files hold more beside it, and file systems end at 255 bytes
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True)
class Row:
    """One row of a table: cells by column ('' for an empty cell or '-') and problems."""

    where: str
    cells: dict[str, str]
    problems: list[str] = field(default_factory=list)

    def complain(self, column: str, sentence: str) -> None:
        """Add a problem; row and column are put before the sentence."""
        self.problems.append(f"{self.where}, column {column}: {sentence}")

    def attempt(self, column: str, parse: Callable[[str], Value]) -> Value | None:
        """The parsed cell; None after adding the problems of `parse` (its InputError)."""
        try:
            return parse(self.cells[column])
        except InputError as error:
            for problem in error.problems:
                self.complain(column, problem)
            return None


def read_table(path: str | Path, *, columns: Sequence[str], key: str) -> list[Row]:
    """Read the rows of a tab-separated UTF-8 table; empty lines are skipped, quotes have no meaning.

    A row with too many or too few cells has no cells and that problem, because its columns are unknown.

    Args:
        columns: all columns of the table, in any order.
        key: the column that names a row in messages.

    Raises:
        InputError: the file cannot be read, has no row, or has another header.
    """
    path = Path(path)
    lines = _numbered_lines(path)
    header = [cell.strip() for cell in lines[0][1].split("\t")] if lines else []
    if problems := _header_problems(header, columns=columns, table=path.name):
        raise InputError(problems)
    if len(lines) < 2:
        raise InputError([f"{path.name} has a header but no row; add one row per {key}."])
    return [_row(header, text, key=key, where=f"{path.name}, line {line}") for line, text in lines[1:]]


def _numbered_lines(path: Path) -> list[tuple[int, str]]:
    text = read_user_text(path)
    if not text.strip():
        raise InputError([f"{path} is empty; give it a header and at least one row."])
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _header_problems(header: list[str], *, columns: Sequence[str], table: str) -> list[str]:
    for separator, name in ((";", "semicolons"), (",", "commas"), ("|", "bars"), (" ", "spaces")):
        if len(header) == 1 and separator in header[0] and len(columns) > 1:
            return [f"{table}: its columns are separated by {name}; save it with tabs between them."]
    if any(_is_quoted(cell) for cell in header):
        return [f"{table}: its cells stand in quotes; save it without quotes around cells."]
    missing = [name for name in columns if name not in header]
    problems = [f"{table}: the column '{name}' is missing; add it to the header." for name in missing]
    for name in dict.fromkeys(header):
        if header.count(name) > 1:
            problems.append(f"{table}: the column '{name}' appears {header.count(name)} times; keep one.")
        if name not in columns:
            close = get_close_matches(name, columns, n=1)
            remedy = f"did you mean '{close[0]}'?" if close else f"the columns are {', '.join(columns)}."
            problems.append(f"{table}: the column '{name}' is unknown; {remedy}")
    return problems


def _row(header: list[str], text: str, *, key: str, where: str) -> Row:
    cells = ["" if cell.strip() in EMPTY_CELLS else cell.strip() for cell in text.split("\t")]
    position = header.index(key)
    name = cells[position] if position < len(cells) else ""
    where = f"{where} ({name})" if name else where
    if len(cells) == len(header):
        row = Row(where, dict(zip(header, cells, strict=True)))
        for column in [column for column, cell in row.cells.items() if _is_quoted(cell)]:
            row.complain(column, "the cell stands in quotes, which have no meaning here; remove them.")
        return row
    remedy = "remove the tab inside a cell" if len(cells) > len(header) else "write '-' in each empty cell"
    shift = f"{where}: {len(cells)} cells instead of {len(header)}, so the columns are shifted; {remedy}."
    return Row(where, {}, [shift])


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def check_names(rows: Sequence[Row], *, column: str, reserved: Collection[str]) -> None:
    """Add a problem to each row whose name is not unique or not safe as the name of a folder.

    Names must differ in more than case, because some file systems ignore case.
    """
    seen: dict[str, str] = {}
    for row in rows:
        name = row.cells[column]
        if problem := _name_problem(name, reserved=reserved):
            row.complain(column, problem)
        elif name.lower() in seen:
            first = seen[name.lower()]
            row.complain(column, f"'{name}' is a duplicate of '{first}' (case does not count); rename one.")
        seen.setdefault(name.lower(), name)


def _name_problem(name: str, *, reserved: Collection[str]) -> str | None:
    if not name:
        return "the name is empty; give one."
    if not SAFE_NAME.fullmatch(name) or ".." in name:
        remedy = "use letters, digits and . _ + - only, begin with a letter or digit, and avoid '..'"
        return f"'{name}' is not a safe folder name; {remedy}."
    if len(name) > LONGEST_NAME:
        return f"the name has {len(name)} characters; give one of at most {LONGEST_NAME}, as folders are named by it."
    if name.lower() in reserved:
        return f"'{name}' is a reserved word; choose another name."
    return None


def finite_number(text: str) -> float | None:
    """The decimal number of a cell; None where it is no finite one, or not written in digits, point and exponent."""
    value = float(text) if DECIMAL.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def positive_number(text: str) -> float:
    """A finite number above zero.

    Raises:
        InputError: the text is another.
    """
    value = finite_number(text)
    if value is None or value <= 0:
        shown = f"'{text:.40}'" if text else "an empty cell"
        raise InputError([f"{shown} is not a positive number; write one such as 1.73."])
    return value
