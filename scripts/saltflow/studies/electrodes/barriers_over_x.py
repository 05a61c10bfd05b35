"""Migration barriers over x: phases as files that `saltflow barriers` takes, and what it found, read back."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import ase.io

from saltflow.base.provenance import write_text
from saltflow.studies.electrodes.configurations import Configuration

PHASES, FOUND = "phases", "barriers"  # folders of the study
COLUMNS = ("barrier_1D_eV", "barrier_2D_eV", "barrier_3D_eV")


def write_phases(states: Sequence[Configuration], folder: Path) -> None:
    """One file for each x that holds ions, named by how many; others are removed, those that stay the same are kept.

    Args:
        states: the lowest configuration of each x.
        folder: of the study.
    """
    (folder / PHASES).mkdir(exist_ok=True)
    names = {_name(state.ions): state for state in states if state.ions}
    for path in (folder / PHASES).glob("*.vasp"):
        if path.stem not in names:
            path.unlink()
    for name, state in names.items():
        path, text = folder / PHASES / f"{name}.vasp", StringIO()
        ase.io.write(text, state.atoms, format="vasp", direct=True, sort=True)
        if not path.is_file() or path.read_text() != text.getvalue():
            write_text(path, text.getvalue())


def barriers_over_x(states: Sequence[Configuration], folder: Path, *, sites: int) -> list[dict]:
    """What `saltflow barriers FOLDER/phases --out FOLDER/barriers` found of the phases as they are now.

    Args:
        states: the lowest configuration of each x.
        folder: of the study.
        sites: that fill the host.

    Returns:
        per x with a row in its ranking, of a phase that has not changed since: x, ions, status, barrier_1D_eV,
        barrier_2D_eV, barrier_3D_eV (None without a path in so many dimensions).
    """
    ranking = folder / FOUND / "ranking.tsv"
    if not ranking.is_file():
        return []
    rows = {row["structure"]: row for row in csv.DictReader(ranking.read_text().splitlines(), delimiter="\t")}
    ranked_ns = ranking.stat().st_mtime_ns
    return [
        {"x": state.ions / sites, "ions": state.ions, "status": row["status"]}
        | {name: float(row[name]) if row[name] else None for name in COLUMNS}
        for state in states
        if (row := rows.get(_name(state.ions)))
        and (folder / PHASES / f"{_name(state.ions)}.vasp").stat().st_mtime_ns <= ranked_ns
    ]


def _name(ions: int) -> str:
    return f"{ions:04d}-ions"
