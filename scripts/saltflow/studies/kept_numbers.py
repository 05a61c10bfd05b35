"""Numbers that a study keeps in its folder, each with the key of what made them, so that it goes on with the rest."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ase import Atoms

from saltflow.base.provenance import read_json, write_json


def kept_numbers(path: Path, make: Callable[[], dict], *, key: str) -> dict:
    """The numbers of a file that the same settings and structure have made, or new ones, which are written.

    Args:
        path: of a JSON file.
        make: makes them, JSON-able.
        key: of the settings and the structure.
    """
    if (kept := find_kept(path, key=key)) is not None:
        return kept
    numbers = make()
    keep(path, numbers, key=key)
    return numbers


def find_kept(path: Path, *, key: str) -> dict | None:
    """The numbers of a file that the same settings and structure have made; None where there are none."""
    return record["numbers"] if path.is_file() and (record := read_json(path))["key"] == key else None


def keep(path: Path, numbers: dict, *, key: str) -> None:
    """Write numbers, JSON-able, with the key of what made them."""
    write_json(path, {"key": key, "numbers": numbers})


def numbers_of(atoms: Atoms) -> dict:
    """A structure as numbers, JSON-able."""
    return {
        "numbers": atoms.numbers.tolist(),
        "positions_A": atoms.positions.tolist(),
        "cell_A": atoms.cell.array.tolist(),
    }


def structure_of(numbers: Mapping) -> Atoms:
    """The structure of `numbers_of`, periodic in three directions."""
    return Atoms(numbers["numbers"], numbers["positions_A"], cell=numbers["cell_A"], pbc=True)
