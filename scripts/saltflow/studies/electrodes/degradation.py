"""What a host loses while ions come and go, each as a number of one structure at rest."""

from collections import Counter

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.formula import Formula
from ase.geometry import find_mic
from matscipy.neighbours import neighbour_list
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from saltflow.analysis.structure.coordination_shells import Snapshot
from saltflow.analysis.structure.voids import observe_voids
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.integrity import BONDED, FrameworkBonds
from saltflow.studies.electrodes.moved_sites import framework_moves, moved_sites_A

DIMER_A = 1.5  # O–O; a peroxide has 1.45, O2 1.21
DISPLACED_A = 1.0
NONMETALS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"})


class Degradation:
    """Measures of a host against its start.

    Args:
        host: framework and sites.
    """

    def __init__(self, host: Host):
        self._host = host
        self._bonds = FrameworkBonds.of(host.framework)
        symbols = np.array(host.framework.symbols)
        self._is_metal = ~np.isin(symbols, list(NONMETALS))

    def of(self, atoms: Atoms) -> dict:
        """Measures of one structure.

        Args:
            atoms: the framework first, then the ions.

        Returns:
            displaced_fraction: of the framework atoms, farther than 1 Å from their start in a frame without drift.
            cation_disorder: fraction of the metal atoms of the framework that are displaced and nearer to a site of the
                ion than to any place of the framework; None without metals.
            oxygen_dimers: pairs of O closer than 1.5 Å.
            bare_oxygen: O without a neighbour other than O and the ion within 1.25 × the sum of covalent radii.
            coordination: mean number of nonmetal neighbours of the metal atoms, within the same; None without metals.
            broken_bonds: fraction of the bonds of the framework.
            largest_hole_A: radius of the largest sphere without an atom's centre, at most half the cell.
            species: formula → number of the units of nonmetals that bonds connect: PO4 of a phosphate, O2 of a loss.
        """
        moves = framework_moves(self._host, atoms)
        drift = np.median(moves, axis=0)
        distances = np.linalg.norm((moves - drift) @ atoms.cell.array, axis=1)
        displaced = distances > DISPLACED_A
        first, second = self._neighbours(atoms)
        symbols = np.array(atoms.symbols)
        return {
            "displaced_fraction": float(displaced.mean()),
            "cation_disorder": self._disorder(atoms, displaced, drift),
            "oxygen_dimers": self._dimers(atoms),
            "bare_oxygen": self._bare(first, second, symbols),
            "coordination": self._coordination(first, second, symbols),
            "broken_bonds": self._bonds.broken_fraction(atoms),
            "largest_hole_A": self._hole_A(atoms),
            "species": _species(first, second, symbols),
        }

    def _neighbours(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        radii = covalent_radii[atoms.numbers]
        first, second, distances = neighbour_list("ijd", atoms, 2 * BONDED * radii.max())
        near = distances < BONDED * (radii[first] + radii[second])
        return first[near], second[near]

    def _disorder(self, atoms: Atoms, displaced: np.ndarray, drift: np.ndarray) -> float | None:
        if not self._is_metal.any():
            return None
        host = self._host.framework
        places = (host.get_scaled_positions(wrap=False) + drift) @ atoms.cell.array
        sites = moved_sites_A(self._host, atoms)
        moved = np.flatnonzero(displaced & self._is_metal)
        on_site = [
            _nearest_A(atoms.positions[index], sites, atoms) < _nearest_A(atoms.positions[index], places, atoms)
            for index in moved
        ]
        return float(np.sum(on_site) / self._is_metal.sum())

    @staticmethod
    def _dimers(atoms: Atoms) -> int:
        oxygen = atoms[[symbol == "O" for symbol in atoms.symbols]]
        return len(neighbour_list("i", oxygen, DIMER_A)) // 2 if len(oxygen) else 0

    def _bare(self, first: np.ndarray, second: np.ndarray, symbols: np.ndarray) -> int:
        holds = ~np.isin(symbols[second], ["O", self._host.ion])
        return int(np.setdiff1d(np.flatnonzero(symbols == "O"), first[holds]).size)

    def _coordination(self, first: np.ndarray, second: np.ndarray, symbols: np.ndarray) -> float | None:
        metals = np.flatnonzero(self._is_metal)
        if not len(metals):
            return None
        return float(np.count_nonzero(np.isin(first, metals) & np.isin(symbols[second], list(NONMETALS))) / len(metals))

    @staticmethod
    def _hole_A(atoms: Atoms) -> float:
        symbols = np.array(atoms.symbols)
        snapshot = Snapshot(atoms.positions, atoms.cell.array, symbols)
        return observe_voids(snapshot, dict.fromkeys(set(symbols.tolist()), 0.0), frame=0)[("largest hole",)]


def _species(first: np.ndarray, second: np.ndarray, symbols: np.ndarray) -> dict[str, int]:
    is_nonmetal = np.isin(symbols, list(NONMETALS))
    own = is_nonmetal[first] & is_nonmetal[second]
    bonds = coo_array((np.ones(own.sum()), (first[own], second[own])), shape=(len(symbols), len(symbols)))
    unit = connected_components(bonds, directed=False)[1]
    units = [unit == number for number in np.unique(unit[is_nonmetal])]
    return dict(Counter(Formula.from_list(symbols[each].tolist()).format("hill") for each in units).most_common())


def _nearest_A(place: np.ndarray, others: np.ndarray, atoms: Atoms) -> float:
    return float(find_mic(others - place, atoms.cell)[1].min())
