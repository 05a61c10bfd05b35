"""A family before relaxation: its members and what they compete with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from saltflow.base.errors import InputError
from saltflow.campaign.family import Family
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.kept_numbers import numbers_of, structure_of
from saltflow.studies.relaxation.relaxed_cells import RelaxedCell
from saltflow.studies.relaxation.relaxed_crystals import relax_crystals
from saltflow.studies.screening.competing_phases import competing_phases
from saltflow.studies.screening.family_members import Member, members_of

PHASE = "phase "  # before the names of competing phases, which may be those of members


@dataclass(frozen=True)
class BuiltFamily:
    """Members and competing phases.

    Attributes:
        members: name → member.
        phases: name → cell.
        mobile: element of the mobile ion.
        reacts_with: formulas of phases, for reaction energies.
    """

    members: Mapping[str, Member]
    phases: Mapping[str, Atoms]
    mobile: str
    reacts_with: tuple[str, ...]

    @property
    def cells(self) -> dict[str, Atoms]:
        """What is relaxed: members that could be built by their names, phases with `PHASE` before theirs."""
        built = {name: each.atoms for name, each in self.members.items() if each.atoms is not None}
        return built | {PHASE + name: cell for name, cell in self.phases.items()}

    @property
    def jobs(self) -> str:
        """What would be computed."""
        return (f"{len(self.members)} members and {len(self.phases)} competing phases: {len(self.cells)} relaxations "
                f"of {sum(map(len, self.cells.values()))} atoms in all")  # fmt: skip

    def check_budget(self, budget: int) -> None:
        """Refuse more relaxations than asked for.

        Raises:
            InputError: naming how many there are.
        """
        if (asked := len(self.cells)) > budget:
            raise InputError([f"{self.jobs}, over --budget {budget}; raise it to {asked}, or ask for less."])

    def record(self) -> dict:
        """All of it, JSON-able."""
        members = {
            name: {
                "charges": dict(each.charges),
                "problem": each.problem,
                "cell": each.atoms and numbers_of(each.atoms),
            }
            for name, each in self.members.items()
        }
        phases = {name: numbers_of(cell) for name, cell in self.phases.items()}
        return {"members": members, "phases": phases, "mobile": self.mobile, "reacts_with": list(self.reacts_with)}


def of_record(record: Mapping) -> BuiltFamily:
    """The family of `BuiltFamily.record`."""
    members = {
        name: Member(name, each["cell"] and structure_of(each["cell"]), each["charges"], each["problem"])
        for name, each in record["members"].items()
    }
    phases = {name: structure_of(cell) for name, cell in record["phases"].items()}
    return BuiltFamily(members, phases, record["mobile"], tuple(record["reacts_with"]))


def check_members(family: Family, budget: int) -> None:
    """Refuse a family that is larger than asked for, before any of it is built.

    Raises:
        InputError: naming how many members there are.
    """
    if family.most_members > budget:
        raise InputError([f"The family has {family.most_members} members, over --budget {budget}; raise it, or "
                          "substitute less."])  # fmt: skip


def build_family(family: Family, potential: MDPotential) -> BuiltFamily:
    """Build all members and competing phases.

    Args:
        family: as asked.
        potential: whose elements are known.

    Raises:
        InputError: no member can be built.
    """
    members = {member.name: member for member in members_of(family, potential)}
    if all(each.atoms is None for each in members.values()):
        raise InputError([f"None of {len(members)} members could be built; the first: "
                          f"{next(iter(members.values())).problem}"])  # fmt: skip
    phases = competing_phases(family, list(members.values()), potential)
    return BuiltFamily(members, phases, family.mobile, family.reacts_with)


def relax_family(
    cells: Mapping[str, Atoms], potential: MDPotential, *, settings: Mapping, folder: Path
) -> dict[str, RelaxedCell]:
    """Name → relaxed crystal, of all `cells` of a family or of some; what the folder holds is not computed again.

    Args:
        cells: of `BuiltFamily.cells`.
        potential: of the engine.
        settings: of `relax_crystals`.
        folder: for relaxed/, the members, and phases/.
    """
    members = {name: cell for name, cell in cells.items() if not name.startswith(PHASE)}
    phases = {name.removeprefix(PHASE): cell for name, cell in cells.items() if name.startswith(PHASE)}
    found = relax_crystals(members, potential, settings=settings, folder=folder / "relaxed")
    others = relax_crystals(phases, potential, settings=settings, folder=folder / "phases")
    return found | {PHASE + name: cell for name, cell in others.items()}
