"""The products of two runs, compared."""

import csv
from pathlib import Path

import h5py

from saltflow.base.long_job import is_record


def products(work: Path) -> dict[str, Path]:
    """Every product by its name, without the journals from which a job goes on and the records of what made it."""
    results = work / "results"
    found = {str(path.relative_to(results)): path for path in results.rglob("*") if path.is_file()}
    return {name: path for name, path in found.items() if ".work/" not in name and not is_record(path)}


def same(one: Path, other: Path) -> bool:
    """Whether two products are the same to the last byte.

    Of a ledger, the seconds that its labels took do not count; of a trajectory, how its arrays lie in the file.
    """
    read = {".tsv": _without_seconds, ".h5md": _arrays}.get(one.suffix, Path.read_bytes)
    return read(one) == read(other)


def _without_seconds(ledger: Path) -> list[dict[str, str]]:
    with ledger.open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return [row | {"seconds": ""} for row in rows]


def _arrays(trajectory: Path) -> dict[str, bytes]:
    found = {}
    with h5py.File(trajectory) as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()} if hasattr(item, "dtype") else {}))
    return found
