import numpy as np
import pytest

from saltflow.analysis.structure.first_minima import first_minima_A, shell_radii_A
from saltflow.analysis.structure.rdf import pair_distributions
from saltflow.analysis.transport.clusters import (
    BOUND,
    FREE,
    Bonds,
    bond_cutoffs_A,
    cluster_quantities,
    cluster_statistics,
    clusters,
    quantity_name,
)
from saltflow.analysis.transport.conductivity import nernst_einstein_mS_cm
from saltflow.trajectory.memory import Trajectory
from saltflow.trajectory.segments import prepare_system

EDGE_A = 20.0
FRAMES = 20
D_CM2_S = np.array([1e-6, 3e-6, 2e-7])  # Cl, Li, Zr
STATE = {"volume_A3": EDGE_A**3, "temperature_K": 600.0}


def still(symbols, positions_A, *, edge_A=EDGE_A):
    return Trajectory(
        positions_A=np.tile(np.asarray(positions_A, dtype=float), (FRAMES, 1, 1)),
        cells_A=np.tile(np.eye(3) * edge_A, (FRAMES, 1, 1)),
        times_ps=0.1 * np.arange(FRAMES),
        symbols=tuple(symbols),
        masses_u=np.ones(len(symbols)),
    )


def statistics(run, *, cutoffs_A, charges, shifts_A=(0.0,)):
    system = prepare_system([run], charges=charges, mobile_ion="Li", temperature_K=600.0)
    table = np.zeros((len(system.species),) * 2)
    for pair, cutoff_A in cutoffs_A.items():
        first, second = (system.species.index(symbol) for symbol in pair.split("-"))
        table[first, second] = table[second, first] = cutoff_A
    return system, cluster_statistics([run], system, table, shifts_A=shifts_A, frames_per_replica=5)


def conductivity(found, key, D_cm2_s):
    currents = {name: one.currents.mean(axis=0) for name, one in found.items()}
    return float(cluster_quantities(currents, D_cm2_s, **STATE)[quantity_name("sigma_cNE", key)])


def test_without_bonds_it_is_nernst_einstein():
    run = still(["Li", "Li", "Cl", "Cl"], [[0, 0, 0], [5, 5, 5], [10, 0, 10], [0, 10, 15]])
    system, found = statistics(run, cutoffs_A={"Li-Cl": 3.0}, charges={"Li": 1, "Cl": -1})
    free = nernst_einstein_mS_cm(charges=system.charges, counts=system.counts, D_cm2_s=D_CM2_S[:2], **STATE)
    assert conductivity(found, (BOUND, 0.0), D_CM2_S[:2]) == pytest.approx(free.sum())


def test_neutral_pairs_carry_nothing_and_charged_clusters_carry_by_their_sign():
    """LiCl is neutral; Li2Cl+ carries with D of Li; LiCl2- with D of Cl."""
    symbols = ["Li", "Cl", "Li", "Cl", "Li", "Cl", "Li", "Cl"]
    positions_A = [[0, 0, 0], [2, 0, 0], [8, 0, 0], [10, 0, 0], [12, 0, 0], [4, 10, 0], [6, 10, 0], [8, 10, 0]]
    run = still(symbols, positions_A)
    _, found = statistics(run, cutoffs_A={"Li-Cl": 2.5}, charges={"Li": 1, "Cl": -1})
    populations = found[BOUND, 0.0].populations
    assert populations == {(1, 1): 1.0, (1, 2): 1.0, (2, 1): 1.0}
    expected = nernst_einstein_mS_cm(charges=1, counts=1, D_cm2_s=D_CM2_S[0] + D_CM2_S[1], **STATE)
    assert conductivity(found, (BOUND, 0.0), D_CM2_S[:2]) == pytest.approx(expected)


def test_transference_gives_each_ion_its_part_of_the_clusters_charge():
    """ZrCl3+ carries with D of Zr, and Cl runs against the current."""
    run = still(["Zr", "Cl", "Cl", "Cl", "Li"], [[5, 5, 5], [7, 5, 5], [5, 7, 5], [5, 5, 7], [15, 15, 15]])
    _, found = statistics(run, cutoffs_A={"Zr-Cl": 2.5}, charges={"Zr": 4, "Cl": -1, "Li": 1})
    currents = {(FREE, 0.0): found[FREE, 0.0].currents[0]}
    shares = cluster_quantities(currents, D_CM2_S, **STATE)[quantity_name("transference_cNE", (FREE, 0.0))]
    zirconium, lithium = D_CM2_S[2], D_CM2_S[1]
    total = zirconium + lithium
    assert shares == pytest.approx([-3 * zirconium / total, lithium / total, 4 * zirconium / total])


