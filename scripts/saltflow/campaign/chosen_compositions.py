"""The tables of a preset with other compositions in them: rows of the catalogue, or made from a formula."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.repository import REPOSITORY
from saltflow.base.tables import read_table
from saltflow.campaign import potentials_table
from saltflow.materials import compositions
from saltflow.materials.formulas import flat_formula, parse_formula

CATALOGUE = REPOSITORY / "config/compositions.tsv"
MOBILE_IONS = ("Li", "Na", "K", "Ag", "Cu")
IN_POLYANIONS = frozenset({"H", "B", "C", "N", "P", "S"})  # where their charge is positive
SWEPT = re.compile(r"^  compositions: \[.*?\]", flags=re.M)
BY_HAND = "write its row as docs/add-an-electrolyte.md shows"


def files_for(preset: Path, names: Sequence[str], *, elements_of: Callable[[Path], set[str] | None]) -> dict[str, str]:
    """File of a preset → its text with chosen compositions.

    Args:
        preset: its folder, with tables of its own and one potential for all compositions, or with a list of ids of the
            catalogue in its settings.
        names: ids of the catalogue, or formulas.
        elements_of: the elements that a model file knows; None where it does not tell.

    Raises:
        InputError: a sentence for each name that neither the catalogue nor its formula gives a row for, or for a preset
            whose potentials fit its own compositions only.
    """
    rows, problems = [], []
    catalogue = _read(CATALOGUE, compositions.COLUMNS, "id")
    names = list(dict.fromkeys(name if name in catalogue else _as_id(name) for name in names))
    has_tables = (preset / "compositions.tsv").is_file()
    for name in names:
        try:
            rows.append(_of_catalogue(catalogue[name]) if name in catalogue else _of_formula(name, allowed=has_tables))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    if not has_tables:
        settings = (preset / "config.yaml").read_text()
        return {"config.yaml": SWEPT.sub(f"  compositions: [{', '.join(names)}]", settings, count=1)}
    drivers = {row["potential"] for row in _read(preset / "compositions.tsv", compositions.COLUMNS, "id").values()}
    if len(drivers) != 1:
        raise InputError([f"The preset {preset.name} is an example with compositions of its own; choose another one."])
    (driver,) = drivers
    elements = {element for row in rows for element in parse_formula(row["formula"])}
    potentials = [
        _with_known_elements(row, elements, preset / row["foundation"], elements_of)
        for row in _read(preset / "potentials.tsv", potentials_table.COLUMNS, "name").values()
    ]
    return {
        "compositions.tsv": _text(compositions.COLUMNS, [row | {"potential": driver} for row in rows]),
        "potentials.tsv": _text(
            potentials_table.COLUMNS, [row | {"compositions": " ".join(names)} for row in potentials]
        ),
    }


def _with_known_elements(
    row: dict[str, str], elements: set[str], model: Path, elements_of: Callable[[Path], set[str] | None]
) -> dict[str, str]:
    """A row whose teacher melts the first cells where the shipped model does not know an element."""
    known = elements_of(model) if model.is_file() and row["reference"] else None
    if known is None or elements <= known:
        return row
    note = f"from scratch, as {row['foundation']} does not know {', '.join(sorted(elements - known))}"
    return row | {"foundation": row["reference"], "foundation_sha256": "", "note": note}


def _read(path: Path, columns: Sequence[str], key: str) -> dict[str, dict[str, str]]:
    return {row.cells[key]: row.cells for row in read_table(path, columns=columns, key=key)}


def _text(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    lines = [columns, *([row.get(column) or "-" for column in columns] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _as_id(formula: str) -> str:
    """A formula without brackets, dots or subscripts, which no folder may be called by; as it is where it is none."""
    if re.fullmatch(r"[A-Za-z0-9.]+", formula):
        return formula
    try:
        return flat_formula(parse_formula(formula))
    except InputError:
        return formula


def _of_catalogue(row: dict[str, str]) -> dict[str, str]:
    if row["start"] == "none":
        raise InputError([f"{row['id']} has no structure in the catalogue; {BY_HAND}, with a structure file."])
    return row


def _of_formula(formula: str, *, allowed: bool) -> dict[str, str]:
    """A row with simple ions, guessed oxidation states and the density of the packing model."""
    if not allowed:
        raise InputError([f"{formula} is not in the catalogue, whose tables this preset uses; choose another preset."])
    try:
        amounts = parse_formula(formula)
    except InputError as error:
        raise InputError([f"{formula} is not in the catalogue, and {problem}" for problem in error.problems]) from None
    mobile_ion = next((ion for ion in MOBILE_IONS if ion in amounts), None)
    if mobile_ion is None:
        raise InputError([f"{formula} has none of the mobile ions {', '.join(MOBILE_IONS)}; {BY_HAND}."])
    states = _guessed_states(formula)
    if bound := sorted(element for element in IN_POLYANIONS & states.keys() if states[element] > 0):
        raise InputError([f"{formula} may hold polyanions of {', '.join(bound)}; {BY_HAND}."])
    own = {"id": formula, "formula": formula, "mobile_ion": mobile_ion, "start": "pack"}
    return own | {
        "oxidation_states": " ".join(f"{element}:{states[element]:+d}" for element in amounts),
        "density_g_cm3": f"{_packed_density_g_cm3(own | {'oxidation_states': states}):.3g}",
        "density_basis": "packing model",
        "note": "oxidation states guessed from the formula",
    }


def _guessed_states(formula: str) -> dict[str, int]:
    """The likeliest oxidation states, one for each element."""
    from pymatgen.core import Composition  # seconds

    amounts = parse_formula(formula)
    whole = math.lcm(*(amount.denominator for amount in amounts.values()))
    guesses = Composition({element: int(amount * whole) for element, amount in amounts.items()}).oxi_state_guesses()
    if not guesses or any(state != round(state) for state in guesses[0].values()):
        raise InputError([f"{formula} has no neutral oxidation states that could be guessed; {BY_HAND}."])
    return {element: round(state) for element, state in guesses[0].items()}


def _packed_density_g_cm3(identity: Mapping) -> float:
    from saltflow.materials.cells.start_density import shannon_density  # with scipy

    row = {"host": "", "salt": "", "density_g_cm3": math.nan} | dict(identity)
    return shannon_density(compositions.Composition.from_identity(row))
