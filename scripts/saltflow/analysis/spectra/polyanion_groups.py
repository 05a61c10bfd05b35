"""Polyanions of a trajectory: a centre with ligands that it keeps and does not share."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.geometry import find_mic

from saltflow.analysis.structure.roles import HALIDES
from saltflow.materials.ions.polyanions import BOND_STRETCH, POLYANIONS
from saltflow.trajectory.chunks import read_coordinates
from saltflow.trajectory.memory import TrajectoryReader

NONMETALS = {*HALIDES, "H", "B", "C", "N", "O", "Si", "P", "S", "Se", "Te"}
# A halide is bonded to a metal within this × the sum of covalent radii (Cordero et al., Dalton Trans. 2008, 2832):
# 2.7 Å for Al–Cl (bond 2.1 Å), 3.3 Å for Ta–Cl and Zr–Cl (2.4 Å); the next shell begins beyond 4 Å.
HALIDE_STRETCH = 1.2
FEWEST_HALIDES = 3
FRAMES_COMPARED = 20


@dataclass(frozen=True)
class PolyanionGroup:
    """A polyanion.

    Args:
        name: formula, such as SO4 or TaCl6.
        atoms: its indices, the centre first, (atoms,).
        shifts_A: lattice vectors that make the group whole when added to unwrapped positions, (atoms, 3).
    """

    name: str
    atoms: np.ndarray
    shifts_A: np.ndarray


def find_polyanions(run: TrajectoryReader, *, mobile_ion: str) -> tuple[list[PolyanionGroup], dict[str, int]]:
    """Polyanions with the same ligands in all sampled frames.

    Ligands lie within 1.3 × the bond of the polyanions of `materials.ions.polyanions`; metals with halides alone are
    polyanions as well. A centre that shares a ligand with another centre belongs to a network.

    Args:
        run: one replica.
        mobile_ion: element that is in no polyanion.

    Returns:
        the polyanions, and name → number of those of the first frame that exchanged ligands.
    """
    frames = np.unique(np.linspace(0, run.n_frames - 1, min(run.n_frames, FRAMES_COMPARED)).astype(int)).tolist()
    first = _groups_of_frame(run, frames[0], mobile_ion)
    lasting = dict(first)
    for frame in frames[1:]:
        now = _groups_of_frame(run, frame, mobile_ion)
        lasting = {
            key: group for key, group in lasting.items() if key in now and set(now[key].atoms) == set(group.atoms)
        }
    broken: dict[str, int] = defaultdict(int)
    for key in first.keys() - lasting.keys():
        broken[first[key].name] += 1
    return list(lasting.values()), dict(broken)


def _groups_of_frame(run: TrajectoryReader, frame: int, mobile_ion: str) -> dict[int, PolyanionGroup]:
    """Centre → its group."""
    positions_A = read_coordinates(run, range(frame, frame + 1))[0]
    symbols, cell_A = np.array(run.symbols), run.cells_A[frame]
    found: dict[int, PolyanionGroup] = {}
    owners: dict[int, int] = defaultdict(int)
    for centres, ligands, reach_A, counts in _kinds(symbols, mobile_ion):
        for centre in centres:
            others = ligands[ligands != centre]
            vectors_A, distances_A = find_mic(positions_A[others] - positions_A[centre], cell_A)
            near = distances_A < np.asarray(reach_A)[ligands != centre]
            if near.sum() in counts and centre not in found:
                atoms = np.array([centre, *others[near]])
                shifts_A = positions_A[centre] + np.vstack([np.zeros(3), vectors_A[near]]) - positions_A[atoms]
                found[centre] = PolyanionGroup(_formula(symbols[atoms]), atoms, shifts_A)
            for atom in others[near]:
                owners[atom] += 1
    return {
        centre: group
        for centre, group in found.items()
        if all(owners[atom] == 1 and atom not in found for atom in group.atoms[1:])
    }


def _kinds(symbols: np.ndarray, mobile_ion: str) -> Iterator[tuple]:
    """Centres, possible ligands, longest bond of each, and allowed numbers of ligands."""
    present = set(symbols) - {mobile_ion}
    for center, ligand in dict.fromkeys((each.center, each.ligand) for each in POLYANIONS):
        # Diatomic ions of one element have no centre.
        same = [each for each in POLYANIONS if (each.center, each.ligand) == (center, ligand)]
        if {center, ligand} <= present and center != ligand:
            ligands = np.flatnonzero(symbols == ligand)
            reach_A = np.full(len(ligands), BOND_STRETCH * max(each.bond_A for each in same))
            yield np.flatnonzero(symbols == center), ligands, reach_A, {len(each.directions) for each in same}
    # Beside oxygen, sulfur or nitrogen metals are part of a network.
    metals = sorted(present - NONMETALS) if not present & {"O", "S", "N"} else []
    halides = np.flatnonzero(np.isin(symbols, HALIDES))
    radii_A = covalent_radii[[atomic_numbers[symbols[atom]] for atom in halides]] if len(halides) else np.empty(0)
    for metal in metals:
        reach_A = HALIDE_STRETCH * (covalent_radii[atomic_numbers[metal]] + radii_A)
        yield np.flatnonzero(symbols == metal), halides, reach_A, set(range(FEWEST_HALIDES, 10))


def _formula(symbols: np.ndarray) -> str:
    ligands, counts = np.unique(symbols[1:], return_counts=True)
    tail = "".join(f"{each}{count if count > 1 else ''}" for each, count in zip(ligands, counts, strict=True))
    return f"{symbols[0]}{tail}"
