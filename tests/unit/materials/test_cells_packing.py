"""Packed cells: stoichiometry, charge, density, distances, whole polyanions, seeds."""

import csv
import time
from pathlib import Path

import numpy as np
import pytest
from ase.io import read, write
from matscipy.neighbours import neighbour_list

from saltflow.base.errors import SaltflowError
from saltflow.materials.cells import build_cell, pack_cell, packing_units, shannon_density
from saltflow.materials.cells.overlaps import remove_overlaps
from saltflow.materials.cells.separations import minimum_separations_A
from saltflow.materials.compositions import Composition, counts, formula_units_for, read_compositions
from saltflow.materials.density import density_g_cm3

FACTOR = 0.8
GIVEN_A = {"Cl-Cl": 2.5, "Li-Li": 2.8}
RULES = {"min_separation_factor": FACTOR, "min_separations_A": GIVEN_A}
CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Composition]:
    with open(CONFIG / "potentials.tsv", newline="") as table:
        potentials = [row[0] for row in csv.reader(table, delimiter="\t")]
    return read_compositions(CONFIG / "compositions.tsv", potentials=potentials)


@pytest.fixture(scope="module")
def by_formula(catalogue) -> dict[str, Composition]:
    return {entry.formula: entry for entry in catalogue.values() if entry.start == "pack"}


def violations(atoms, composition) -> list[str]:
    """Pairs of different units that are closer than demanded, found without the code under test's bodies."""
    limits = minimum_separations_A(composition, **RULES)
    first, second, distances, shifts = neighbour_list("ijdS", atoms, max(limits.values()))
    unit = atoms.arrays["unit"]
    same = (unit[first] == unit[second]) & (unit[first] >= 0) & ~shifts.any(axis=1)
    return [
        f"{atoms.symbols[one]}{one}-{atoms.symbols[other]}{other} {distance:.3f}"
        for one, other, distance in zip(first[~same], second[~same], distances[~same], strict=True)
        if distance < limits[frozenset((atoms.symbols[one], atoms.symbols[other]))]
    ]


@pytest.mark.parametrize("size", [21, 150, 1302])
def test_oxychloride_cells_of_every_size(by_formula, size):
    oxychloride = by_formula["LiAlCl2.5O0.75"]
    began = time.perf_counter()
    atoms = build_cell(oxychloride, atoms=size, density_scale=1.0, seed=1, **RULES)
    assert time.perf_counter() - began < 60
    formula_units = formula_units_for(oxychloride, atoms=size)
    assert atoms.symbols.formula.count() == counts(oxychloride, formula_units)
    assert sum(oxychloride.oxidation_states[symbol] for symbol in atoms.symbols) == 0
    assert density_g_cm3(atoms) == pytest.approx(1.73, rel=1e-3)
    assert atoms.pbc.all()
    assert np.ptp(atoms.cell.cellpar()[:3]) == 0
    assert violations(atoms, oxychloride) == []
    assert atoms.info == {
        "composition": oxychloride.id, "formula_units": formula_units, "seed": 1, "start_density_g_cm3": 1.73,
    }  # fmt: skip


def test_sulfur_keeps_four_oxygens_through_the_periodic_boundary(by_formula):
    sulfate = by_formula["LiZrS0.5O2Cl4"]
    atoms = build_cell(sulfate, atoms=150, density_scale=1.0, seed=3, **RULES)
    atoms.positions += 0.37 * atoms.cell.lengths()
    atoms.wrap()
    first, second, shifts = neighbour_list("ijS", atoms, {("S", "O"): 1.6})
    from_sulfur = (atoms.symbols[first] == "S").astype(bool)
    held = np.bincount(first[from_sulfur], minlength=len(atoms))[atoms.symbols == "S"]
    assert (held == 4).all()
    assert shifts[from_sulfur].any(), "no sulfate crosses the boundary: the test shows nothing"
    assert (atoms.arrays["unit"][first] == atoms.arrays["unit"][second]).all()


def test_unit_array_groups_whole_polyanions(by_formula):
    atoms = build_cell(by_formula["LiAlS0.5O2Cl3"], atoms=60, density_scale=1.0, seed=0, **RULES)
    unit = atoms.arrays["unit"]
    assert sorted(set(atoms.symbols[unit == -1])) == ["Al", "Cl", "Li"]
    numbers = range(unit.max() + 1)
    assert [atoms[unit == number].get_chemical_formula() for number in numbers] == ["O4S"] * 4


def test_cell_survives_extended_xyz(by_formula, tmp_path):
    atoms = build_cell(by_formula["LiAlS0.5O2Cl3"], atoms=15, density_scale=1.0, seed=0, **RULES)
    write(tmp_path / "cell.extxyz", atoms)
    again = read(tmp_path / "cell.extxyz")
    assert again.info == atoms.info
    assert again.arrays["unit"].tolist() == atoms.arrays["unit"].tolist()


def test_same_seed_same_cell_other_seed_other_cell(by_formula):
    cells = [
        build_cell(by_formula["LiAlS0.5O2Cl3"], atoms=60, density_scale=1.0, seed=seed, **RULES)
        for seed in (7, 7, 8, 2**40)
    ]
    assert np.array_equal(cells[0].positions, cells[1].positions)
    assert np.abs(cells[0].positions - cells[2].positions).max() > 0.5
    assert np.abs(cells[0].positions - cells[3].positions).max() > 0.5


