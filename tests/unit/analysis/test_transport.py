import json

import numpy as np
import pytest
from transport_cases import analyse, within
from walkers import (
    HEAVY_U,
    INTERVAL_PS,
    WALKERS,
    brownian_steps,
    deviations,
    lithium_in_a_heavy_frame,
    trajectory_of,
)

from saltflow.analysis.transport.blocks import displacement_blocks
from saltflow.analysis.transport.conductivity import nernst_einstein_mS_cm
from saltflow.analysis.transport.displacements import available_lags
from saltflow.analysis.transport.msd import displacement_curves
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.segments import prepare_system

REPLICAS = 60


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def test_nernst_einstein_of_32_lithium():
    sigma = nernst_einstein_mS_cm(charges=np.array([1]), counts=np.array([32]), D_cm2_s=np.array([1.396e-7]),
                                  volume_A3=8138.55, temperature_K=320.0)  # fmt: skip
    assert sigma[0] == pytest.approx(3.189, abs=5e-4)


def test_independent_ions_have_unit_haven_ratio_and_no_cross_terms(rng):
    salts = []
    for _ in range(3):
        steps = brownian_steps(rng, 3000, 24, D_A2_ps=0.5)
        positions_A = np.concatenate([np.cumsum(steps, axis=0), np.zeros((3000, 1, 3))], axis=1)
        salts.append(trajectory_of(positions_A, ["Li"] * 12 + ["Cl"] * 12 + ["Zr"], [6.94] * 24 + [HEAVY_U]))
    result = analyse(salts, charges={"Li": 1, "Cl": -1, "Zr": 0})
    quantities = result["quantities"]
    assert result["status"] == "ok"
    assert within(quantities["D_cm2_s"], 0.5e-4)
    assert within(quantities["haven_ratio"], 1.0)
    assert within(result["sigma_ab_mS_cm"]["Cl-Li"], 0.0)
    assert within(quantities["sigma_E_mS_cm"], quantities["sigma_NE_mS_cm"]["value"])
    assert within(result["species"]["Li"]["transference_E"], 0.5)
    assert quantities["D_cm2_s"]["error"] < 0.05 * 0.5e-4


def test_bound_pairs_carry_no_current(rng):
    steps = brownian_steps(rng, 2000, 10, D_A2_ps=0.5)
    walk_A = np.cumsum(steps, axis=0)
    positions_A = np.concatenate([walk_A, walk_A + 2.3, np.zeros((2000, 1, 3))], axis=1)
    pairs = trajectory_of(positions_A, ["Li"] * 10 + ["Cl"] * 10 + ["Zr"], [6.94] * 20 + [HEAVY_U])
    result = analyse([pairs], charges={"Li": 1, "Cl": -1, "Zr": 0})
    quantities = result["quantities"]
    assert abs(quantities["sigma_E_mS_cm"]["value"]) < 1e-9 * quantities["sigma_NE_mS_cm"]["value"]
    assert quantities["sigma_NE_mS_cm"]["value"] == pytest.approx(2 * quantities["sigma_NE_mobile_mS_cm"]["value"])
    assert result["species"]["Li"]["transference_E"]["value"] is None


def test_ions_that_move_rigidly_have_haven_ratio_one_over_n(rng):
    steps = np.repeat(brownian_steps(rng, 2000, 1, D_A2_ps=0.5), 8, axis=1)
    row = analyse([lithium_in_a_heavy_frame(steps)])["quantities"]["haven_ratio"]
    assert row["value"] == pytest.approx(1 / 8, rel=1e-6)
    D = analyse([lithium_in_a_heavy_frame(steps)])["quantities"]["D_cm2_s"]
    assert within(D, 0.5e-4, sigmas=3)
    assert D["error"] > 0.05 * D["value"], "one walker's statistics, not eight"


def test_uniform_drift_changes_nothing_barycentric(rng):
    salt = lithium_in_a_heavy_frame(brownian_steps(rng, 1000, 8, D_A2_ps=0.5))
    drift_A = 0.3 * np.arange(1000)[:, None, None] * np.array([1.0, -2.0, 0.5])
    drifting = trajectory_of(salt.positions_A + drift_A, salt.symbols, salt.masses_u)
    still, moved = analyse([salt]), analyse([drifting])
    for name, row in still["quantities"].items():
        assert moved["quantities"][name]["value"] == pytest.approx(row["value"], rel=1e-6), name


