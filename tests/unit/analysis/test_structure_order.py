import numpy as np
import pytest
from ase.build import bulk
from structure_cases import (
    CUTOFFS_A,
    ROLES,
    TRICLINIC_A,
    gas,
    joined,
    salt_block,
    shaken,
    snapshot,
    tetrahedra_with_lithium,
)

from saltflow.analysis.structure.coordination_shells import crystalline, nearest_shells, shells, steinhardt
from saltflow.analysis.structure.entropy import pair_entropy
from saltflow.analysis.structure.frame_averages import local_quantities
from saltflow.analysis.structure.phases import COHERENCE, CONNECTIONS, observe_order, observe_salt
from saltflow.analysis.structure.rdf import PairAverages, pair_averages, pair_distributions
from saltflow.analysis.structure.voids import observe_voids
from saltflow.statistics.block_averages import BlockAverages, estimate_averages

# Steinhardt, Nelson & Ronchetti (1983): q4 and q6 of perfect shells.
PERFECT = {"fcc": (0.1909, 0.5745), "hcp": (0.0972, 0.4848), "bcc": (0.0364, 0.5107), "sc": (0.7638, 0.3536)}


def crystal_of(name):
    """A crystal of lithium of about 15 Å, and how many neighbours its shell has."""
    if name == "hcp":
        return bulk("Li", "hcp", a=3.2, c=3.2 * np.sqrt(8 / 3)).repeat((5, 5, 3)), 12
    lattice = {"fcc": (4.4, 12, 4), "bcc": (3.5, 14, 5), "sc": (3.0, 6, 5)}[name]
    edge_A, neighbours, cells = lattice
    return bulk("Li", name, a=edge_A, cubic=True).repeat(cells), neighbours


@pytest.mark.parametrize("name", PERFECT)
@pytest.mark.parametrize("turned", [False, True])
def test_perfect_shells_have_the_published_q4_and_q6(name, turned):
    atoms, neighbours = crystal_of(name)
    if turned:
        atoms.rotate(33, (1, 2, 3), rotate_cell=True)
    frame = snapshot(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array)
    around = nearest_shells(frame, np.arange(len(atoms)), neighbours=neighbours)
    for degree, expected in zip((4, 6), PERFECT[name], strict=True):
        assert steinhardt(frame, around, degree=degree) == pytest.approx(np.full(len(atoms), expected), abs=2e-4)


def test_atoms_without_bonds_have_no_order():
    frame = snapshot(["Al", "Cl", "Al"], [[0, 0, 0], [2.1, 0, 0], [8, 8, 8]], 16.0)
    found = steinhardt(frame, shells(frame, CUTOFFS_A).around(np.array([0, 2])), degree=6)
    assert found[0] == pytest.approx(1.0)  # one bond: Y_lm of one direction
    assert np.isnan(found[2])


@pytest.mark.parametrize(
    ("name", "counts"), [("fcc", (12, 18, 42, 54)), ("bcc", (8, 14, 26, 50)), ("sc", (6, 18, 26, 32))]
)
def test_running_coordination_numbers_climb_the_shells_of_a_lattice(name, counts):
    atoms, _ = crystal_of(name)
    run = shaken(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array, rattle_A=0.01, frames=5)
    found = pair_distributions([run], r_max_A=7.4, bin_width_A=0.05, frames_per_replica=5)
    distances_A = np.sort(atoms.get_all_distances(mic=True)[0])[1:]
    edges_A = [0.5 * (distances_A[count - 1] + distances_A[count]) for count in counts]
    N = np.array(found["pairs"]["Li-Li"]["N"])
    for edge_A, count in zip(edges_A, counts, strict=True):
        assert N[np.searchsorted(found["edges_A"], edge_A)] == pytest.approx(count)


def test_shells_are_those_of_a_search_over_all_images():
    frame = snapshot(gas(3, frames=1).symbols, gas(3, frames=1).positions_A[0], TRICLINIC_A)
    reach_A = 6.0
    found = shells(frame, {("Li", "Cl"): reach_A})
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), axis=-1).reshape(-1, 3) @ TRICLINIC_A
    expected = 0
    for atom in frame.atoms_of("Li"):
        apart_A = frame.positions_A[frame.atoms_of("Cl")][:, None] + images - frame.positions_A[atom]
        expected += int((np.linalg.norm(apart_A, axis=-1) < reach_A).sum())
    assert len(found.centers) == expected > 100
    straight_A = frame.positions_A[found.ligands] + found.images @ TRICLINIC_A - frame.positions_A[found.centers]
    np.testing.assert_allclose(found.vectors_A, straight_A, atol=1e-9)


def test_a_cell_too_small_for_twelve_neighbours_says_so():
    atoms = bulk("Li", "fcc", a=4.4, cubic=True)
    frame = snapshot(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array)
    assert nearest_shells(frame, np.arange(4), neighbours=12) is None
    twice = atoms.repeat((2, 2, 1))
    frame = snapshot(twice.get_chemical_symbols(), twice.positions, twice.cell.array)
    assert nearest_shells(frame, np.arange(16), neighbours=12) is None