@pytest.mark.parametrize("formula", ["LiAlS0.5O2Cl3", "LiAlCl2.5O0.75"])
def test_smallest_cells_pack_for_every_seed(by_formula, formula):
    smallest = by_formula[formula]
    for seed in range(20):
        for scale in (0.9, 1.15):
            atoms = build_cell(smallest, atoms=15, density_scale=scale, seed=seed, **RULES)
            assert len(atoms) == {"LiAlS0.5O2Cl3": 15, "LiAlCl2.5O0.75": 21}[formula]
            assert violations(atoms, smallest) == []


@pytest.mark.parametrize(
    ("formula", "center", "ligand", "ligands", "bond_A"),
    [
        ("LiHAlOCl3", "O", "H", 1, 0.97),
        ("LiAlNO3Cl3", "N", "O", 3, 1.247),
        ("LiTaC0.5O1.5Cl5", "C", "O", 3, 1.284),
        ("LiZrOCl4", "O", "O", 1, 1.49),
        ("LiTaP0.3333O1.3333Cl5", "P", "O", 4, 1.537),
    ],
)
def test_polyanions_keep_their_geometry(by_formula, formula, center, ligand, ligands, bond_A):
    atoms = build_cell(by_formula[formula], atoms=60, density_scale=1.0, seed=2, **RULES)
    first, distances = neighbour_list("id", atoms, {(center, ligand): 1.3 * bond_A})
    kept = np.flatnonzero(atoms.symbols[first] == center)
    assert distances[kept] == pytest.approx(bond_A, abs=1e-3)
    held = np.bincount(first[kept], minlength=len(atoms))[atoms.symbols == center]
    assert (held == ligands).all()


def test_every_amorphous_row_packs(catalogue):
    for entry in (entry for entry in catalogue.values() if entry.start == "pack"):
        atoms = build_cell(entry, atoms=80, density_scale=1.0, seed=11, **RULES)
        assert sum(entry.oxidation_states[symbol] for symbol in atoms.symbols) == 0, entry.id
        assert violations(atoms, entry) == [], entry.id


def test_table_densities_agree_with_shannon_spheres(catalogue):
    """The table's densities were made or measured elsewhere; an independent sum of spheres meets them."""
    packed = [entry for entry in catalogue.values() if entry.start == "pack"]
    ratios = {entry.id: shannon_density(entry) / entry.density_g_cm3 for entry in packed}
    modelled = [ratios[entry.id] for entry in packed if entry.density_basis == "packing model"]
    assert modelled == pytest.approx([1.0] * len(modelled), abs=0.005)
    assert list(ratios.values()) == pytest.approx([1.0] * len(ratios), abs=0.10)


def test_cations_stay_apart_as_across_a_shared_edge(by_formula):
    limits = minimum_separations_A(by_formula["LiAlCl2.5O0.75"], **RULES)
    assert limits[frozenset(("Al", "Cl"))] == pytest.approx(0.8 * (0.535 + 1.81))
    assert limits[frozenset(("Al",))] == pytest.approx(0.8 * np.sqrt(2) * (0.535 + 1.40))
    assert limits[frozenset(("Li",))] == 2.8
    assert limits[frozenset(("O", "Cl"))] == pytest.approx(0.8 * (1.40 + 1.81))


def test_an_impossible_density_names_the_setting(by_formula):
    oxychloride = by_formula["LiAlCl2.5O0.75"]
    with pytest.raises(SaltflowError, match=r"LiAlCl2\.5O0\.75.*cells\.density_scale"):
        pack_cell(oxychloride, formula_units=4, density_g_cm3=8.0, seed=1, **RULES)


def test_overlap_removal_moves_polyanions_as_rigid_wholes(by_formula):
    sulfate = by_formula["LiAlS0.5O2Cl3"]
    atoms = build_cell(sulfate, atoms=60, density_scale=1.0, seed=5, **RULES)
    unit = atoms.arrays["unit"]
    bodies = np.where(unit >= 0, unit, unit.max() + 1 + np.arange(len(atoms)))
    bodies = np.unique(bodies, return_inverse=True)[1]
    moved = np.flatnonzero(unit == 0)
    chloride = np.flatnonzero(atoms.symbols == "Cl")[0]
    atoms.positions[moved] += atoms.positions[chloride] - atoms.positions[moved[1]] + 0.3  # O onto Cl
    shape = atoms[moved].get_all_distances()
    assert violations(atoms, sulfate)
    remove_overlaps(atoms, bodies=bodies, separations_A=minimum_separations_A(sulfate, **RULES), subject=sulfate.id)
    assert violations(atoms, sulfate) == []
    assert atoms[moved].get_all_distances() == pytest.approx(shape)


def test_radii_travel_with_the_units(by_formula):
    units = packing_units(by_formula["LiAlS0.5O2Cl3"], 2)
    radii = {str(template.symbols): template.arrays["radius_A"].tolist() for template, _ in units}
    assert radii["Al"] == [0.535]
    assert radii["SO4"] == [0.29, 1.4, 1.4, 1.4, 1.4]
