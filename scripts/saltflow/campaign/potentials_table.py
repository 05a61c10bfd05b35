"""potentials.tsv: what each starts from, what labels it, and which compositions train it."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.tables import Row, check_names, read_table
from saltflow.materials.compositions import Composition

COLUMNS = ("name", "foundation", "foundation_sha256", "reference", "compositions", "note")
RESERVED_NAMES = ("none",)
SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class PotentialRow:
    """One potential of the table.

    Attributes:
        name: unique name, safe as a folder.
        foundation: 'none' (trained from scratch), another potential of the table, or a local model file.
        foundation_sha256: hexadecimal SHA-256 that pins a foundation file; '' for the other foundations.
        reference: the reference method that labels its training frames.
        compositions: ids of the compositions that train it.
        note: free text.
    """

    name: str
    foundation: str
    foundation_sha256: str
    reference: str
    compositions: tuple[str, ...]
    note: str


def read_potentials(path: str | Path, *, references: Collection[str]) -> dict[str, PotentialRow]:
    """Read and check potentials.tsv.

    Args:
        path: tab-separated table with the columns of `COLUMNS`. A foundation file is sought relative to the
            working directory.
        references: names of the known reference methods.

    Returns:
        name → potential, in the order of the table.

    Raises:
        InputError: every problem of every row at once; a wrong header alone, since nothing can be read then.
    """
    rows = read_table(path, columns=COLUMNS, key="name")
    readable = [row for row in rows if row.cells]
    check_names(readable, column="name", reserved=RESERVED_NAMES)
    names = [row.cells["name"] for row in readable]
    for row in readable:
        _check_foundation(row, names)
        _check_training(row, references)
    _check_cycles(readable)
    if problems := [problem for row in rows for problem in row.problems]:
        raise InputError(problems)
    return {row.cells["name"]: _potential(row) for row in readable}


def _potential(row: Row) -> PotentialRow:
    return PotentialRow(**row.cells | {"compositions": tuple(row.cells["compositions"].split())})


def _check_foundation(row: Row, names: Collection[str]) -> None:
    foundation, sha256 = row.cells["foundation"], row.cells["foundation_sha256"]
    if foundation == "none" or foundation in names:
        if sha256:
            row.complain("foundation_sha256", f"'{foundation}' is not a file and has no hash; write '-'.")
    elif not foundation or not Path(foundation).is_file():
        shown = f"'{foundation}' is neither a potential of this table nor a file" if foundation else "the cell is empty"
        remedy = "write 'none', a name of this table or the path of a model from the working directory"
        row.complain("foundation", f"{shown}; {remedy}.")
    elif not SHA256.fullmatch(sha256):
        shown = f"'{sha256}' is not a SHA-256 of 64 hexadecimal digits" if sha256 else "the hash is missing"
        row.complain("foundation_sha256", f"{shown}; write what `sha256sum {foundation}` prints.")


def _check_training(row: Row, references: Collection[str]) -> None:
    if (reference := row.cells["reference"]) not in references:
        row.complain("reference", f"'{reference}' is not a reference method; name one of {', '.join(references)}.")
    members = row.cells["compositions"].split()
    if not members:
        row.complain("compositions", "no composition trains this potential; list ids separated by spaces.")
    for member in dict.fromkeys(members):
        if members.count(member) > 1:
            row.complain("compositions", f"'{member}' is listed {members.count(member)} times; list it once.")


def _check_cycles(rows: Sequence[Row]) -> None:
    """Note on each potential of a cycle that it is, through others or not, its own foundation."""
    begun = ("", "none")
    foundations = {row.cells["name"]: row.cells["foundation"] for row in rows if row.cells["foundation"] not in begun}
    for row in rows:
        chain = _chain(foundations, row.cells["name"])
        if chain and foundations[chain[-1]] == chain[0]:
            shown = " → ".join([*chain, chain[0]])
            row.complain("foundation", f"the foundations run in a circle ({shown}); let one begin with 'none'.")


def _chain(foundations: Mapping[str, str], name: str) -> list[str]:
    """The potential, its foundation, the foundation of that, … as long as they are new and in the table."""
    chain: list[str] = []
    while name in foundations and name not in chain:
        chain.append(name)
        name = foundations[name]
    return chain


def check_members(potentials: Mapping[str, PotentialRow], compositions: Mapping[str, Composition]) -> None:
    """Make sure that each potential is trained on what exists and knows the elements it will meet.

    A trained model holds the elements of its training frames and no others: a composition can only use a
    potential whose members contain all its elements, and a potential can only start from another that does.

    Raises:
        InputError: every member without a composition or without a structure, every composition with elements
            that its potential does not know, every potential with elements that its foundation does not, and
            every potential of another reference than its foundation.
    """
    problems = [problem for row in potentials.values() for problem in _member_problems(row, compositions)]
    known = {name: _elements(row, compositions) for name, row in potentials.items()}
    for composition in compositions.values():
        if composition.potential and (missing := composition.amounts.keys() - known[composition.potential]):
            where = f"Composition {composition.id}, column potential"
            problems.append(_missing(where, composition.potential, missing))
    problems += [
        _missing(f"Potential {row.name}, column foundation", row.foundation, missing)
        for row in potentials.values()
        if row.foundation in potentials and (missing := known[row.name] - known[row.foundation])
    ]
    problems += [
        f"Potential {row.name}, column reference: it learns from '{row.reference}', but starts from {row.foundation}, "
        f"which learned from '{other}'; two methods (or one with dispersion and one without) do not mix: give both the "
        "same reference."
        for row in potentials.values()
        if row.foundation in potentials and (other := potentials[row.foundation].reference) != row.reference
    ]
    if problems:
        raise InputError(problems)


def _elements(row: PotentialRow, compositions: Mapping[str, Composition]) -> set[str]:
    members = [compositions[member] for member in row.compositions if member in compositions]
    return {symbol for member in members for symbol in member.amounts}


def _missing(where: str, potential: str, missing: Collection[str]) -> str:
    shown = f"nothing that trains '{potential}' contains {', '.join(sorted(missing))}"
    return f"{where}: {shown}; list a composition that does in potentials.tsv."


def _member_problems(row: PotentialRow, compositions: Mapping[str, Composition]) -> list[str]:
    where = f"Potential {row.name}, column compositions"
    problems = []
    for member in row.compositions:
        if member not in compositions:
            problems.append(f"{where}: '{member}' is not in compositions.tsv; add it there or remove it.")
        elif compositions[member].start == "none":
            remedy = "give it a start or remove it"
            problems.append(f"{where}: '{member}' has start 'none', so no structure can train it; {remedy}.")
    return problems
