"""Find groups of bonded atoms: known polyanions, and isolated metal–anion fragments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from saltflow.base.errors import InputError
from saltflow.materials.compositions import Composition
from saltflow.materials.formulas import parse_formula
from saltflow.materials.ions.polyanions import BOND_STRETCH, POLYANIONS, Polyanion
from saltflow.materials.ions.radii import radii_A

# Longest metal–anion bond, × the sum of Shannon's radii: about the first minimum of g(r).
FRAGMENT_STRETCH = 1.25
ALL_POLYANIONS, ALL_FRAGMENTS = "polyanions", "fragments"

Cutoffs = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class AtomGroup:
    """Atoms that are bonded to each other and to nothing else.

    kind: formula, such as SO4. atoms: indices, centres first.
    """

    kind: str
    atoms: tuple[int, ...]


def find_groups(atoms: Atoms, composition: Composition, *, wanted: Sequence[str]) -> list[AtomGroup]:
    """The groups of a cell, polyanions first.

    A bond of a polyanion is at most BOND_STRETCH × its tabulated length. The remaining anions form fragments with
    metals. A group is a connected set of bonds with exactly the wanted formula; chains and networks are not groups.

    Args:
        atoms: periodic cell, wrapped or not.
        composition: its oxidation states distinguish metals, anions and the mobile ion.
        wanted: formulas (SO4, ZrCl6, ZrOCl4, Al2Cl7), "polyanions" for all known ones, or "fragments" for every metal
            with anions of its own.

    Raises:
        InputError: a wrong formula, or elements that the composition does not have.
    """
    _check_wanted(wanted, composition)
    found: list[AtomGroup] = []
    for polyanion in _polyanions(composition):
        if ALL_POLYANIONS in wanted or any(_same(name, polyanion.amounts) for name in wanted):
            found += _polyanion_groups(atoms, polyanion)
    free = np.ones(len(atoms), dtype=bool)
    for polyanion in _polyanions(composition):
        free[[index for group in _polyanion_groups(atoms, polyanion) for index in group.atoms]] = False
    return found + _fragments(atoms, composition, wanted=wanted, free=free)


def bonds_of_groups(
    groups: Sequence[AtomGroup], symbols: Sequence[str], composition: Composition
) -> tuple[np.ndarray, np.ndarray]:
    """Bonds inside groups: (bonds, 2) pairs of centre and ligand, and their (bonds,) largest lengths in Å.

    Args:
        groups: from `find_groups`.
        symbols: of all atoms of the cell.
        composition: as in `find_groups`.
    """
    known = {polyanion.name: polyanion for polyanion in _polyanions(composition)}
    cutoffs_A = _fragment_cutoffs_A(composition)
    pairs, ends_A = [], []
    for group in groups:
        polyanion = known.get(group.kind)
        for index in group.atoms[1:]:
            pair = symbols[group.atoms[0]], symbols[index]
            end_A = BOND_STRETCH * polyanion.bond_A if polyanion else cutoffs_A.get(pair)
            if end_A:
                pairs.append((group.atoms[0], index))
                ends_A.append(end_A)
    return np.array(pairs, dtype=int).reshape(-1, 2), np.array(ends_A, dtype=float)


def _polyanions(composition: Composition) -> list[Polyanion]:
    """Known polyanions that a composition can form."""
    states = composition.oxidation_states
    return [
        polyanion
        for polyanion in POLYANIONS
        if set(polyanion.amounts) <= set(composition.amounts) and states[polyanion.center] == polyanion.center_state
    ]


def _polyanion_groups(atoms: Atoms, polyanion: Polyanion) -> list[AtomGroup]:
    cutoffs_A = {(polyanion.center, polyanion.ligand): BOND_STRETCH * polyanion.bond_A}
    centres = np.array([symbol == polyanion.center for symbol in atoms.symbols])
    return [
        AtomGroup(polyanion.name, members)
        for members in _components(atoms, cutoffs_A, centres=centres, free=np.ones(len(atoms), dtype=bool))
        if _amounts(atoms, members) == polyanion.amounts
    ]


def _fragments(atoms: Atoms, composition: Composition, *, wanted: Sequence[str], free: np.ndarray) -> list[AtomGroup]:
    cutoffs_A = _fragment_cutoffs_A(composition)
    metals = {metal for metal, _ in cutoffs_A}
    centres = np.array([symbol in metals for symbol in atoms.symbols])
    groups = []
    for members in _components(atoms, cutoffs_A, centres=centres, free=free):
        amounts = _amounts(atoms, members)
        name = next((name for name in wanted if _same(name, amounts)), None)
        alone = ALL_FRAGMENTS in wanted and sum(amounts.get(metal, 0) for metal in metals) == 1
        if name or alone:
            groups.append(AtomGroup(name or _formula(amounts), members))
    return groups


def _fragment_cutoffs_A(composition: Composition) -> Cutoffs:
    """(metal, anion) → longest bond in Å; metals are cations that are neither mobile nor centre of a polyanion."""
    states, radii = composition.oxidation_states, radii_A(composition)
    covalent = {polyanion.center for polyanion in _polyanions(composition)} | {"H"}
    metals = [name for name, state in states.items() if state > 0 and name not in covalent | {composition.mobile_ion}]
    anions = [name for name, state in states.items() if state < 0]
    return {(metal, anion): FRAGMENT_STRETCH * (radii[metal] + radii[anion]) for metal in metals for anion in anions}


def _components(atoms: Atoms, cutoffs_A: Cutoffs, *, centres: np.ndarray, free: np.ndarray) -> list[tuple[int, ...]]:
    """Connected sets of two or more `free` atoms, centres first; sets bonded to their own image are left out."""
    if not cutoffs_A:
        return []
    first, second, shifts = neighbour_list("ijS", atoms, dict(cutoffs_A))
    inside = free[first] & free[second] & (centres[first] | centres[second])
    first, second, shifts = first[inside], second[inside], shifts[inside]
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(atoms),) * 2)
    _, label = connected_components(graph, directed=False)
    sizes = np.bincount(label)
    periodic = _bonded_to_own_image(label, first, second, shifts)
    chosen = [number for number in np.flatnonzero(sizes > 1) if number not in periodic]
    order = np.lexsort((np.arange(len(atoms)), ~centres))
    return sorted((tuple(int(index) for index in order[label[order] == number]) for number in chosen), key=min)


def _bonded_to_own_image(label: np.ndarray, first: np.ndarray, second: np.ndarray, shifts: np.ndarray) -> set[int]:
    """Sets whose bonds lead back to themselves through the periodic boundary."""
    image = np.full((len(label), 3), np.iinfo(int).max)
    neighbours: dict[int, list[int]] = {}
    for bond, index in enumerate(first):
        neighbours.setdefault(int(index), []).append(bond)
    periodic = set()
    for start in neighbours:
        if image[start, 0] != np.iinfo(int).max:
            continue
        image[start], queue = 0, [start]
        while queue:
            here = queue.pop()
            for bond in neighbours[here]:
                there, where = int(second[bond]), image[here] + shifts[bond]
                if image[there, 0] == np.iinfo(int).max:
                    image[there] = where
                    queue.append(there)
                elif (image[there] != where).any():
                    periodic.add(int(label[there]))
    return periodic


def _amounts(atoms: Atoms, members: Sequence[int]) -> dict[str, int]:
    symbols = [atoms.symbols[index] for index in members]
    return {symbol: symbols.count(symbol) for symbol in symbols}


def _formula(amounts: Mapping[str, int]) -> str:
    return "".join(f"{symbol}{amount if amount > 1 else ''}" for symbol, amount in amounts.items())


def _same(name: str, amounts: Mapping[str, int]) -> bool:
    if name in (ALL_POLYANIONS, ALL_FRAGMENTS):
        return False
    return {symbol: int(amount) for symbol, amount in parse_formula(name).items()} == dict(amounts)


def _check_wanted(wanted: Sequence[str], composition: Composition) -> None:
    problems = []
    for name in wanted:
        if name in (ALL_POLYANIONS, ALL_FRAGMENTS):
            continue
        foreign = sorted(set(parse_formula(name)) - set(composition.amounts))
        if foreign:
            problems.append(
                f"{composition.id}: constraints.groups names {name}, but the composition has no {', '.join(foreign)}; "
                "correct the formula, or name groups per composition in the overrides."
            )
    if problems:
        raise InputError(problems)
