"""Find groups of bonded atoms in a structure: polyanions of the table, and metal–anion fragments that stand alone."""

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

# Bonds of a metal to its anions end here, × the sum of Shannon's radii: about the first minimum of g(r).
FRAGMENT_STRETCH = 1.25
ALL_POLYANIONS, ALL_FRAGMENTS = "polyanions", "fragments"

Cutoffs = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Group:
    """Some atoms of a cell that are bonded to each other and to nothing else.

    kind: formula, such as SO4. atoms: indices, centres first.
    """

    kind: str
    atoms: tuple[int, ...]


def find_groups(atoms: Atoms, composition: Composition, *, wanted: Sequence[str]) -> list[Group]:
    """The groups of a cell, polyanions first.

    Polyanions are looked for by the bond lengths of the table, stretched by thermal motion at most; what is left of
    the anions then makes fragments with metals. A group is a connected set of such bonds with exactly the
    wanted formula, so that chains and networks are none.

    Args:
        atoms: periodic cell, wrapped or not.
        composition: whose oxidation states tell metals, anions and the mobile ion apart.
        wanted: formulas (SO4, ZrCl6, ZrOCl4, Al2Cl7), or "polyanions" for all of the table, or "fragments" for
            every metal with anions of its own.

    Raises:
        InputError: a formula cannot be read or holds elements that the composition has not.
    """
    _check_wanted(wanted, composition)
    found: list[Group] = []
    for polyanion in _polyanions(composition):
        if ALL_POLYANIONS in wanted or any(_same(name, polyanion.amounts) for name in wanted):
            found += _polyanion_groups(atoms, polyanion)
    free = np.ones(len(atoms), dtype=bool)
    for polyanion in _polyanions(composition):
        free[[index for group in _polyanion_groups(atoms, polyanion) for index in group.atoms]] = False
    return found + _fragments(atoms, composition, wanted=wanted, free=free)


def bonds_of_groups(
    groups: Sequence[Group], symbols: Sequence[str], composition: Composition
) -> tuple[np.ndarray, np.ndarray]:
    """Bonds inside groups: (bonds, 2) pairs of a centre and its ligand, and the (bonds,) length at which each ends.

    Args:
        groups: from `find_groups`.
        symbols: of all atoms of the cell.
        composition: as there.
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
    """Those of the table that a composition can hold."""
    states = composition.oxidation_states
    return [
        polyanion
        for polyanion in POLYANIONS
        if set(polyanion.amounts) <= set(composition.amounts) and states[polyanion.center] == polyanion.center_state
    ]


def _polyanion_groups(atoms: Atoms, polyanion: Polyanion) -> list[Group]:
    cutoffs_A = {(polyanion.center, polyanion.ligand): BOND_STRETCH * polyanion.bond_A}
    centres = np.array([symbol == polyanion.center for symbol in atoms.symbols])
    return [
        Group(polyanion.name, members)
        for members in _components(atoms, cutoffs_A, centres=centres, free=np.ones(len(atoms), dtype=bool))
        if _amounts(atoms, members) == polyanion.amounts
    ]


def _fragments(atoms: Atoms, composition: Composition, *, wanted: Sequence[str], free: np.ndarray) -> list[Group]:
    cutoffs_A = _fragment_cutoffs_A(composition)
    metals = {metal for metal, _ in cutoffs_A}
    centres = np.array([symbol in metals for symbol in atoms.symbols])
    groups = []
    for members in _components(atoms, cutoffs_A, centres=centres, free=free):
        amounts = _amounts(atoms, members)
        name = next((name for name in wanted if _same(name, amounts)), None)
        alone = ALL_FRAGMENTS in wanted and sum(amounts.get(metal, 0) for metal in metals) == 1
        if name or alone:
            groups.append(Group(name or _formula(amounts), members))
    return groups


def _fragment_cutoffs_A(composition: Composition) -> Cutoffs:
    """(metal, anion) → longest bond in Å; metals are the cations that neither move nor centre a polyanion."""
    states, radii = composition.oxidation_states, radii_A(composition)
    covalent = {polyanion.center for polyanion in _polyanions(composition)} | {"H"}
    metals = [name for name, state in states.items() if state > 0 and name not in covalent | {composition.mobile_ion}]
    anions = [name for name, state in states.items() if state < 0]
    return {(metal, anion): FRAGMENT_STRETCH * (radii[metal] + radii[anion]) for metal in metals for anion in anions}


def _components(atoms: Atoms, cutoffs_A: Cutoffs, *, centres: np.ndarray, free: np.ndarray) -> list[tuple[int, ...]]:
    """Connected sets of two or more `free` atoms, centres first; none that is bonded to an image of itself."""
    if not cutoffs_A:
        return []
    first, second, shifts = neighbour_list("ijS", atoms, dict(cutoffs_A))
    inside = free[first] & free[second] & (centres[first] | centres[second])
    first, second, shifts = first[inside], second[inside], shifts[inside]
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(atoms),) * 2)
    _, label = connected_components(graph, directed=False)
    sizes = np.bincount(label)
    endless = _endless(label, first, second, shifts)
    chosen = [number for number in np.flatnonzero(sizes > 1) if number not in endless]
    order = np.lexsort((np.arange(len(atoms)), ~centres))
    return sorted((tuple(int(index) for index in order[label[order] == number]) for number in chosen), key=min)


def _endless(label: np.ndarray, first: np.ndarray, second: np.ndarray, shifts: np.ndarray) -> set[int]:
    """Sets whose bonds lead through the periodic boundary back to themselves."""
    image = np.full((len(label), 3), np.iinfo(int).max)
    neighbours: dict[int, list[int]] = {}
    for bond, index in enumerate(first):
        neighbours.setdefault(int(index), []).append(bond)
    endless = set()
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
                    endless.add(int(label[there]))
    return endless


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
