"""Competing phases from prototypes: neutral, of the elements asked, with bonds as long as ions are large."""

import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from saltflow.studies.screening.phase_prototypes import element_crystal, salts

CHARGES = {"Li": 1, "Ca": 2, "Si": 4, "O": -2}


def test_every_salt_is_neutral_and_keeps_its_ions_apart():
    found = dict(salts(CHARGES))
    formulas = {name.partition("-")[0] for name in found}
    assert formulas == {"Li2O", "CaO", "SiO2", "CaSiO3", "Ca2SiO4"}
    for name, cell in found.items():
        assert sum(CHARGES[symbol] for symbol in cell.symbols) == 0, name
        first, second, distances = neighbor_list("ijd", cell, 4.0)
        signs = np.sign([CHARGES[symbol] for symbol in cell.symbols])
        opposite = signs[first] != signs[second]
        assert distances[opposite].min() == distances.min(), name  # no ion touches one of its own sign
        assert 1.6 < distances.min() < 2.5


def test_prototypes_are_the_crystals_that_they_are_called():
    found = dict(salts({"Na": 1, "Cl": -1}))
    salt = found["NaCl-AB_cF8_225_a_b"]
    edge_A = (4 * salt.get_volume()) ** (1 / 3)
    assert edge_A == pytest.approx(2 * (1.02 + 1.81), abs=1e-6)  # rock salt of Shannon's radii; measured 5.64 Å
    perovskite = dict(salts({"Ca": 2, "Ti": 4, "O": -2}))["CaTiO3-AB3C_oP20_62_c_cd_a"]
    first, distances = neighbor_list("id", perovskite, 2.3)
    titanium = {index for index, symbol in enumerate(perovskite.symbols) if symbol == "Ti"}
    assert all((first == index).sum() == 6 for index in titanium)  # the small ion has the octahedron


def test_elements_have_the_bonds_of_their_covalent_radii():
    for element, bond_A, atoms in (("O", 1.32, 2), ("Cl", 2.04, 16), ("Se", 2.4, 3), ("Li", 3.02, 1), ("Ge", 2.45, 2)):
        cell = element_crystal(element)
        assert (set(cell.symbols), len(cell)) == ({element}, atoms)
        assert neighbor_list("d", cell, 5.0).min() == pytest.approx(bond_A, abs=0.01)
    assert element_crystal("Es") is None
