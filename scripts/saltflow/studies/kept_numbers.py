"""Numbers that a study keeps in its folder, each with the key of what made them, so that it goes on with the rest."""

from collections.abc import Callable
from pathlib import Path

from saltflow.base.provenance import read_json, write_json


def kept_numbers(path: Path, make: Callable[[], dict], *, key: str) -> dict:
    """The numbers of a file that the same settings and structure have made, or new ones, which are written.

    Args:
        path: of a JSON file.
        make: makes them, JSON-able.
        key: of the settings and the structure.
    """
    if path.is_file() and (record := read_json(path))["key"] == key:
        return record["numbers"]
    numbers = make()
    write_json(path, {"key": key, "numbers": numbers})
    return numbers
