"""Cooling curves of files: quenches of a sweep, or tables of any program."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saltflow.analysis.arrhenius.glass_transition import CoolingCurve, curves_from_quenches
from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import read_json
from saltflow.base.tables import finite_number
from saltflow.base.text_file import read_user_text

NEEDED = ("temperature_K", "volume_A3", "rate_K_per_ps")
ENTHALPY = "enthalpy_eV_atom"


@dataclass(frozen=True)
class Cooling:
    """One replica on cooling.

    Attributes:
        name: of its file.
        volume: its volumes.
        enthalpy_eV_atom: (frames,), None where the file has none.
    """

    name: str
    volume: CoolingCurve
    enthalpy_eV_atom: np.ndarray | None


def read_coolings(paths: Sequence[Path]) -> list[Cooling]:
    """Read quench.json of sweeps, and CSV tables with the columns of `NEEDED` and perhaps `ENTHALPY`, a row per frame.

    Raises:
        InputError: a table has other columns, no number, or several rates.
        SaltflowError: a quench was not accepted, or of a crystal.
    """
    return [_of_quench(path) if path.suffix == ".json" else _of_table(path) for path in paths]


def _of_quench(path: Path) -> Cooling:
    if not path.is_file():
        raise InputError([f"{path} does not exist; correct its path."])
    record = read_json(path)
    if not (curves := curves_from_quenches([record])):
        status = record.get("status", "it is no quench.json")
        raise SaltflowError(f"{path} holds no accepted glass that was melted and cooled ({status}); leave it out.")
    return Cooling(str(path), curves[0], None)


def _of_table(path: Path) -> Cooling:
    lines = [line for line in csv.reader(io.StringIO(read_user_text(path))) if line]
    header = [cell.strip() for cell in lines[0]] if lines else []
    if missing := [name for name in NEEDED if name not in header]:
        raise InputError([f"{path}: the column {missing[0]} is missing; a cooling needs {', '.join(NEEDED)}."])
    numbers = {name: [] for name in (*NEEDED, ENTHALPY) if name in header}
    for number, line in enumerate(lines[1:], start=2):
        for name, values in numbers.items():
            value = finite_number(line[header.index(name)].strip()) if len(line) == len(header) else None
            if value is None:
                raise InputError([f"{path}, row {number}: {name} is no number; correct it."])
            values.append(value)
    columns = {name: np.array(values) for name, values in numbers.items()}
    rates = np.unique(columns["rate_K_per_ps"])
    if len(rates) != 1 or rates[0] <= 0 or np.any(columns["volume_A3"] <= 0):
        raise InputError([f"{path}: a cooling has one rate above 0 and volumes above 0; give a file for each rate."])
    volume = CoolingCurve(columns["temperature_K"], columns["volume_A3"], float(rates[0]))
    return Cooling(str(path), volume, columns.get(ENTHALPY))
