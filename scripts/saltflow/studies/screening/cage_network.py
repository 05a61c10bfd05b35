"""The cages of mobile ions around isolated anions, and how they hang together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from saltflow.materials.ordering.disordered_crystal import DisorderedCrystal
from saltflow.studies.screening.isolated_anions import AnionOrbit

NEVER_BOTH_A = 2.0  # partially occupied sites nearer than this are places of one ion
SHARED = {1: "corner", 2: "edge"}
FACE = "face"

Place = tuple[int, tuple[int, int, int]]  # a site, and the cell that it is in
Pair = tuple[int, int, tuple[int, int, int]]  # two cages, and the cell of the second


@dataclass(frozen=True)
class CageNetwork:
    """Cages that share ions.

    Attributes:
        next_A: distance of two isolated anions that are next to each other; None where there is none.
        shared: most that two cages share: corner, edge or face; None where they share nothing.
        dimensions: in which cages that share ions go through the crystal, 0 to 3.
    """

    next_A: float | None
    shared: str | None
    dimensions: int


def cage_network(crystal: DisorderedCrystal, anions: Sequence[AnionOrbit]) -> CageNetwork:
    """The network of the cages of all isolated anions.

    Args:
        crystal: that the anions are of.
        anions: all kinds; those that are not isolated are passed over.
    """
    isolated = [each for each in anions if each.is_isolated]
    if not isolated:
        return CageNetwork(next_A=None, shared=None, dimensions=0)
    one_ion = _places_of_one_ion(crystal, {site for each in isolated for shell in each.shell for site, _ in shell})
    cages = {
        site: {_merged(place, one_ion) for place in shell}
        for each in isolated
        for site, shell in zip(each.sites, each.shell, strict=True)
    }
    shared = _shared(cages)
    most = max(shared.values(), default=0)
    return CageNetwork(
        next_A=_shortest_A(crystal, sorted(cages)),
        shared=SHARED.get(most, FACE) if most else None,
        dimensions=_dimensions(crystal, sorted(cages), shared),
    )


def _dimensions(crystal: DisorderedCrystal, anions: Sequence[int], pairs: Iterable[Pair]) -> int:
    """By pymatgen's analysis of the graph (Larsen et al., Phys. Rev. Mater. 3, 034003, 2019)."""
    from pymatgen.analysis.dimensionality import get_dimensionality_larsen
    from pymatgen.analysis.graphs import StructureGraph
    from pymatgen.core import Structure

    structure = Structure(crystal.cell, ["X"] * len(anions), crystal.positions[list(anions)])
    graph = StructureGraph.from_empty_graph(structure)
    for start, end, cell in pairs:
        graph.add_edge(anions.index(start), anions.index(end), to_jimage=cell, warn_duplicates=False)
    return int(get_dimensionality_larsen(graph))


def _shared(cages: Mapping[int, set[Place]]) -> dict[Pair, int]:
    """(cage, cage, its cell) → ions that both have; every pair once."""
    owners: dict[int, list[tuple[int, tuple[int, int, int]]]] = defaultdict(list)
    for anion, places in cages.items():
        for ion, cell in places:
            owners[ion].append((anion, cell))
    found: dict[Pair, int] = defaultdict(int)
    for both in owners.values():
        for (start, from_cell), (end, to_cell) in product(both, both):
            # The same ion: the cage of the end lies where its own ion meets that of the start.
            across = tuple(int(a - b) for a, b in zip(from_cell, to_cell, strict=True))
            if (start, (0, 0, 0)) < (end, across):
                found[start, end, across] += 1
    return dict(found)


def _places_of_one_ion(crystal: DisorderedCrystal, sites: set[int]) -> dict[int, Place]:
    """Site → the site that stands for it and for those too near to it, and the cell of that one."""
    atoms = Atoms("X" * len(crystal.positions), scaled_positions=crystal.positions, cell=crystal.cell, pbc=True)
    first, second, cells = neighbor_list("ijS", atoms, NEVER_BOTH_A)
    near: dict[int, list[Place]] = defaultdict(list)
    for start, end, cell in zip(first.tolist(), second.tolist(), cells.tolist(), strict=True):
        if start in sites and end in sites:
            near[start].append((end, tuple(cell)))
    found: dict[int, Place] = {}
    for site in sorted(sites):
        if site in found:
            continue
        found[site], open_ = (site, (0, 0, 0)), [site]
        while open_:
            start = open_.pop()
            for end, cell in near[start]:
                if end not in found:
                    # `end` in `cell` goes with `start`; seen from `end` the site that stands lies the other way.
                    found[end] = (site, tuple(int(a - b) for a, b in zip(found[start][1], cell, strict=True)))
                    open_.append(end)
    return found


def _merged(place: Place, one_ion: Mapping[int, Place]) -> Place:
    site, cell = place
    stands, away = one_ion[site]
    return stands, tuple(int(a + b) for a, b in zip(cell, away, strict=True))


def _shortest_A(crystal: DisorderedCrystal, sites: Sequence[int]) -> float | None:
    atoms = Atoms("X" * len(sites), scaled_positions=crystal.positions[list(sites)], cell=crystal.cell, pbc=True)
    distances = neighbor_list("d", atoms, float(np.linalg.norm(crystal.cell, axis=1).min()) + 1e-6)
    return float(distances.min()) if len(distances) else None