def test_decompositions_differ_by_the_bonds_of_the_mobile_ion():
    run = still(["Zr", *["Cl"] * 6, "Li"], [[5, 5, 5], [7, 5, 5], [3, 5, 5], [5, 7, 5], [5, 3, 5], [5, 5, 7],
                                            [5, 5, 3], [9, 5, 5]])  # fmt: skip
    charges = {"Zr": 4, "Cl": -1, "Li": 1}
    _, found = statistics(run, cutoffs_A={"Zr-Cl": 2.5, "Li-Cl": 2.5}, charges=charges)
    assert found[BOUND, 0.0].populations == {(6, 1, 1): 1.0}
    assert found[FREE, 0.0].populations == {(6, 0, 1): 1.0, (0, 1, 0): 1.0}
    bound = nernst_einstein_mS_cm(charges=1, counts=1, D_cm2_s=D_CM2_S[0], **STATE)
    free = nernst_einstein_mS_cm(charges=1, counts=1, D_cm2_s=4 * D_CM2_S[0] + D_CM2_S[1], **STATE)
    assert conductivity(found, (BOUND, 0.0), D_CM2_S) == pytest.approx(bound)
    assert conductivity(found, (FREE, 0.0), D_CM2_S) == pytest.approx(free)


def test_a_chain_through_the_boundary_percolates_and_does_not_move():
    symbols, edge_A = ["Li", "Cl"] * 5, 20.0
    chain = [[2.0 * index, 0, 0] for index in range(10)]
    run = still(symbols, chain, edge_A=edge_A)
    _, found = statistics(run, cutoffs_A={"Li-Cl": 2.1}, charges={"Li": 1, "Cl": -1})
    assert found[BOUND, 0.0].percolating == pytest.approx([1.0])
    assert conductivity(found, (BOUND, 0.0), D_CM2_S[:2]) == 0.0
    broken = still(symbols[:-1], chain[:-1], edge_A=edge_A)
    _, found = statistics(broken, cutoffs_A={"Li-Cl": 2.1}, charges={"Li": 1, "Cl": -1})
    assert found[BOUND, 0.0].percolating == pytest.approx([0.0])
    assert found[BOUND, 0.0].populations == {(4, 5): 1.0}, "clusters may be of any size"


def test_unwrapped_atoms_bond_to_the_nearest_image():
    run = still(["Li", "Cl"], [[0, 0, 0], [2 + 3 * EDGE_A, -EDGE_A, 0]])
    _, found = statistics(run, cutoffs_A={"Li-Cl": 2.5}, charges={"Li": 1, "Cl": -1})
    assert found[BOUND, 0.0].populations == {(1, 1): 1.0}
    assert found[BOUND, 0.0].percolating == pytest.approx([0.0])


def test_an_atom_bonded_to_its_own_image_percolates():
    bonds = Bonds(np.array([[0, 0]]), np.array([[1, 0, 0]]), np.array([2.0]))
    labels, percolates = clusters(bonds, atoms=2)
    assert list(percolates[labels]) == [True, False]


def test_cutoffs_shift_down_and_up():
    run = still(["Li", "Cl"], [[0, 0, 0], [2.5, 0, 0]])
    _, found = statistics(run, cutoffs_A={"Li-Cl": 2.5}, charges={"Li": 1, "Cl": -1}, shifts_A=(-0.2, 0.0, 0.2))
    assert [len(found[BOUND, shift].populations) for shift in (-0.2, 0.0, 0.2)] == [2, 2, 1]


def test_cutoffs_are_the_first_minima_of_opposite_charges():
    """Rock salt at 5 Å: Li–Cl at 2.5 Å, the next shell of unlike ions at 4.33 Å."""
    rng = np.random.default_rng(3)
    corners = np.array(np.meshgrid(*[np.arange(6)] * 3)).reshape(3, -1).T
    symbols = ["Li" if point.sum() % 2 else "Cl" for point in corners]
    frames = corners * 2.5 + rng.normal(0, 0.1, (FRAMES, len(corners), 3))
    run = Trajectory(frames, np.tile(np.eye(3) * 15.0, (FRAMES, 1, 1)), 0.1 * np.arange(FRAMES), tuple(symbols),
                     np.ones(len(symbols)))  # fmt: skip
    system = prepare_system([run], charges={"Li": 1, "Cl": -1}, mobile_ion="Li", temperature_K=600.0)
    structure = pair_distributions([run], r_max_A=6.0, bin_width_A=0.05, frames_per_replica=10)
    cutoffs_A = bond_cutoffs_A(system, first_minima_A(structure))
    assert cutoffs_A[0, 0] == cutoffs_A[1, 1] == 0.0
    assert 2.9 < cutoffs_A[0, 1] < 4.0


def test_a_first_minimum_that_is_missing_or_far_out_bounds_no_shell():
    minima_A = {"Li-Li": 7.0, "Li-Cl": 3.5, "Cl-Li": 3.5, "Cl-Cl": None}
    expected = {"Li-Li": None, "Li-Cl": 3.5, "Cl-Li": 3.5, "Cl-Cl": None}
    assert shell_radii_A(minima_A, ("Li", "Cl"), longest_A=6.0) == expected
