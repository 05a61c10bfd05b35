"""Compositions: compositions.tsv, checked row by row, and the size of their cells.

Imported at every start of the workflow, hence light: no pandas, no pymatgen.
"""

import math
import os.path
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.named_path import named_path
from saltflow.base.tables import Row, check_names, finite_number, positive_number, read_table
from saltflow.materials.formulas import (
    LARGEST_DENOMINATOR,
    host_and_salts,
    parse_formula,
    parse_oxidation_states,
    parse_salts,
    simple_fraction,
    total_charge,
)
from saltflow.materials.nearest_formula import nearest_formula

COLUMNS = (
    "id",
    "formula",
    "host",
    "salt",
    "mobile_ion",
    "oxidation_states",
    "family",
    "potential",
    "start",
    "density_g_cm3",
    "density_basis",
    "sigma_mS_cm",
    "sigma_temperature_C",
    "sigma_origin",
    "Ea_eV",
    "Ea_origin",
    "source",
    "note",
)
RESERVED_IDS = ("potentials", "summary")
ORIGINS = ("read", "recalled", "simulated")
DENSITIES_G_CM3 = (0.3, 25)  # from lithium and its hydrides (0.5) to osmium (22.6)
# Of the positive charges: a formula whose decimals were rounded is charged by less.
ROUNDED_CHARGE = 0.01
DENSITY_BASES = ("packing model", "experiment", "simulated", "recalled", "guess")


@dataclass(frozen=True)
class Composition:
    """One electrolyte of compositions.tsv.

    Attributes:
        id: unique name, safe as a folder.
        formula: of one formula unit, e.g. LiAlCl2.5O0.75.
        amounts: element → atoms per formula unit, in formula order.
        host: formula of the host that dissolves the salts ('' where the cell is packed as simple ions).
        salt: dissolved salts per host, e.g. '0.5 Li2O + 0.75 LiCl' ('' for none).
        mobile_ion: element of the charge carrier.
        oxidation_states: element → formal charge in e.
        start: 'pack', 'none' or the path of a structure file.
        density_g_cm3: start density of a packed cell.
        family: for the ranking.
        potential: its name in potentials.tsv.
        density_basis, sigma_*, Ea_*, source, note: literature, never used in a result; None or '' for none. The plan
            expects lengths of runs from it.
            Conductivity in mS/cm at a temperature in °C, activation energy in eV.
    """

    id: str
    formula: str
    amounts: dict[str, Fraction]
    host: str
    salt: str
    mobile_ion: str
    oxidation_states: dict[str, int | float]
    start: str
    density_g_cm3: float
    family: str = ""
    potential: str = ""
    density_basis: str = ""
    sigma_mS_cm: float | None = None
    sigma_temperature_C: float | None = None
    sigma_origin: str = ""
    Ea_eV: float | None = None
    Ea_origin: str = ""
    source: str = ""
    note: str = ""

    def identity(self) -> dict[str, str | float | dict[str, int | float]]:
        """What the simulations depend on, as builtins that Snakemake can track; no literature value."""
        return {
            "id": self.id,
            "formula": self.formula,
            "host": self.host,
            "salt": self.salt,
            "mobile_ion": self.mobile_ion,
            "oxidation_states": dict(self.oxidation_states),
            "start": self.start,
            "density_g_cm3": self.density_g_cm3,
        }

    @classmethod
    def from_identity(cls, identity: Mapping) -> "Composition":
        """The composition of an `identity`, without literature."""
        return cls(**identity, amounts=parse_formula(identity["formula"]))


def salts(composition: Composition) -> list[tuple[Fraction, str]]:
    """Dissolved salts: (formula units of salt per formula unit of the composition, formula)."""
    return parse_salts(composition.salt)


def formula_units_for(composition: Composition, *, atoms: int) -> int:
    """The number of formula units of the cell nearest to `atoms` atoms.

    A multiple of the smallest number for which every element and every dissolved salt has an integer count; of two
    equally near, the smaller.
    """
    smallest = _smallest_formula_units(composition)
    atoms_of_smallest = sum(composition.amounts.values()) * smallest
    return smallest * max(1, math.ceil(Fraction(atoms) / atoms_of_smallest - Fraction(1, 2)))


def _smallest_formula_units(composition: Composition) -> int:
    amounts = [*composition.amounts.values(), *(coefficient for coefficient, _ in salts(composition))]
    return math.lcm(*(amount.denominator for amount in amounts))


def counts(composition: Composition, formula_units: int) -> dict[str, int]:
    """Atoms of each element in a cell of `formula_units` formula units, in formula order.

    Raises:
        InputError: an element would have a fractional number of atoms.
    """
    exact = {symbol: amount * formula_units for symbol, amount in composition.amounts.items()}
    if broken := [symbol for symbol, amount in exact.items() if amount.denominator != 1]:
        cell = f"{composition.id}: {formula_units} formula units of {composition.formula}"
        remedy = f"take a multiple of {_smallest_formula_units(composition)}"
        raise InputError([f"{cell} hold a fraction of an atom of {', '.join(broken)}; {remedy}."])
    return {symbol: int(amount) for symbol, amount in exact.items()}