@pytest.mark.parametrize("name", ["fcc", "hcp"])
def test_a_hot_crystal_is_crystalline_and_a_gas_is_not(name):
    atoms, _ = crystal_of(name)
    rng = np.random.default_rng(5)
    hot_A = atoms.positions + rng.normal(0, 0.15, atoms.positions.shape)
    found = {}
    for state, positions_A in (("hot", hot_A), ("gas", rng.random(hot_A.shape) @ atoms.cell.array)):
        frame = snapshot(atoms.get_chemical_symbols(), positions_A, atoms.cell.array)
        around = nearest_shells(frame, np.arange(len(atoms)), neighbours=12)
        found[state] = crystalline(frame, around, coherence=COHERENCE, connections=CONNECTIONS)
    assert found["hot"][0] > 0.95
    assert found["hot"][1] > 0.95 * len(atoms)
    assert found["gas"] == (0.0, 0)


def test_pair_entropy_of_an_ideal_gas_is_zero():
    averages = pair_averages([gas(seed) for seed in range(4)], r_max_A=9.0, bin_width_A=0.1, frames_per_replica=20)
    found = pair_entropy(averages)
    assert abs(found.value) < 3 * found.error
    assert found.error < 0.05
    crowded = pair_averages([gas(9, frames=5)], r_max_A=9.0, bin_width_A=0.1, frames_per_replica=5)
    assert abs(pair_entropy(crowded).value) < 3 * pair_entropy(crowded).error  # although five frames are noisy


def test_pair_entropy_of_a_step_has_a_closed_form():
    """g = 3 up to 2 Å and 1 beyond: s2/k = −2πρ (3 ln 3 − 2) 2³/3."""
    edges_A = 0.1 * np.arange(1, 51)
    g = np.where(edges_A < 2.05, 3.0, 1.0)
    blocks = BlockAverages()
    for _ in range(2):
        blocks.begin(replica=0)
        blocks.add({("g",): np.tile(g, (2, 2, 1))})
    averages = PairAverages(("Cl", "Li"), edges_A, blocks, np.array([30, 10]), 1000.0, 5.0, "")
    expected = -2 * np.pi * 40 / 1000 * (3 * np.log(3) - 2) * 8 / 3
    assert float(pair_entropy(averages).value) == pytest.approx(expected)


def test_free_volume_is_what_spheres_leave():
    atoms = bulk("Li", "sc", a=4.0, cubic=True).repeat(4)
    frame = snapshot(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array)
    found = np.mean([observe_voids(frame, {"Li": 1.5}, frame=number)["free volume",] for number in range(10)])
    assert found == pytest.approx(1 - 4 / 3 * np.pi * 1.5**3 / 64, abs=0.005)
    hole_A = observe_voids(frame, {"Li": 1.5}, frame=0)["largest hole",]
    assert hole_A == pytest.approx(2 * np.sqrt(3), abs=0.15)  # the middle of the cube
    overlapping = snapshot(["Li", "Cl"], [[8, 8, 8], [8, 8, 8.1]], 16.0)
    found = np.mean(
        [observe_voids(overlapping, {"Li": 2.0, "Cl": 5.0}, frame=number)["free volume",] for number in range(10)]
    )
    assert found == pytest.approx(1 - 4 / 3 * np.pi * 125 / 16**3, abs=0.005)


def salt_in(*parts, cell_A=30.0):
    frame = snapshot(*joined(*parts), cell_A)
    bonds = shells(frame, CUTOFFS_A)
    return observe_salt(frame, bonds, ROLES, in_polyanion=np.zeros(len(frame.symbols), dtype=bool))


def test_planted_salt_is_found_and_a_mixed_replica_has_none():
    mixed = salt_in(tetrahedra_with_lithium())
    assert mixed == {("salt-like",): 0.0, ("salt cluster",): 0.0}
    planted = salt_in(tetrahedra_with_lithium(), salt_block(3, start_A=(23.0, 23.0, 23.0)))
    assert planted["salt cluster",] == 13  # of the 27 ions of the cube
    assert planted["salt-like",] == pytest.approx(13 / 40)


def test_two_blocks_of_salt_are_two_clusters():
    found = salt_in(
        tetrahedra_with_lithium(1), salt_block(2, start_A=(15.0, 15.0, 15.0)), salt_block(3, start_A=(22.0, 3.0, 3.0))
    )
    assert found["salt cluster",] == 13
    assert found["salt-like",] == pytest.approx(17 / 18)


def test_mean_order_leaves_out_atoms_without_neighbours():
    """An octahedron, a tetrahedron and a lone metal in one frame, the octahedron alone in another."""
    octahedron_A = np.vstack([np.eye(3), -np.eye(3)]) * 2.2 + 5
    tetrahedron_A = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) * 2.1 / np.sqrt(3) + 14
    symbols = ["Al"] * 3 + ["Cl"] * 10
    positions_A = np.vstack([[[5, 5, 5], [14, 14, 14], [5, 14, 14]], octahedron_A, tetrahedron_A])
    far_A = positions_A.copy()
    far_A[1] = [14, 5, 14]
    blocks = BlockAverages()
    for frame_A in (positions_A, far_A):
        blocks.begin(replica=0)
        frame = snapshot(symbols, frame_A, 22.0)
        blocks.add(observe_order(frame, shells(frame, CUTOFFS_A), ROLES))
    found = estimate_averages(blocks, local_quantities)
    assert float(found["q4", "metals"].value) == pytest.approx((0.7638 + 0.5092 + 0.7638) / 3, abs=1e-3)
    assert np.isnan(found["q6", "mobile"].value)
