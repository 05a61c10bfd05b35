"""Rows of a table beside a benchmark, so that the next call goes on after the last one."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def read_rows(table: Path) -> list[dict[str, str]]:
    """The rows that are there."""
    if not table.is_file():
        return []
    with table.open() as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def append_rows(table: Path, found: Sequence[Mapping[str, object]], *, columns: Sequence[str]) -> None:
    """Add rows at the end of the table."""
    is_new = not table.is_file()
    with table.open("a") as handle:
        writer = csv.DictWriter(handle, columns, delimiter="\t", lineterminator="\n", restval="")
        if is_new:
            writer.writeheader()
        writer.writerows(found)