def test_onsager_matrix_obeys_the_barycentric_sum_rule(rng):
    steps = brownian_steps(rng, 1000, 18, D_A2_ps=0.5)
    masses_u = [6.94] * 6 + [35.45] * 9 + [91.2] * 3
    salt = trajectory_of(np.cumsum(steps, axis=0), ["Li"] * 6 + ["Cl"] * 9 + ["Zr"] * 3, masses_u)
    result = analyse([salt], charges={"Li": 1, "Cl": -1, "Zr": 1})
    assert result["sum_rule_residual"] < 1e-9


def test_framework_frame_removes_the_motion_of_the_framework(rng):
    steps = brownian_steps(rng, 1500, 12, D_A2_ps=0.5)
    rattle_A = np.cumsum(rng.normal(0, 0.2, (1500, 1, 3)), axis=0)
    walk_A = np.cumsum(steps, axis=0)
    framework = np.zeros((1500, 4, 3))
    positions_A = np.concatenate([walk_A, framework], axis=1) + rattle_A
    salt = trajectory_of(positions_A, ["Li"] * 12 + ["Cl"] * 4, [6.94] * 12 + [35.45] * 4)
    result = analyse([salt], frame="framework")
    lags = np.rint(np.array(result["curves"]["lags_ps"]) / INTERVAL_PS).astype(int)
    direct = [np.mean(np.sum((walk_A[lag:] - walk_A[:-lag]) ** 2, axis=-1)) for lag in lags]
    np.testing.assert_allclose(result["curves"]["msd_A2"]["Li"], direct, rtol=1e-6)
    np.testing.assert_allclose(result["curves"]["msd_A2"]["Cl"], 0.0, atol=1e-6)


def test_blocks_add_up_to_the_curves(rng):
    salts = [lithium_in_a_heavy_frame(brownian_steps(rng, frames, 4, D_A2_ps=0.5)) for frames in (150, 90)]
    system = prepare_system(salts, charges={"Li": 1, "Cl": -1}, mobile_ion="Li", temperature_K=600.0)
    lags = np.array([1, 10, 100])
    curves = displacement_curves(system, lags)
    blocks, replicas = displacement_blocks(system, lags, block_frames=40)
    assert list(replicas) == [0, 0, 0, 1, 1]
    total = blocks.total()
    np.testing.assert_allclose(total.origins, curves.origins)
    np.testing.assert_allclose(total.squared_A2, curves.squared_A2, atol=1e-6)
    np.testing.assert_allclose(total.collective_A2, curves.collective_A2, atol=1e-6)


@pytest.mark.parametrize(
    ("walkers", "replicas", "frames"),
    [
        *((walkers, 3, 1200) for walkers in WALKERS),
        *((walkers, 1, 2500) for walkers in ("jump", "1D", "mixed glasses")),
    ],
)
def test_errors_are_calibrated(walkers, replicas, frames):
    """The deviation from the truth, over the error, has unit spread; benchmarks/calibration takes more replicas."""
    found = [deviations(walkers, frames=frames, replicas=replicas, seed=20200 + seed) for seed in range(REPLICAS)]
    names = {name for replica in found for name in replica}
    for name in names:
        values = [replica[name] for replica in found if name in replica]
        # 0.85 to 1.15, and two and a half standard deviations of a spread over this many replicas.
        slack = 2.5 / np.sqrt(2 * len(values))
        assert len(values) > REPLICAS / 2, name
        assert 0.85 - slack < np.std(values) < 1.15 + slack, (name, np.std(values))


def test_different_replicas_widen_the_error(rng):
    runs = [lithium_in_a_heavy_frame(brownian_steps(rng, 2000, 16, D_A2_ps=D)) for D in (0.2, 0.5, 1.0)]
    row = analyse(runs)["quantities"]["D_cm2_s"]
    assert row["basis"] == "replicas"
    assert row["degrees_of_freedom"] == 2
    assert row["error"] > 0.3 * row["value"]