@dataclass(frozen=True)
class FormulaRounding:
    """How far decimal stoichiometries may be rounded.

    Args:
        atoms: most atoms of a cell with whole numbers of atoms.
        largest_change: of an amount, relative; what the user has confirmed.
    """

    atoms: int
    largest_change: float


def read_compositions(
    path: str | Path, *, potentials: Collection[str], rounding: FormulaRounding | None = None
) -> dict[str, Composition]:
    """Read and check compositions.tsv.

    Args:
        path: tab-separated table with the columns of `COLUMNS`, to which structure files are relative.
        potentials: names in potentials.tsv.
        rounding: of decimal stoichiometries of packed cells; None takes them as written.

    Returns:
        id → composition, in the order of the table.

    Raises:
        InputError: all problems of all rows; a wrong header alone.
    """
    path = Path(path)
    rows = read_table(path, columns=COLUMNS, key="id")
    readable = [row for row in rows if row.cells]
    check_names(readable, column="id", reserved=RESERVED_IDS)
    compositions = [_read_row(row, table=path, potentials=potentials, rounding=rounding) for row in readable]
    if problems := [problem for row in rows for problem in row.problems]:
        raise InputError(problems)
    return {composition.id: composition for composition in compositions}


def _read_row(
    row: Row, *, table: Path, potentials: Collection[str], rounding: FormulaRounding | None
) -> Composition | None:
    """The composition of a row; None where the row has problems, which it then holds."""
    amounts = row.attempt("formula", parse_formula)
    oxidation_states = row.attempt("oxidation_states", parse_oxidation_states)
    salt_terms = row.attempt("salt", parse_salts)
    changed = {}
    if amounts is not None:
        _check_mobile_ion(row, amounts)
        if rounding and oxidation_states is not None and _is_rounded(row, amounts, oxidation_states, rounding):
            changed = _rounded(row, amounts, oxidation_states, rounding)
        elif oxidation_states is not None:
            _check_charge(row, amounts, oxidation_states)
        if salt_terms is not None:
            _check_sum(row, amounts, salt_terms)
    start = _read_start(row, table=table)
    _check_potential(row, potentials)
    numbers = {"density_g_cm3": row.attempt("density_g_cm3", _density), **_read_literature(row)}
    if row.problems:
        return None
    parsed = {**numbers, "amounts": amounts, "oxidation_states": oxidation_states, "start": start}
    return Composition(**row.cells | parsed | changed)


def _is_rounded(
    row: Row, amounts: Mapping[str, Fraction], states: Mapping[str, float], rounding: FormulaRounding
) -> bool:
    """Whether a formula of a packed cell has decimals that make it charged or its cell too large."""
    if row.cells["start"] != "pack" or amounts.keys() != states.keys():
        return False
    if all(amount.denominator <= LARGEST_DENOMINATOR for amount in amounts.values()):
        return False
    charge = total_charge(amounts, states)
    positive = sum(amount * simple_fraction(states[symbol]) for symbol, amount in amounts.items() if states[symbol] > 0)
    if abs(charge) > ROUNDED_CHARGE * positive:
        return False
    return bool(charge) or _atoms_of_whole(amounts) > rounding.atoms


def _atoms_of_whole(amounts: Mapping[str, Fraction]) -> int:
    return int(sum(amounts.values()) * math.lcm(*(amount.denominator for amount in amounts.values())))


def _rounded(
    row: Row, amounts: Mapping[str, Fraction], states: Mapping[str, float], rounding: FormulaRounding
) -> dict[str, object]:
    """Formula and amounts of the nearest neutral formula, where the user has confirmed it; else a complaint."""
    formula, nearest = row.cells["formula"], nearest_formula(amounts, states, atoms=rounding.atoms)
    why = f"'{formula}' has {float(total_charge(amounts, states)):+.3g} e and whole numbers of atoms only in "
    why += f"{_atoms_of_whole(amounts)} atoms, with cells.atoms {rounding.atoms}"
    if nearest is None:
        row.complain("formula", f"{why}; no neutral formula fits: raise cells.atoms or correct the formula.")
        return {}
    found = f"the nearest neutral formula is {nearest.text} ({nearest.description})"
    if row.cells["host"] or row.cells["salt"]:
        row.complain("formula", f"{why}; {found}: write it, with host and salt that add up to it.")
        return {}
    if nearest.largest_change > rounding.largest_change:
        needed = math.ceil(nearest.largest_change * 1e4) / 1e4
        row.complain("formula", f"{why}; {found}: write it, or confirm it by cells.formula_rounding: {needed:g}.")
        return {}
    note = "; ".join(filter(None, (row.cells["note"], f"rounded from {formula} ({nearest.description})")))
    return {"formula": nearest.text, "amounts": parse_formula(nearest.text), "note": note}


