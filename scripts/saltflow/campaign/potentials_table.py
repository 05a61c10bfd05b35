"""potentials.tsv: what each starts from, what labels it, and which compositions train it."""

import os.path
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.named_path import named_path
from saltflow.base.tables import Row, check_names, read_table
from saltflow.campaign.published_foundations import find_published
from saltflow.materials.compositions import Composition

COLUMNS = ("name", "foundation", "foundation_sha256", "reference", "compositions", "note")
RESERVED_NAMES = ("none",)
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
WANTED = (
    "write 'none', a name of this table, a universal potential of config/references or the path of a model, absolute "
    "or relative to the table"
)


@dataclass(frozen=True)
class PotentialRow:
    """One potential of the table.

    Attributes:
        name: unique name, safe as a folder.
        foundation: 'none' (trained from scratch), another potential of the table, a universal potential, or the path
            of a model file.
        foundation_sha256: hexadecimal SHA-256 that pins a foundation file; '' for the other foundations.
        reference: the reference method that labels its training frames; '' where the foundation is used as it is.
        compositions: ids of the compositions that train it, or that the foundation drives.
        note: free text.
        is_universal: whether the foundation is a universal potential, which melts the first cells or drives them all;
            a training does not start from it.
    """

    name: str
    foundation: str
    foundation_sha256: str
    reference: str
    compositions: tuple[str, ...]
    note: str
    is_universal: bool = False

    @property
    def begins_anew(self) -> bool:
        """Whether a training starts from scratch: no foundation has weights for it."""
        return self.foundation == "none" or self.is_universal

    @property
    def is_trained(self) -> bool:
        """Whether it learns from labels; otherwise its foundation drives molecular dynamics as it is, zero-shot."""
        return bool(self.reference)


def read_potentials(
    path: str | Path, *, references: Collection[str], universal: Collection[str] = ()
) -> dict[str, PotentialRow]:
    """Read and check potentials.tsv.

    Args:
        path: tab-separated table with the columns of `COLUMNS`, to which foundation files are relative.
        references: names of the known reference methods.
        universal: those of them that are universal potentials.

    Returns:
        name → potential, in the order of the table.

    Raises:
        InputError: every problem of every row at once; a wrong header alone, since nothing can be read then.
    """
    rows = read_table(path, columns=COLUMNS, key="name")
    readable = [row for row in rows if row.cells]
    check_names(readable, column="name", reserved=(*RESERVED_NAMES, *universal))
    names = [row.cells["name"] for row in readable]
    for row in readable:
        _read_foundation(row, {*names, *universal}, table=Path(path))
        _check_reference(row, names, references)
        _check_compositions(row)
    _check_cycles(readable)
    if problems := [problem for row in rows for problem in row.problems]:
        raise InputError(problems)
    return {row.cells["name"]: _potential(row, universal) for row in readable}


def _potential(row: Row, universal: Collection[str]) -> PotentialRow:
    compositions = tuple(row.cells["compositions"].split())
    is_universal = row.cells["foundation"] in universal
    return PotentialRow(**row.cells | {"compositions": compositions}, is_universal=is_universal)


def _read_foundation(row: Row, names: Collection[str], *, table: Path) -> None:
    """Put the path of a foundation file, from the working directory, into its cell."""
    foundation, sha256 = row.cells["foundation"], row.cells["foundation_sha256"]
    if foundation == "none" or foundation in names:
        if sha256:
            row.complain("foundation_sha256", f"'{foundation}' is not a file and has no hash; write '-'.")
        return
    row.cells["foundation"] = model = named_path(foundation, named_in=table)
    if not os.path.isfile(model):
        row.complain("foundation", _missing_foundation(foundation, folder=table.parent))
    elif not SHA256.fullmatch(sha256):
        shown = f"'{sha256}' is not a SHA-256 of 64 hexadecimal digits" if sha256 else "the hash is missing"
        row.complain("foundation_sha256", f"{shown}; write what `sha256sum {foundation}` prints.")


def _missing_foundation(foundation: str, *, folder: Path) -> str:
    if not foundation:
        return f"the cell is empty; {WANTED}."
    if published := find_published(foundation):
        command = f"saltflow foundation fetch {published.name} --to {folder.resolve() / Path(foundation).parent}"
        return f"the published model '{foundation}' is not there; `{command}` fetches it where there is a network."
    return f"'{foundation}' is neither a potential of this table, a universal potential nor a file; {WANTED}."


def _check_reference(row: Row, names: Collection[str], references: Collection[str]) -> None:
    reference, foundation = row.cells["reference"], row.cells["foundation"]
    if reference and reference not in references:
        row.complain("reference", f"'{reference}' is not a reference method; name one of {', '.join(references)}.")
    elif not reference and (foundation == "none" or foundation in names):
        shown = "there is none" if foundation == "none" else f"'{foundation}' is a potential of this table already"
        remedy = "name a universal potential or a model file as foundation, or a reference that labels training frames"
        row.complain("reference", f"'-' uses the foundation as it is, but {shown}; {remedy}.")


def _check_compositions(row: Row) -> None:
    members = row.cells["compositions"].split()
    if not members:
        shown = "trains this potential" if row.cells["reference"] else "is driven by this potential"
        row.complain("compositions", f"no composition {shown}; list ids separated by spaces.")
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
    potential whose members contain all its elements, and a potential can only start from another that does. A
    foundation that is used as it is drives its members alone, and no other potential starts from it.

    Raises:
        InputError: every member without a composition or without a structure, every composition with elements
            that its potential does not know, every potential with elements that its foundation does not, and every
            use of a foundation beyond its members.
    """
    problems = [problem for row in potentials.values() for problem in _member_problems(row, compositions)]
    known = {name: _elements(row, compositions) for name, row in potentials.items() if row.is_trained}
    for composition in compositions.values():
        name, where = composition.potential, f"Composition {composition.id}, column potential"
        if name in known:
            if missing := composition.amounts.keys() - known[name]:
                problems.append(_missing(where, name, missing))
        elif name and composition.start != "none" and composition.id not in potentials[name].compositions:
            problems.append(f"{where}: '{name}' drives the compositions of its row only; add it there.")
    heirs = [row for row in potentials.values() if row.foundation in potentials]
    problems += [
        f"Potential {row.name}, column foundation: '{row.foundation}' is not trained (reference '-'); name its model "
        "file and SHA-256 instead."
        for row in heirs
        if row.foundation not in known
    ]
    heirs = [row for row in heirs if row.foundation in known]
    problems += [
        _missing(f"Potential {row.name}, column foundation", row.foundation, missing)
        for row in heirs
        if (missing := known[row.name] - known[row.foundation])
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
            unfit = "no structure can train it" if row.is_trained else "it has no structure to drive"
            problems.append(f"{where}: '{member}' has start 'none', so {unfit}; give it a start or remove it.")
    return problems
