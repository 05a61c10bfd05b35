"""Isolated anions of many crystals: a row for each, with a sentence where there can be none."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.materials.ordering.disordered_crystal import DisorderedCrystal, read_disordered
from saltflow.materials.ordering.formal_charges import chosen_charges
from saltflow.studies.screening.cage_network import cage_network
from saltflow.studies.screening.isolated_anions import AnionOrbit, anions_of

COLUMNS = ("structure", "formula", "isolated", "isolated_share", "coordination", "site_symmetry", "next_A", "shared",
           "dimensions", "status")  # fmt: skip


def study_anions(path: Path, *, mobile: str, charges: str = "") -> dict:
    """The anions of one crystal and the network of their cages.

    Args:
        path: a CIF, or another structure file.
        mobile: element of the mobile ion.
        charges: such as "Li=1,S=-2"; guessed where it is empty.

    Returns:
        formula, charges, anions, isolated_share of all anions, network; JSON-able.

    Raises:
        InputError: the file is no structure, its charges do not balance, or it has no anion or no mobile ion.
    """
    crystal = read_disordered(path)
    return anion_record(crystal, chosen_charges(charges, crystal), mobile=mobile)


def anion_record(crystal: DisorderedCrystal, charges: Mapping[str, float], *, mobile: str) -> dict:
    """The record of `study_anions`, of a crystal and its charges.

    Args:
        crystal: with its occupancies.
        charges: element → formal charge in e.
        mobile: element of the mobile ion.

    Raises:
        InputError: it has no anion or no mobile ion.
    """
    anions = anions_of(crystal, charges, mobile=mobile)
    every = sum(len(each.sites) * each.occupancy for each in anions)
    isolated = sum(len(each.sites) * each.occupancy for each in anions if each.is_isolated)
    formula = "".join(f"{element}{amount:.4g}" for element, amount in crystal.amounts.items())
    return {
        "formula": formula,
        "charges": dict(charges),
        "isolated_share": isolated / every,
        "anions": [_record(each) for each in anions],
        "network": asdict(cage_network(crystal, anions)),
    }


def _record(anion: AnionOrbit) -> dict:
    return {
        "label": anion.label,
        "elements": anion.elements,
        "per_cell": len(anion.sites) * anion.occupancy,
        "neighbours": dict(anion.neighbours),
        "site_symmetry": anion.site_symmetry,
        "isolated": anion.is_isolated,
    }


def table_of(files: Iterable[Path], *, mobile: str, charges: str, say: Callable[[str], None]) -> dict[str, dict]:
    """Structure → its record, or {"status": why there is none}; each is told as it is done.

    Args:
        files: structures.
        mobile, charges: as of `study_anions`.
        say: takes a line.
    """
    found: dict[str, dict] = {}
    for file in files:
        try:
            found[file.stem] = study_anions(file, mobile=mobile, charges=charges) | {"status": "ok"}
        except SaltflowError as error:
            found[file.stem] = {"status": " ".join(str(error).split())}
        row = row_of(file.stem, found[file.stem])
        say(f"{file.stem}: " + (row["isolated"] or "none isolated" if row["status"] == "ok" else row["status"]))
    return found


def row_of(name: str, record: dict) -> dict[str, str]:
    """A row of anions.tsv, as text."""
    row = dict.fromkeys(COLUMNS, "") | {"structure": name, "status": record["status"]}
    if record["status"] != "ok":
        return row
    isolated = [each for each in record["anions"] if each["isolated"]]
    network = record["network"]
    return row | {
        "formula": record["formula"],
        "isolated": "; ".join(f"{each['label']} ({each['elements']})" for each in isolated),
        "isolated_share": f"{record['isolated_share']:.4f}",
        "coordination": "; ".join(f"{sum(each['neighbours'].values()):.4g}" for each in isolated),
        "site_symmetry": "; ".join(each["site_symmetry"] for each in isolated),
        "next_A": "" if network["next_A"] is None else f"{network['next_A']:.3f}",
        "shared": network["shared"] or "",
        "dimensions": str(network["dimensions"]),
    }


def text_of(records: dict[str, dict]) -> str:
    """anions.tsv: those with the largest share of isolated anions first."""
    rows = [row_of(name, record) for name, record in records.items()]
    rows.sort(key=lambda row: (row["status"] != "ok", -float(row["isolated_share"] or 0), row["structure"]))
    lines = ["\t".join(COLUMNS), *("\t".join(row[column] for column in COLUMNS) for row in rows)]
    return "\n".join(lines) + "\n"