def test_harmonic_cage_is_not_diffusive(rng):
    position, frames = np.zeros((8, 3)), []
    for _ in range(2000):
        position = 0.9 * position + rng.normal(0, 0.8, (8, 3))
        frames.append(position)
    cage_A = np.array(frames)
    positions_A = np.concatenate([cage_A, np.zeros((2000, 8, 3))], axis=1)
    result = analyse([trajectory_of(positions_A, ["Li"] * 8 + ["Cl"] * 8, [6.94] * 8 + [HEAVY_U] * 8)])
    assert result["status"] == "not diffusive"
    assert abs(result["window"]["alpha"]) < 0.1
    assert result["quantities"]["D_cm2_s"]["value"] is not None


def test_ballistic_gas_is_not_diffusive(rng):
    positions_A = np.concatenate(
        [np.arange(500)[:, None, None] * rng.normal(0, 0.1, (8, 3)), np.zeros((500, 8, 3))], axis=1
    )
    result = analyse([trajectory_of(positions_A, ["Li"] * 8 + ["Cl"] * 8, [6.94] * 8 + [HEAVY_U] * 8)])
    assert result["status"] == "not diffusive"
    assert result["window"]["alpha"] == pytest.approx(2.0, abs=0.01)


def test_breathing_cell_moves_nothing(rng):
    scale = 1 + 0.03 * np.sin(np.arange(400) / 5.0)
    cells_A = scale[:, None, None] * np.array([[20.0, 0, 0], [3, 19, 0], [-2, 1, 18]])
    positions_A = rng.random((16, 3)) @ cells_A
    symbols, masses_u = ["Li"] * 8 + ["Cl"] * 8, [6.94] * 8 + [35.45] * 8
    result = analyse([trajectory_of(positions_A, symbols, masses_u, cells_A=cells_A)])
    assert max(result["curves"]["msd_A2"]["Li"]) < 1e-9
    assert abs(result["quantities"]["D_cm2_s"]["value"]) < 1e-15


def test_frozen_atoms_give_json_without_nan():
    positions_A = np.zeros((100, 4, 3))
    result = analyse([trajectory_of(positions_A, ["Li", "Li", "Cl", "Cl"], [6.94, 6.94, 35.45, 35.45])])
    assert result["status"] == "not diffusive"
    assert result["window"]["alpha"] is None
    json.dumps(result, allow_nan=False)


def test_one_mobile_ion_alone_uses_the_laboratory_frame(rng):
    steps = brownian_steps(rng, 3000, 1, D_A2_ps=1.0)
    result = analyse([trajectory_of(np.cumsum(steps, axis=0), ["Li"], [6.94])], frame="framework")
    assert result["frame"] == {"single_ion": "laboratory", "collective": "laboratory"}
    assert result["sum_rule_residual"] is None
    assert within(result["quantities"]["D_cm2_s"], 1e-4)
    assert result["quantities"]["haven_ratio"]["value"] == pytest.approx(1.0)


def test_gap_in_time_is_not_crossed(rng):
    steps = brownian_steps(rng, 1200, 8, D_A2_ps=0.5)
    steps[600] += 50.0
    whole = lithium_in_a_heavy_frame(steps)
    times_ps = whole.times_ps + np.where(np.arange(1200) >= 600, 7.0, 0.0)
    result = analyse([trajectory_of(whole.positions_A, whole.symbols, whole.masses_u, times_ps=times_ps)])
    assert result["run_ps"] == pytest.approx([60.0, 60.0])
    assert within(result["quantities"]["D_cm2_s"], 0.5e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"charges": {"Li": 1}}, "No charge is given for Cl"),
        ({"charges": {"Li": 1, "Cl": (-1, 5)}}, "Cl carries the charges"),
        ({"mobile_ion": "Na"}, "mobile ion Na is not among the atoms Cl, Li"),
        ({"temperature_K": -300.0}, "above 0 K"),
        ({"frame": "mobile"}, "reference frame"),
        ({"first_minima_A": {"Li-Cl": 3.0}}, "No first minimum of g.r. is given for Cl-Cl, Cl-Li, Li-Li"),
    ],
)
def test_input_that_cannot_be_analysed_is_explained(rng, changes, message):
    with pytest.raises(SaltflowError, match=message):
        analyse([lithium_in_a_heavy_frame(brownian_steps(rng, 100, 2, D_A2_ps=0.5))], **changes)


