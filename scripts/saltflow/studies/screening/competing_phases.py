"""The crystals that members of a family compete with: given files, prototypes of elements and of salts."""

import logging
from collections.abc import Mapping, Sequence

from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.campaign.family import Family
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.given_crystal import read_crystal
from saltflow.studies.screening.family_members import Member, unknown_elements, variants
from saltflow.studies.screening.phase_prototypes import element_crystal, salts

log = logging.getLogger(__name__)


def competing_phases(family: Family, members: Sequence[Member], potential: MDPotential) -> dict[str, Atoms]:
    """Name → crystal before relaxation; what cannot be read or evaluated is told and left out.

    Args:
        family: with its phases, and whether prototypes join them.
        members: that were built; prototypes are made of their elements, at their charges.
        potential: whose elements are known.
    """
    built = [each for each in members if each.atoms is not None]
    found: dict[str, Atoms] = {}
    for file in family.phases:
        try:
            found[file.stem] = read_crystal(str(file), seed=family.seed, most_atoms=family.atoms)
        except SaltflowError as error:
            log.warning("%s is left out of the competing phases: %s", file.name, " ".join(str(error).split()))
    for name, structure, doping, _ in variants(family, family.phase_prototypes):
        if isinstance(structure, InputError):
            log.warning("%s is left out of the competing phases: %s", name, structure)
        elif doping is None:
            found.setdefault(name, structure.to_ase_atoms(msonable=False))
    if family.generate_phases:
        found = _generated(built, found) | found
    unknown = {name: problem for name, cell in found.items() if (problem := unknown_elements(cell, potential))}
    for name, problem in unknown.items():
        log.warning("%s is left out of the competing phases: %s", name, problem)
    return {name: cell for name, cell in found.items() if name not in unknown}


def _generated(members: Sequence[Member], given: Mapping[str, Atoms]) -> dict[str, Atoms]:
    found: dict[str, Atoms] = {}
    elements = dict.fromkeys(str(symbol) for cell in (*given.values(), *(each.atoms for each in members))
                             for symbol in cell.symbols)  # fmt: skip
    for element in elements:
        if (cell := element_crystal(element)) is not None:
            found[element] = cell
    for member in members:
        for name, cell in salts(member.charges):
            found.setdefault(name, cell)
    return found