def _check_charge(row: Row, amounts: Mapping[str, Fraction], oxidation_states: Mapping[str, int]) -> None:
    column = "oxidation_states"
    for symbol in [symbol for symbol in amounts if symbol not in oxidation_states]:
        row.complain(column, f"the oxidation state of {symbol} is missing; add it, such as '{symbol}:+1'.")
    for symbol in [symbol for symbol in oxidation_states if symbol not in amounts]:
        row.complain(column, f"{symbol} is not in '{row.cells['formula']}'; remove its oxidation state.")
    if amounts.keys() != oxidation_states.keys():
        return
    if charge := float(total_charge(amounts, oxidation_states)):
        remedy = "correct the formula (amounts to four decimals) or the oxidation states"
        row.complain(column, f"the charges add up to {charge:+.4g} e per formula unit, not 0; {remedy}.")


def _check_mobile_ion(row: Row, amounts: Mapping[str, Fraction]) -> None:
    if (ion := row.cells["mobile_ion"]) not in amounts:
        shown = f"'{ion}' is not in the formula '{row.cells['formula']}'" if ion else "no element is named"
        row.complain("mobile_ion", f"{shown}; name one of {', '.join(amounts)}.")


def _check_sum(row: Row, amounts: Mapping[str, Fraction], salt_terms: list[tuple[Fraction, str]]) -> None:
    """Host and salts must add up to the formula."""
    host = row.cells["host"]
    if not (host or salt_terms) or (host and row.attempt("host", parse_formula) is None):
        return
    total = host_and_salts(host, salt_terms)
    differing = [symbol for symbol in {**amounts, **total} if amounts.get(symbol) != total.get(symbol)]
    found = [_difference(symbol, total, amounts) for symbol in differing]
    if found:
        remedy = "correct one of the three, or write '-' for both host and salt to pack simple ions"
        row.complain("salt", f"host and salt do not add up to the formula ({', '.join(found)}); {remedy}.")


def _difference(symbol: str, total: Mapping[str, Fraction], amounts: Mapping[str, Fraction]) -> str:
    return f"{symbol} {float(total.get(symbol, 0)):.4g} instead of {float(amounts.get(symbol, 0)):.4g}"


def _read_start(row: Row, *, table: Path) -> str:
    """'pack', 'none', or the path of the structure file."""
    start = row.cells["start"]
    if start in ("pack", "none"):
        return start
    structure = named_path(start, named_in=table)
    if not os.path.isfile(structure):
        shown = f"the file '{structure}' does not exist" if start else "the cell is empty"
        remedy = "write 'pack', 'none' or a structure file, absolute or relative to the folder of the table"
        row.complain("start", f"{shown}; {remedy}.")
    return structure


def _check_potential(row: Row, potentials: Collection[str]) -> None:
    name = row.cells["potential"]
    known = f"name one of {', '.join(potentials)}" if potentials else "add it to potentials.tsv"
    if name and name not in potentials:
        row.complain("potential", f"'{name}' is not in potentials.tsv; {known}.")
    if not name and row.cells["start"] != "none":
        row.complain("potential", f"a simulated composition needs one; {known}, or set start to 'none'.")


def _read_literature(row: Row) -> dict[str, float | None]:
    """The literature values of a row; a value needs its origin, a conductivity its temperature."""
    if (basis := row.cells["density_basis"]) not in DENSITY_BASES:
        row.complain("density_basis", f"'{basis}' is unknown; write one of {_listed(DENSITY_BASES)}.")
    for value, origin in (("sigma_mS_cm", "sigma_origin"), ("Ea_eV", "Ea_origin")):
        if row.cells[value] and row.cells[origin] not in ORIGINS:
            shown = f"'{row.cells[origin]}' does not say where {value} comes from"
            row.complain(origin, f"{shown}; write one of {_listed(ORIGINS)}.")
        elif row.cells[origin] and not row.cells[value]:
            row.complain(origin, f"there is an origin but no {value}; give the value or write '-'.")
    if row.cells["sigma_mS_cm"] and not row.cells["sigma_temperature_C"]:
        row.complain("sigma_temperature_C", "a conductivity needs its temperature; give it in °C.")
    return {
        "sigma_mS_cm": row.attempt("sigma_mS_cm", lambda text: positive_number(text) if text else None),
        "sigma_temperature_C": row.attempt("sigma_temperature_C", _temperature),
        "Ea_eV": row.attempt("Ea_eV", lambda text: positive_number(text) if text else None),
    }


def _density(text: str) -> float:
    density_g_cm3 = positive_number(text)
    lightest, heaviest = DENSITIES_G_CM3
    if not lightest <= density_g_cm3 <= heaviest:
        raise InputError([f"{text} g/cm3 is no density of a solid; write one from {lightest} to {heaviest}."])
    return density_g_cm3


def _temperature(text: str) -> float | None:
    if not text:
        return None
    temperature_C = finite_number(text)
    if temperature_C is None or temperature_C <= -273.15:
        raise InputError([f"'{text}' is not a temperature in °C; write a number such as 25."])
    return temperature_C


def _listed(words: Collection[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
