"""The members of a family: substituted, scaled to a likely volume, doped, neutral, and ordered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.campaign.family import Doping, Family
from saltflow.materials.formulas import flat_formula
from saltflow.materials.ions.radii import ionic_radius_A
from saltflow.materials.ordering.disordered_crystal import crystal_of
from saltflow.materials.ordering.formal_charges import guess_charges, usual_charge
from saltflow.materials.ordering.ordered_cells import order_crystal
from saltflow.materials.ordering.ordering_plan import plan_within
from saltflow.materials.structure_files import is_cif, pymatgen_structures, read_structure
from saltflow.potentials.protocol import MDPotential

if TYPE_CHECKING:
    from pymatgen.core import Structure

TOLERANCE = 0.02  # of occupancies in an ordered cell
NEUTRAL_e = 1e-6
SHELL = 1.25  # of the sum of two radii: the end of the first shell


@dataclass(frozen=True)
class Member:
    """A crystal of a family.

    Attributes:
        name: of its files.
        atoms: ordered cell; None where there is none.
        charges: element → formal charge in e.
        problem: why there is no cell; empty where there is one.
    """

    name: str
    atoms: Atoms | None
    charges: Mapping[str, float]
    problem: str


def members_of(family: Family, potential: MDPotential) -> list[Member]:
    """All members; one that cannot be built, or whose elements the potential does not know, carries the reason.

    Args:
        family: as asked.
        potential: of the engine.
    """
    found: dict[str, Member] = {}
    for name, structure, doping, fraction in variants(family, family.prototypes):
        try:
            member = _member(name, structure, family, doping, fraction)
            problem = unknown_elements(member.atoms, potential)
            found.setdefault(name, Member(name, None, {}, problem) if problem else member)
        except InputError as error:
            found.setdefault(name, Member(name, None, {}, " ".join(str(error).split())))
    return list(found.values())


def unknown_elements(cell: Atoms, potential: MDPotential) -> str:
    """The sentence of a potential that does not know the elements of a cell; empty where it does."""
    try:
        potential.check_elements(cell.numbers, composition=cell.get_chemical_formula())
    except SaltflowError as error:
        return " ".join(str(error).split())
    return ""


def variants(
    family: Family, files: Sequence[Path]
) -> Iterator[tuple[str, "Structure | InputError", Doping | None, float]]:
    """Name, substituted structure or why there is none, and the doping with its fraction where there is one.

    Args:
        family: with its substitutions and dopings.
        files: prototypes that they are applied to.
    """
    for file in files:
        try:
            prototype = _prototype(file)
        except InputError as error:
            yield file.stem, error, None, 0.0
            continue
        held = [element.symbol for element in sorted(prototype.composition, key=lambda element: element.X)]
        replaced = {element: new for element, new in family.substitutions.items() if element in held}
        for choice in product(*replaced.values()):
            mapping = {old: new for old, new in zip(replaced, choice, strict=True) if old != new}
            reduced = prototype.composition.reduced_composition
            formula = flat_formula({mapping.get(each, each): Fraction(reduced[each]) for each in held})
            name = formula + (f"-{file.stem}" if len(files) > 1 else "") if replaced else file.stem
            try:
                structure = _substituted(prototype, mapping, family.charges, name)
            except InputError as error:
                yield name, error, None, 0.0
                continue
            yield name, structure, None, 0.0
            for doping in family.doping:
                if doping.element in structure.composition:
                    for fraction in doping.fractions:
                        yield f"{name}-{doping.by}{fraction:g}", structure, doping, fraction


def _prototype(file: Path) -> "Structure":
    """The one structure of a file, with its occupancies and without oxidation states."""
    from pymatgen.io.ase import AseAtomsAdaptor

    if not is_cif(file):
        return AseAtomsAdaptor.get_structure(read_structure(file))
    structures = pymatgen_structures(file)
    if len(structures) != 1:
        raise InputError([f"the file '{file}' holds {len(structures)} structures where one is wanted; keep one."])
    prototype = structures[0].copy()
    prototype.remove_oxidation_states()
    return prototype


def _substituted(
    prototype: "Structure", mapping: Mapping[str, str], given: Mapping[str, int], name: str
) -> "Structure":
    """The prototype with other elements, each bond scaled on average as the sum of its ionic radii is."""
    held = {element.symbol for element in prototype.composition}
    if kept := sorted((held - set(mapping)) & set(mapping.values())):
        raise InputError(
            [f"{name}: {kept[0]} would stand on two kinds of sites, substituted and kept; the substitutions overlap."]
        )
    structure = prototype.copy()
    if not mapping:
        return structure
    structure.replace_species(mapping)
    ratios = _radii_A(structure, given, name) / (before := _radii_A(prototype, given, name))
    bonds = prototype.get_neighbor_list(SHELL * float(np.nanmax(before)))
    near = bonds[3] <= SHELL * before[bonds[0], bonds[1]]
    structure.scale_lattice(structure.volume * float(ratios[bonds[0][near], bonds[1][near]].mean()) ** 3)
    return structure


def _radii_A(structure: "Structure", given: Mapping[str, int], name: str) -> np.ndarray:
    """Sums of the radii of the main ions of every two sites, NaN of two ions alike, shape (sites, sites)."""
    charges = _charges({element.symbol: amount for element, amount in structure.composition.items()}, given, name)
    ions = [max(site.species, key=site.species.get).symbol for site in structure]
    radii = np.array([ionic_radius_A(ion, charges[ion]) for ion in ions])
    signs = np.sign([charges[ion] for ion in ions])
    return np.where(signs[:, None] * signs < 0, radii[:, None] + radii, np.nan)


def _member(
    name: str, structure: "Structure | InputError", family: Family, doping: Doping | None, fraction: float
) -> Member:
    if isinstance(structure, InputError):
        raise structure
    amounts = {element.symbol: amount for element, amount in structure.composition.items()}
    charges = _charges(amounts, family.charges, name)
    if doping:
        own = family.charges.get(doping.by, usual_charge(doping.by, like=charges[doping.element]))
        if own is None:
            raise InputError(
                [f"{name}: {doping.by} has no usual charge in place of {doping.element}; give its charge."]
            )
        structure, charges = _doped(structure, charges | {doping.by: own}, doping, fraction)
    crystal = crystal_of(structure, name)
    if crystal.is_ordered and not doping:
        net = sum(charges[element] * amount for element, amount in amounts.items())
        if abs(net) > NEUTRAL_e:
            shown = ", ".join(f"{element} {charges[element]:+g}" for element in amounts)
            raise InputError([f"{name}: its charges ({shown}) leave {net:+g} e; correct the charges or the elements."])
        return Member(name, structure.to_ase_atoms(msonable=False), charges, "")
    plan = plan_within(crystal, charges, most_atoms=family.atoms, tolerance=TOLERANCE)
    return Member(name, order_crystal(plan, seed=family.seed).atoms, charges, "")


def _charges(amounts: Mapping[str, float], given: Mapping[str, int], name: str) -> dict[str, float]:
    if set(amounts) <= set(given):
        return {element: given[element] for element in amounts}
    return guess_charges(amounts, subject=name) | {each: given[each] for each in amounts if each in given}


def _doped(
    structure: "Structure", charges: Mapping[str, float], doping: Doping, fraction: float
) -> tuple["Structure", dict[str, float]]:
    """With partial occupancies of the element, the dopant and the vacancy."""
    element, by, vacancy = doping.element, doping.by, doping.vacancy
    excess = fraction * structure.composition[element] * (charges[by] - charges[element])  # in e per cell
    new = {element: {element: 1 - fraction, by: fraction}}
    if abs(excess) > NEUTRAL_e and not vacancy:
        raise InputError(
            [f"{by} on {element} leaves {excess:+g} e in the cell of the prototype; name the vacancy that balances it."]
        )
    if vacancy:
        if vacancy not in structure.composition:
            raise InputError([f"doping.vacancy names {vacancy}, which the crystal does not hold; correct it."])
        empty = excess / (charges[vacancy] * structure.composition[vacancy])
        if not 0 <= empty < 1:
            needs = "needs more of it: name another vacancy" if empty < 0 else "needs more than all of it: dope less"
            raise InputError([f"a vacancy of {vacancy} cannot balance {by} on {element}, which {needs}."])
        new[vacancy] = {vacancy: 1 - empty}
    doped = structure.copy()
    doped.replace_species(new)
    return doped, dict(charges)
