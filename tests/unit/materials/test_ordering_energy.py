"""Ewald energies against a closed form and pymatgen; annealing against every arrangement there is."""

from itertools import combinations

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ordering_cases import (
    HALF_VACANT,
    HALF_VACANT_CHARGES,
    MIXED_CHARGES,
    MIXED_CHARGES_CHARGES,
    SPLIT,
)
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.io.ase import AseAtomsAdaptor

from saltflow.base.errors import InputError
from saltflow.materials.ordering.annealing import Arrangement
from saltflow.materials.ordering.disordered_crystal import read_disordered
from saltflow.materials.ordering.ewald_kernel import COULOMB_EV_A, ewald_kernel
from saltflow.materials.ordering.occupation import DisorderedSupercell
from saltflow.materials.ordering.ordered_cells import order_crystal, order_replicas
from saltflow.materials.ordering.ordering_plan import OrderingPlan, plan_within
from saltflow.materials.ordering.site_counts import site_counts

MADELUNG_ROCK_SALT = 1.7475645946


def kernel_energy_eV(positions: np.ndarray, charges: np.ndarray, cell: np.ndarray) -> float:
    vectors = (positions - positions[:, None]).reshape(-1, 3)
    return 0.5 * charges @ ewald_kernel(vectors, cell).reshape(len(charges), -1) @ charges


def pymatgen_energy_eV(atoms, charges: dict[str, int]) -> float:
    structure = AseAtomsAdaptor.get_structure(atoms)
    structure.add_oxidation_state_by_element(charges)
    return EwaldSummation(structure).total_energy


@pytest.fixture
def crystal(tmp_path):
    def read(text: str):
        (tmp_path / "crystal.cif").write_text(text)
        return read_disordered(tmp_path / "crystal.cif")

    return read


@pytest.mark.parametrize("repeat", [np.eye(3, dtype=int), [[2, 0, 0], [1, 2, -1], [0, 1, 1]]])
def test_rock_salt_has_its_madelung_constant_in_any_cell(repeat):
    salt = make_supercell(bulk("NaCl", "rocksalt", a=5.64), repeat)
    charges = np.where(salt.symbols == "Na", 1.0, -1.0)
    energy = kernel_energy_eV(salt.positions, charges, salt.cell.array)
    expected = -MADELUNG_ROCK_SALT * COULOMB_EV_A / (5.64 / 2) * len(salt) / 2
    assert energy == pytest.approx(expected, rel=1e-9)


def test_the_kernel_is_periodic_and_even():
    cell = np.array([[3.0, 0.2, 0.0], [-1.0, 4.0, 0.5], [0.3, 9.0, 6.0]])
    vectors = np.random.default_rng(3).normal(scale=4, size=(20, 3))
    shifts = np.random.default_rng(4).integers(-3, 4, size=(20, 3)) @ cell
    assert ewald_kernel(vectors + shifts, cell) == pytest.approx(ewald_kernel(vectors, cell), abs=1e-9)
    assert ewald_kernel(-vectors, cell) == pytest.approx(ewald_kernel(vectors, cell), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "charges"), [(HALF_VACANT, HALF_VACANT_CHARGES), (MIXED_CHARGES, MIXED_CHARGES_CHARGES)]
)
@pytest.mark.parametrize("lowest", [True, False])
def test_energies_of_ordered_cells_are_pymatgens(crystal, text, charges, lowest):
    plan = plan_within(crystal(text), charges, most_atoms=70)
    cell = order_crystal(plan, seed=5, lowest=lowest)
    assert cell.energy_eV == pytest.approx(pymatgen_energy_eV(cell.atoms, charges), rel=1e-7)


