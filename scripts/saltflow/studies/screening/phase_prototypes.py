"""Competing phases made from prototypes: elements, and salts of two and three elements.

Prototypes are those of the AFLOW library (Mehl et al., Comput. Mater. Sci. 136, S1, 2017) as pymatgen brings them, and
ASE's reference states of metals.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list

from saltflow.materials.ions.radii import ionic_radius_A

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Of elements that ASE has no crystal of; molecules lie in their crystals.
ELEMENTS = {
    "H": "A_cP8_205_c",
    "B": "A_hR12_166_2h",
    "C": "A_hP4_194_bc",
    "N": "A_cP8_205_c",
    "O": "A_mC4_12_i",
    "F": "A_cP8_205_c",
    "P": "A_oC8_64_f",
    "S": "A_hP3_152_a",
    "Cl": "A_tP16_138_j",
    "Ga": "A_oC8_64_f",
    "As": "A_hR2_166_c",
    "Se": "A_hP3_152_a",
    "Br": "A_tP16_138_j",
    "In": "A_tI2_139_a",
    "Sn": "A_tI4_141_a",
    "Sb": "A_hR2_166_c",
    "Te": "A_hP3_152_a",
    "I": "A_tP16_138_j",
    "Bi": "A_hR2_166_c",
}
# Cations, in order of their numbers, before the anion → prototypes with these numbers of atoms, common ones first.
SALTS: Mapping[tuple[int, ...], tuple[str, ...]] = {
    (1, 1): ("AB_cF8_225_a_b", "AB_cP2_221_b_a", "AB_hP4_186_b_b"),  # rock salt, CsCl, wurtzite
    (2, 1): ("AB2_cF12_225_a_c", "A2B_oP12_62_2c_c"),  # antifluorite, anticotunnite
    # Quartz, rutile, CdI2, SiS2, fluorite, cotunnite
    (1, 2): ("A2B_hP9_152_c_a", "A2B_tP6_136_f_a", "AB2_hP3_164_a_d", "A2B_oI12_72_j_a", "AB2_cF12_225_a_c",
             "A2B_oP12_62_2c_c"),
    (3, 1): ("A3B_hP4_191_bc_a", "AB3_hP8_194_c_bf"),  # Li3N, Na3As
    (1, 3): ("AB3_hR8_148_c_f", "AB3_hR8_155_c_de"),  # BiI3, AlF3
    (2, 3): ("A2B3_hR10_167_c_e",),  # corundum
    (1, 1, 2): ("ABC2_hR4_166_a_b_c", "ABC2_tI16_122_a_b_d"),  # layered NaCrS2, chalcopyrite
    (1, 1, 3): ("AB3C_oP20_62_c_cd_a", "AB3C_hR10_148_c_f_c"),  # perovskite, ilmenite
    (1, 1, 4): ("A4BC_tI24_141_h_b_a",),  # zircon
    (1, 2, 4): ("A2BC4_cF56_227_d_a_e", "AB2C4_tI14_139_a_e_ce"),  # spinel, K2NiF4
}  # fmt: skip


def element_crystal(element: str) -> Atoms | None:
    """A crystal of an element; None where there is no prototype."""
    if label := ELEMENTS.get(element):
        cell = _aflow(label).to_ase_atoms(msonable=False)
        cell.symbols[:] = element
        bond_A = neighbor_list("d", cell, 4.0).min()
        scale = 2 * covalent_radii[atomic_numbers[element]] / bond_A
        cell.set_cell(cell.cell * scale, scale_atoms=True)
        return cell
    try:
        return bulk(element)
    except (ValueError, KeyError, NotImplementedError, RuntimeError):
        return None


def salts(elements: Mapping[str, float]) -> Iterator[tuple[str, Atoms]]:
    """Name and crystal of every neutral salt of two or three elements with one anion that a prototype is known of.

    Args:
        elements: element → formal charge in e; every one is taken with that charge.
    """
    from pymatgen.core import Composition

    anions = [element for element, charge in elements.items() if charge < 0]
    cations = [element for element, charge in elements.items() if charge > 0]
    for anion in anions:
        for chosen in (*combinations(cations, 1), *combinations(cations, 2)):
            for amounts, labels in SALTS.items():
                if len(amounts) != len(chosen) + 1:
                    continue
                for ions in dict.fromkeys(permutations(chosen)):
                    kinds = (*ions, anion)
                    if ions != tuple(sorted(ions)) and len(set(amounts[:-1])) == 1:
                        continue  # the same amounts of both cations: the prototype is tried in one order
                    if sum(elements[ion] * amount for ion, amount in zip(kinds, amounts, strict=True)) == 0:
                        for label in labels:
                            cell = _salt(label, dict(zip(kinds, amounts, strict=True)), elements)
                            yield f"{Composition(cell.get_chemical_formula()).reduced_formula}-{label}", cell


def _salt(label: str, amounts: Mapping[str, int], charges: Mapping[str, float]) -> Atoms:
    """A prototype with its elements replaced by those of the same amounts; the anion takes the anion's place.

    Of two cations in equal amounts the larger one takes the place that has more room.
    """
    from pymatgen.core import Element

    prototype = _aflow(label)
    anion = next(element for element in amounts if charges[element] < 0)
    reduced = prototype.composition.reduced_composition
    places = {element.symbol: int(amount) for element, amount in reduced.items()}
    # The anion has the amount that is asked; where several have, it replaces the most electronegative.
    candidates = [element for element, amount in places.items() if amount == amounts[anion]]
    mapping = {max(candidates, key=lambda element: Element(element).X): anion}
    room = {each: _room_A(prototype, each) for each in places}
    for cation in sorted((ion for ion in amounts if ion != anion), key=lambda ion: -ionic_radius_A(ion, charges[ion])):
        free = [each for each in places if each not in mapping and places[each] == amounts[cation]]
        mapping[max(free, key=lambda each: room[each])] = cation
    cell = prototype.to_ase_atoms(msonable=False)
    cell.symbols[:] = [mapping[symbol] for symbol in cell.symbols]
    return _with_ionic_bonds(cell, charges)


def _room_A(prototype: "Structure", element: str) -> float:
    """Mean distance to the nearest site of another element."""
    distances = np.where(prototype.distance_matrix > 0.1, prototype.distance_matrix, np.inf)
    kinds = np.array([site.specie.symbol for site in prototype])
    return float(distances[kinds == element][:, kinds != element].min(axis=1).mean())


def _with_ionic_bonds(cell: Atoms, charges: Mapping[str, float]) -> Atoms:
    """Scaled so that the bonds to the nearest anion of each cation are on average the sums of the radii."""
    radii = np.array([ionic_radius_A(symbol, charges[symbol]) for symbol in cell.symbols])
    signs = np.sign([charges[symbol] for symbol in cell.symbols])
    first, second, distances = neighbor_list("ijd", cell, 8.0)
    bonds = (signs[first] > 0) & (signs[second] < 0)
    first, second, distances = first[bonds], second[bonds], distances[bonds]
    nearest = [np.flatnonzero(first == cation)[distances[first == cation].argmin()] for cation in set(first)]
    scale = np.mean((radii[first[nearest]] + radii[second[nearest]]) / distances[nearest])
    cell.set_cell(cell.cell * scale, scale_atoms=True)
    return cell


@cache
def _prototypes() -> Mapping[str, "Structure"]:
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    found: dict[str, Structure] = {}
    for each in AFLOW_PROTOTYPE_LIBRARY:
        found.setdefault(each["tags"]["aflow"], each["snl"].structure)
    return found


def _aflow(label: str) -> "Structure":
    return _prototypes()[label].copy()
