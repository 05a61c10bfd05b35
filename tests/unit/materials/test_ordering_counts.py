"""Whole atoms on orbits: as near to the refined occupancies as any neutral counts, or a sentence with the nearest."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from ordering_cases import HALF_VACANT, HALF_VACANT_CHARGES, MIXED_CHARGES, MIXED_CHARGES_CHARGES, SPLIT
from rock_salt_cif import HEADER

from saltflow.base.errors import InputError
from saltflow.materials.ordering.disordered_crystal import read_disordered
from saltflow.materials.ordering.formal_charges import chosen_charges, guess_charges
from saltflow.materials.ordering.ordering_plan import plan_formula, plan_within
from saltflow.materials.ordering.site_counts import site_counts
from saltflow.materials.ordering.supercells import near_cubic_supercells

# Three cations share a site.
THREE = HEADER + "Li1 Li 0 0 0 0.42\nMg1 Mg 0 0 0 0.11\nFe1 Fe 0 0 0 0.12\nCl1 Cl 0.5 0.5 0.5 1\n"
THREE_CHARGES = {"Li": 1, "Mg": 2, "Fe": 3, "Cl": -1}


@pytest.mark.parametrize("cells", [5, 9, 16])
def test_counts_are_the_nearest_of_all_neutral_ones(cif, cells):
    crystal = read_disordered(cif(THREE))
    found = site_counts(crystal, THREE_CHARGES, cells=cells)
    refined = np.array([0.42, 0.11, 0.12])
    neutral = [
        counts
        for counts in product(range(cells + 1), repeat=3)
        if sum(counts) <= cells and np.dot(counts, [1, 2, 3]) == cells
    ]
    least = min(np.abs(np.array(counts) / cells - refined).max() for counts in neutral)
    assert found.deviation == pytest.approx(least, abs=1e-9)
    assert sum(count * THREE_CHARGES[element] for element, count in found.amounts.items()) == 0


def test_a_site_without_vacancies_stays_full(cif):
    crystal = read_disordered(cif(MIXED_CHARGES))
    counts = site_counts(crystal, MIXED_CHARGES_CHARGES, cells=6)
    assert counts.amounts == {"Na": 3, "Al": 3, "S": 6}


def test_the_primitive_cell_and_its_orbits_are_found(cif):
    crystal = read_disordered(cif(MIXED_CHARGES))
    assert len(crystal.positions) == 2
    assert abs(np.linalg.det(crystal.cell)) == pytest.approx(5.64**3 / 4)
    assert crystal.amounts == pytest.approx({"Na": 0.5, "Al": 0.5, "S": 1})
    split = read_disordered(cif(SPLIT.format(occupancy=0.5)))
    assert sorted(len(orbit.sites) for orbit in split.orbits) == [1, 2]  # a mirror plane that the file does not name


def test_isotopes_are_their_element_and_sums_of_rounded_occupancies_are_one(cif):
    text = HEADER + "D1 D 0 0 0 0.334\nLi1 Li 0 0 0 0.333\nNa1 Na 0 0 0 0.334\nCl1 Cl 0.5 0.5 0.5 1\n"
    (mixed,) = [orbit for orbit in read_disordered(cif(text)).orbits if not orbit.is_ordered]
    assert set(mixed.occupancies) == {"H", "Li", "Na"}
    assert sum(mixed.occupancies.values()) == pytest.approx(1)


def test_supercells_are_cubes_where_the_lattice_allows():
    primitive = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 2.82
    found = near_cubic_supercells(primitive, most_cells=32)
    assert set(range(1, 33)) <= set(found)
    assert max(found[size][1] for size in (5, 7, 11, 13, 31)) < 0.15  # no needles
    for size in (4, 32):
        matrix, deviation = found[size]
        assert deviation == pytest.approx(0, abs=1e-9)
        assert np.linalg.det(matrix) == pytest.approx(size)


def test_the_limit_and_the_tolerance_hold(cif):
    plan = plan_within(read_disordered(cif(THREE)), THREE_CHARGES, most_atoms=100, tolerance=0.02)
    assert 50 < plan.atoms <= 100
    assert plan.counts.deviation <= 0.02


@pytest.mark.parametrize(
    ("text", "charges", "options", "sentence"),
    [
        (THREE, THREE_CHARGES, {"most_atoms": 12}, r"within 0\.01; the nearest is Li\w* of \d+ atoms, off by 0\.\d+ "),
        (THREE, THREE_CHARGES, {"most_atoms": 1}, r"primitive cell has 1\.6 atoms, over 1; raise --atoms"),
        (HALF_VACANT, {"Mg": -2, "Cl": -1}, {"most_atoms": 50}, r"no whole numbers of ions .* are neutral with Mg -2"),
    ],
)
def test_what_cannot_be_ordered_is_said(cif, text, charges, options, sentence):
    with pytest.raises(InputError, match=sentence):
        plan_within(read_disordered(cif(text)), charges, **options)


def test_occupancies_above_one_are_refused(cif):
    with pytest.raises(InputError, match="crystal.cif"):
        read_disordered(cif(HEADER + "Na1 Na 0 0 0 0.8\nK1 K 0 0 0 0.5\nCl1 Cl 0.5 0.5 0.5 1\n"))


def test_a_prescribed_formula_is_kept_exactly(cif):
    crystal = read_disordered(cif(MIXED_CHARGES))
    amounts = {"Na": Fraction(1), "Al": Fraction(1), "S": Fraction(2)}
    plan = plan_formula(crystal, MIXED_CHARGES_CHARGES, amounts=amounts, atoms=100)
    assert plan.counts.amounts["Na"] * 2 == plan.counts.amounts["S"]
    assert plan.atoms == pytest.approx(100, rel=0.1)


@pytest.mark.parametrize(
    ("amounts", "sentence"),
    [
        ({"Na": 3, "Al": 1, "S": 3}, "do not give the formula"),
        ({"Na": 1, "Ga": 1, "S": 2}, r"different elements: Al \(the file only\), Ga \(the formula only\)"),
    ],
)
def test_another_formula_is_refused(cif, amounts, sentence):
    fractions = {element: Fraction(amount) for element, amount in amounts.items()}
    with pytest.raises(InputError, match=sentence):
        plan_formula(read_disordered(cif(MIXED_CHARGES)), MIXED_CHARGES_CHARGES, amounts=fractions, atoms=60)


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ({"Li": 20.06, "Ge": 2, "P": 4, "S": 24}, {"Li": 1, "Ge": 4, "P": 5, "S": -2}),
        ({"Li": 6.4, "La": 3, "Zr": 1.4, "Ta": 0.6, "O": 12}, {"Li": 1, "La": 3, "Zr": 4, "Ta": 5, "O": -2}),
        ({"Li": 11.47, "P": 1, "S": 5, "Cl": 0.25, "Br": 0.75}, None),
    ],
)
def test_charges_are_the_usual_ones(amounts, expected):
    if expected is None:
        with pytest.raises(InputError, match="no usual oxidation states"):
            guess_charges(amounts, subject="x")
    else:
        assert guess_charges(amounts, subject="x") == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("Mg=2", "--charges lacks Cl"), ("Mg=2,Cl=-1,O=-2", "--charges names O"), ("Mg2", "is not a list of oxidation")],
)
def test_charges_given_are_those_of_the_crystal(cif, text, sentence):
    crystal = read_disordered(cif(HALF_VACANT))
    assert chosen_charges("Mg=2,Cl=-1", crystal) == HALF_VACANT_CHARGES
    with pytest.raises(InputError, match=sentence):
        chosen_charges(text, crystal)
