import numpy as np
import pytest

from saltflow.analysis.transport.pairs import displacement_correlation, finite_size_flag
from saltflow.trajectory.memory import Trajectory
from saltflow.trajectory.segments import prepare_system

EDGE_A = 16.0
FRAMES = 60
CHARGES = {"Li": 1, "Cl": -1}


def system_of(positions_A, symbols, masses_u, *, replicas=1):
    cells_A = np.tile(np.array([[EDGE_A, 0, 0], [2, EDGE_A, 0], [0, -1, EDGE_A]]), (FRAMES, 1, 1))
    runs = [
        Trajectory(part, cells_A, 0.1 * np.arange(FRAMES), tuple(symbols), np.asarray(masses_u, dtype=float))
        for part in np.split(positions_A, replicas)
    ]
    return prepare_system(runs, charges=CHARGES, mobile_ion="Li", temperature_K=600.0)


def correlate(system, *, lag=10):
    return displacement_correlation(system, lag=lag, origins_per_replica=20, bin_width_A=1.0)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def walk(rng, ions, *, replicas=1):
    steps = rng.normal(0, 0.3, (replicas, FRAMES, ions, 3))
    return (rng.random((replicas, 1, ions, 3)) * EDGE_A + np.cumsum(steps, axis=1)).reshape(-1, ions, 3)


def test_sum_over_pairs_is_the_distinct_onsager_coefficient(rng):
    positions_A = walk(rng, 30)
    masses_u = [6.94] * 10 + [35.45] * 20
    system = system_of(positions_A, ["Li"] * 10 + ["Cl"] * 20, masses_u)
    starts, lag = np.unique(np.linspace(0, FRAMES - 11, 20).astype(int)), 10
    moves_A = positions_A[starts + lag] - positions_A[starts]
    moves_A -= (np.array(masses_u) @ moves_A / np.sum(masses_u))[:, None]
    lithium, chlorine = moves_A[:, :10], moves_A[:, 10:]
    pairs = correlate(system)["pairs"]
    cross = np.einsum("taj,tbj->t", lithium, chlorine).mean()
    own = np.einsum("taj,tbj->t", lithium, lithium).mean() - np.einsum("taj,taj->t", lithium, lithium).mean()
    assert pairs["Cl-Li"]["sum_A2"] == pytest.approx(cross, rel=1e-9)
    assert pairs["Li-Li"]["sum_A2"] == pytest.approx(own, rel=1e-9)


def test_bound_ions_move_as_one_and_others_do_not(rng):
    lithium_A = walk(rng, 12, replicas=3)
    chlorine_A = lithium_A + np.array([2.5, 0, 0])
    heavy = np.tile(rng.random((1, 12, 3)) * EDGE_A, (3 * FRAMES, 1, 1))
    system = system_of(
        np.concatenate([lithium_A, chlorine_A, heavy], axis=1),
        ["Li"] * 12 + ["Cl"] * 24,
        [6.94] * 12 + [35.45] * 12 + [1e9] * 12,
        replicas=3,
    )
    result = correlate(system)
    row = result["pairs"]["Li-Li"]
    far = [(value, error) for value, error in zip(row["total"], row["total_error"], strict=True) if error is not None]
    assert all(abs(value) < 6 * error + 0.02 for value, error in far)
    assert finite_size_flag(result, mobile_ion="Li")["flag"] is False


def test_a_frame_that_drifts_as_a_whole_is_one_body(rng):
    """Li against a heavy Cl frame, all Li moving alike: c = 1 at any distance, and the cell is too small for it."""
    step = np.cumsum(rng.normal(0, 0.3, (FRAMES, 1, 3)), axis=0)
    lithium_A = rng.random((1, 20, 3)) * EDGE_A + step
    chlorine_A = np.tile(rng.random((1, 20, 3)) * EDGE_A, (FRAMES, 1, 1))
    system = system_of(
        np.concatenate([lithium_A, chlorine_A], axis=1), ["Li"] * 20 + ["Cl"] * 20, [1] * 20 + [1e9] * 20
    )
    result = correlate(system)
    there = [value for value in result["pairs"]["Li-Li"]["total"] if value is not None]
    assert there == pytest.approx([1.0] * len(there), rel=1e-6)
    assert finite_size_flag(result, mobile_ion="Li")["flag"] is True


def test_longitudinal_and_transverse_parts_add_up(rng):
    system = system_of(walk(rng, 30), ["Li"] * 10 + ["Cl"] * 20, [6.94] * 10 + [35.45] * 20)
    row = correlate(system)["pairs"]["Cl-Li"]
    for total, along, across in zip(row["total"], row["longitudinal"], row["transverse"], strict=True):
        if total is not None:
            assert along + across == pytest.approx(total, abs=1e-9)


def test_two_ions_that_breathe_along_their_line_are_purely_longitudinal(rng):
    swing = np.cumsum(rng.normal(0, 0.1, FRAMES))
    positions_A = np.zeros((FRAMES, 3, 3))
    positions_A[:, 0, 0], positions_A[:, 1, 0] = -swing, 4.0 + swing
    positions_A[:, 2, 1] = 8.0
    system = system_of(positions_A, ["Li", "Li", "Cl"], [1.0, 1.0, 1e9])
    row = correlate(system)["pairs"]["Li-Li"]
    for total, along in zip(row["total"], row["longitudinal"], strict=True):
        if total is not None:
            assert total == pytest.approx(along, abs=1e-9)
            assert total < 0