@pytest.mark.parametrize(
    ("text", "charges", "ion", "matrix"),
    [
        (HALF_VACANT, HALF_VACANT_CHARGES, "Mg", [[2, 0, 0], [0, 2, 0], [0, 0, 2]]),
        (MIXED_CHARGES, MIXED_CHARGES_CHARGES, "Al", [[3, 0, 0], [0, 2, 0], [1, 0, 2]]),
    ],
)
def test_annealing_finds_the_lowest_of_all_arrangements(crystal, text, charges, ion, matrix):
    disordered = crystal(text)
    supercell = DisorderedSupercell(disordered, matrix=np.array(matrix), charges=charges)
    sites = len(supercell.orbit)
    other = (
        next(number for number, name in enumerate(supercell.ions) if name not in ("", ion)) if "Na" in charges else 0
    )
    energies = []
    for chosen in combinations(range(sites), sites // 2):
        occupants = np.full(sites, other)
        occupants[list(chosen)] = supercell.ions.index(ion)
        energies.append(supercell.energy_eV(occupants))
    counts = site_counts(disordered, charges, cells=sites)
    found = order_replicas(OrderingPlan(disordered, charges, np.array(matrix), counts), replicas=2, seed=1)
    assert found[0].energy_eV == pytest.approx(min(energies), abs=1e-7)
    assert found[0].energy_eV < np.mean(energies) - np.std(energies)
    if len(found) > 1:
        assert found[1].fingerprint != found[0].fingerprint


def test_the_same_seed_gives_the_same_arrangement_and_another_may_differ(crystal):
    plan = plan_within(crystal(MIXED_CHARGES), MIXED_CHARGES_CHARGES, most_atoms=130)
    one, again, other = (order_crystal(plan, seed=seed, lowest=False).atoms for seed in (1, 1, 2))
    assert np.array_equal(one.positions, again.positions)
    assert one.get_chemical_symbols() == again.get_chemical_symbols()
    assert not np.allclose(one.positions, other.positions)


def test_energy_changes_of_exchanges_add_up(crystal):
    plan = plan_within(crystal(MIXED_CHARGES), MIXED_CHARGES_CHARGES, most_atoms=70)
    supercell = DisorderedSupercell(plan.crystal, matrix=plan.matrix, charges=plan.charges)
    arrangement = Arrangement(supercell, plan.counts, electrostatic=True, seed=2)
    before = supercell.energy_eV(arrangement.occupants)
    expected = 0.0
    for site in (0, 5, 9):
        partners, changes = arrangement._exchanges(site)
        expected += changes[1]
        arrangement._exchange(site, int(partners[1]))
    assert supercell.energy_eV(arrangement.occupants) - before == pytest.approx(expected, abs=1e-5)  # single precision


@pytest.mark.parametrize("lowest", [True, False])
def test_split_sites_exclude_each_other(crystal, lowest):
    plan = plan_within(crystal(SPLIT.format(occupancy=0.5)), {"Li": 1, "Cl": -1}, most_atoms=60)
    atoms = order_crystal(plan, seed=1, lowest=lowest).atoms
    lithium = atoms[atoms.symbols == "Li"]
    distances = lithium.get_all_distances(mic=True)
    assert len(lithium) == len(atoms) / 2
    assert distances[distances > 0].min() > 2.5


def test_split_sites_that_cannot_exclude_each_other_are_named(crystal):
    plan = plan_within(crystal(SPLIT.format(occupancy=0.75)), {"Li": 2, "Cl": -3}, most_atoms=60)
    with pytest.raises(InputError, match=r"Li on Li\d and Li on Li\d stay 1\.00 Å apart, .* lower"):
        order_crystal(plan, seed=1)


def test_ions_of_two_orbits_that_exclude_each_other_move_together(crystal):
    text = SPLIT.format(occupancy=0.5).replace("Li2 Li 0.5 0.5 0.6", "Li2 Li 0.5 0.45 0.62")
    disordered, charges = crystal(text), {"Li": 1, "Cl": -1}
    matrix = np.diag([3, 2, 1])
    supercell = DisorderedSupercell(disordered, matrix=matrix, charges=charges)
    assert set(supercell.orbit) == {0, 1}
    first, second = (np.flatnonzero(supercell.orbit == orbit) for orbit in (0, 1))
    sites, energies = np.arange(12), []
    for chosen in combinations(range(6), 3):
        for other in combinations(range(6), 3):
            occupants = np.zeros(12, int)
            occupants[first[list(chosen)]] = occupants[second[list(other)]] = 1
            if not supercell.excluded[occupants[:, None], occupants, sites[:, None], sites].any():
                energies.append(supercell.energy_eV(occupants))
    assert len(energies) == 20
    plan = OrderingPlan(disordered, charges, matrix, site_counts(disordered, charges, cells=6))
    assert order_replicas(plan, replicas=1, seed=1)[0].energy_eV == pytest.approx(min(energies), abs=1e-7)