def test_two_frames_are_too_few(rng):
    with pytest.raises(SaltflowError, match="has 2 frames; at least"):
        analyse([lithium_in_a_heavy_frame(brownian_steps(rng, 2, 2, D_A2_ps=0.5))])


def test_run_of_nothing_but_gaps_is_refused(rng):
    salt = lithium_in_a_heavy_frame(brownian_steps(rng, 100, 2, D_A2_ps=0.5))
    times_ps = salt.times_ps + 5.0 * (np.arange(100) // 10)
    with pytest.raises(SaltflowError, match="no 20 frames in a row"):
        analyse([trajectory_of(salt.positions_A, salt.symbols, salt.masses_u, times_ps=times_ps)])


def test_too_short_a_lag_range_is_refused(rng):
    with pytest.raises(SaltflowError, match="fewer than 4 lags"):
        analyse([lithium_in_a_heavy_frame(brownian_steps(rng, 20, 2, D_A2_ps=0.5))], max_lag_fraction=0.1)


def test_twenty_frames_of_unequal_replicas_still_give_errors(rng):
    salts = [lithium_in_a_heavy_frame(brownian_steps(rng, frames, 4, D_A2_ps=2.0)) for frames in (20, 90)]
    row = analyse(salts)["quantities"]["sigma_E_mS_cm"]
    assert row["error"] > 0.3 * abs(row["value"])


def test_replicas_of_another_size_are_refused(rng):
    salts = [lithium_in_a_heavy_frame(brownian_steps(rng, 100, ions, D_A2_ps=0.5)) for ions in (2, 3)]
    with pytest.raises(SaltflowError, match="other atoms"):
        analyse(salts)


def test_no_trajectory_is_refused():
    with pytest.raises(SaltflowError, match="at least one trajectory"):
        analyse([])


def test_a_run_longer_than_any_chunk_equals_brute_force(rng):
    """Chunks in time, groups of atoms and thinned origins of the longest lags change nothing."""
    frames, ions = 130_001, 70
    walk_A = np.cumsum(rng.normal(0, 0.05, (frames, ions, 3)), axis=0)
    anions_A = np.cumsum(rng.normal(0, 0.02, (frames, ions, 3)), axis=0)
    mixed_A = np.stack([walk_A, anions_A], axis=2).reshape(frames, 2 * ions, 3)
    salt = trajectory_of(mixed_A, ["Li", "Cl"] * ions, [6.94, 35.45] * ions)
    system = prepare_system([salt], charges={"Li": 1, "Cl": -1}, mobile_ion="Li", temperature_K=600.0)
    lags = available_lags(np.array([3, 19_999, 20_000, 61_234]), longest_run=frames)
    squared, collective = displacement_curves(system, lags).means()
    blocks, _ = displacement_blocks(system, lags, block_frames=frames // 3)
    in_blocks, together = blocks.total().means()
    centre_A = (6.94 * walk_A.sum(axis=1) + 35.45 * anions_A.sum(axis=1)) / (ions * 42.39)
    for index, lag in enumerate(lags):
        origins = slice(None, frames - lag, 7 if lag > 20_000 else 1)  # the stride of 130,001 frames
        moves_A = (walk_A[lag:] - walk_A[:-lag] - (centre_A[lag:] - centre_A[:-lag])[:, None])[origins]
        squares_A2 = np.einsum("taj,taj->t", moves_A, moves_A).mean()
        sums_A = moves_A.sum(axis=1)
        assert squared[index, system.mobile] == pytest.approx(squares_A2, rel=1e-7)
        assert collective[index, 1, 1] == pytest.approx(np.einsum("tj,tj->t", sums_A, sums_A).mean(), rel=1e-7)
        assert in_blocks[index, system.mobile] == pytest.approx(squares_A2, rel=1e-2)
        assert together[index, 1, 1] == pytest.approx(np.einsum("tj,tj->t", sums_A, sums_A).mean(), rel=2e-2)
