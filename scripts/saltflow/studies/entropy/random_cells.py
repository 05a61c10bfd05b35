"""Random configurations of a composition: dopants on the site, the mobile ion as the charges ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from saltflow.base.errors import InputError
from saltflow.base.provenance import derive_seed
from saltflow.materials.ordering.disordered_crystal import crystal_of
from saltflow.materials.ordering.formal_charges import guess_charges, usual_charge
from saltflow.materials.ordering.ordered_cells import order_crystal
from saltflow.materials.ordering.ordering_plan import plan_within
from saltflow.materials.structure_files import is_cif, pymatgen_structures, read_structure
from saltflow.studies.entropy.space import Space

if TYPE_CHECKING:
    from pymatgen.core import Structure

EXACT, TOLERANCE = 1e-3, 0.06  # of occupancies: what is tried first, and what is taken


@dataclass(frozen=True)
class Prototype:
    """The crystal of a space.

    Attributes:
        structure: with occupancies, without oxidation states.
        charges: element → formal charge in e, of its own elements and of the dopants.
    """

    structure: "Structure"
    charges: Mapping[str, float]


def read_prototype(space: Space) -> Prototype:
    """The crystal of a space and the charges in it.

    Raises:
        InputError: the file holds no such site or mobile ion, or its charges cannot be guessed.
    """
    from pymatgen.io.ase import AseAtomsAdaptor

    if is_cif(space.prototype):
        structure = pymatgen_structures(space.prototype)[0].copy()
        structure.remove_oxidation_states()
    else:
        structure = AseAtomsAdaptor.get_structure(read_structure(space.prototype))
    amounts = {element.symbol: amount for element, amount in structure.composition.items()}
    if missing := [each for each in (space.site, space.mobile) if each not in amounts]:
        raise InputError([f"'{space.prototype}' holds no {missing[0]}; name an element of it."])
    given = dict(space.charges)
    own = given if set(amounts) <= set(given) else guess_charges(amounts, subject=f"'{space.prototype}'") | given
    usual = {each: usual_charge(each, like=own[space.site]) for each in space.dopants if each not in own}
    if unknown := [each for each, charge in usual.items() if charge is None]:
        raise InputError([f"{unknown[0]} has no usual charge in place of {space.site}; give it under charges."])
    return Prototype(structure, own | usual)


def configurations_of(space: Space, prototype: Prototype, fractions: np.ndarray) -> list[Atoms]:
    """Random cells of a composition, as many as the space asks for; whole atoms meet the fractions as they can.

    Args:
        space: as asked.
        prototype: of it.
        fractions: of the dopants, (dopants,).

    Raises:
        InputError: the mobile ion cannot balance the charges, or no cell of so few atoms meets the fractions.
    """
    name, charges = space.name_of(fractions), prototype.charges
    held = {symbol: float(part) for symbol, part in zip(space.dopants, fractions, strict=True) if part > 0}
    amounts = prototype.structure.composition
    excess = amounts[space.site] * (sum(charges[each] * part for each, part in held.items()) - charges[space.site])
    ratio = 1 - excess / (charges[space.mobile] * amounts[space.mobile])
    structure = prototype.structure.copy()
    structure.replace_species({space.site: held})
    most = max(site.species[space.mobile] for site in structure)
    if not 0 < ratio * most <= 1 + 1e-9:
        wanted = "more" if ratio * most > 1 else "less"
        raise InputError([f"{name}: the charges ask for {wanted} {space.mobile} than its sites can hold."])
    for index, site in enumerate(structure):
        if space.mobile in site.species:
            kept = {each.symbol: part for each, part in site.species.items()}
            structure[index] = kept | {space.mobile: min(1.0, ratio * kept[space.mobile])}
    crystal = crystal_of(structure, name)
    if crystal.is_ordered:
        return [structure.to_ase_atoms(msonable=False)]
    try:
        plan = plan_within(crystal, charges, most_atoms=space.atoms, tolerance=EXACT)
    except InputError:
        plan = plan_within(crystal, charges, most_atoms=space.atoms, tolerance=TOLERANCE)
    seeds = [derive_seed(space.seed, name, number) for number in range(space.configurations)]
    return [order_crystal(plan, seed=seed, lowest=False).atoms for seed in seeds]
