"""Motion in one and two dimensions, ions that differ, and runs too short for collective quantities."""

import json

import numpy as np
import pytest
from transport_cases import analyse
from walkers import (
    RULE,
    STATE_POINT,
    along_axes,
    brownian_steps,
    lithium_in_a_heavy_frame,
    mixed_glasses,
    trajectory_of,
)

from saltflow.analysis.arrhenius.fit import points_from_transport
from saltflow.analysis.transport.ions import unbiased_squares
from saltflow.analysis.transport.measurement import measure
from saltflow.analysis.transport.summary_sentences import summary_sentences
from saltflow.analysis.transport.windows import brownian_covariance

FRAMES = 2000


@pytest.fixture
def rng():
    return np.random.default_rng(80)


def measured(salts):
    return measure(salts, **STATE_POINT, **RULE)


@pytest.mark.parametrize(("axes", "dimensions"), [([1, 1, 1], 3), ([1, 1, 0], 2), ([0, 0, 1], 1)])
def test_dimensions_are_those_of_the_walk(rng, axes, dimensions):
    found = measured([lithium_in_a_heavy_frame(along_axes([axes], rng, FRAMES, 12, D_A2_ps=0.6))])
    assert found.sampling.dimensions == pytest.approx(dimensions, abs=0.15)


def test_channels_in_three_directions_are_one_dimensional_for_ions_and_not_for_their_sum(rng):
    found = measured([lithium_in_a_heavy_frame(along_axes(np.eye(3), rng, 4000, 24, D_A2_ps=0.6))])
    slope = 6 * 24 * 0.6
    windows = found.n_windows
    assert found.sampling.dimensions == pytest.approx(3, abs=0.2)
    variance = found.ions.sampling_variances[found.system.mobile]
    assert variance == pytest.approx(2 * slope**2 / (24 * windows), rel=0.35)


def test_tensors_of_few_windows_have_no_bias(rng):
    """tr C² and (tr C)² from sample covariances over n Gaussian windows."""
    truth = np.diag([3.0, 1.0, 0.2])
    moves = rng.normal(size=(200_000, 4, 3)) * np.sqrt(np.diag(truth))
    samples = np.einsum("snx,sny->sxy", moves, moves) / 4
    products, squares = unbiased_squares(
        np.einsum("sxy,sxy->s", samples, samples), np.trace(samples, axis1=1, axis2=2) ** 2, 4.0
    )
    assert products.mean() == pytest.approx(np.sum(truth**2), rel=0.02)
    assert squares.mean() == pytest.approx(np.trace(truth) ** 2, rel=0.02)


def test_the_tensor_of_a_tilted_plane(rng):
    """Principal values 0.9, 0.9, 0 along axes that are turned, and z is along none of the cell's axes."""
    normal = np.array([1.0, 2.0, 2.0]) / 3
    steps = brownian_steps(rng, FRAMES, 12, D_A2_ps=0.9)
    steps = steps - (steps @ normal)[..., None] * normal
    tensor = analyse([lithium_in_a_heavy_frame(steps)])["species"]["Li"]["D_tensor"]
    assert tensor["anisotropic"]
    values = np.array([row["value"] for row in tensor["principal"]]) * 1e4
    assert values[:2] == pytest.approx([0.9, 0.9], abs=4e4 * tensor["principal"][0]["error"])
    assert values[2] == pytest.approx(0.0, abs=1e-6)
    assert abs(np.dot(tensor["principal"][2]["direction"], normal)) == pytest.approx(1.0, abs=1e-6)
    truth = 0.9e-4 * (np.eye(3) - np.outer(normal, normal))
    deviations = (np.array(tensor["value"]) - truth) / np.array(tensor["error"])
    assert np.abs(deviations).max() < 4


def test_the_errors_of_a_tensor_and_the_test_of_isotropy_are_right():
    """Over 60 replicas: unit spread of an element on and off the diagonal; isotropic motion is called so."""
    rows = []
    for seed in range(60):
        steps = brownian_steps(np.random.default_rng(4000 + seed), 1200, 8, D_A2_ps=0.6)
        rows.append(analyse([lithium_in_a_heavy_frame(steps)])["species"]["Li"]["D_tensor"])
    value, error = (np.array([row[key] for row in rows]) for key in ("value", "error"))
    deviations = (value - 0.6e-4 * np.eye(3)) / error
    slack = 2.5 / np.sqrt(2 * len(rows))
    for element in ((0, 0), (2, 2), (0, 1)):
        assert 0.85 - slack < deviations[:, element[0], element[1]].std() < 1.15 + slack
    # One in a hundred is called anisotropic; five among 60 have a chance of 0.04 %.
    assert sum(row["anisotropic"] for row in rows) < 5


def test_atoms_at_rest_have_no_tensor():
    positions_A = np.zeros((100, 4, 3))
    result = analyse([trajectory_of(positions_A, ["Li", "Li", "Cl", "Cl"], [6.94, 6.94, 35.45, 35.45])])
    assert result["species"]["Li"]["D_tensor"]["value"] is None
    json.dumps(result, allow_nan=False)


def test_ions_that_differ_widen_the_error_of_d_and_not_that_of_the_haven_ratio(rng):
    glasses, _ = mixed_glasses(rng, FRAMES, 3)
    alike = [lithium_in_a_heavy_frame(brownian_steps(rng, FRAMES, 16, D_A2_ps=0.6)) for _ in range(3)]
    relative = [
        {name: row["error"] / row["value"] for name, row in analyse(salts)["quantities"].items() if row["value"]}
        for salts in (glasses, alike)
    ]
    # Of a coin toss over 48 ions: (1 − p)/(p N) = 1/48.
    assert relative[0]["D_cm2_s"] > np.sqrt(1 / 48) / 1.5
    assert relative[0]["D_cm2_s"] > 2 * relative[1]["D_cm2_s"]
    assert relative[0]["haven_ratio"] < 2 * relative[1]["haven_ratio"]


def test_uniform_drift_changes_no_error(rng):
    salt = lithium_in_a_heavy_frame(brownian_steps(rng, 1000, 8, D_A2_ps=0.5))
    drift_A = 0.3 * np.arange(1000)[:, None, None] * np.array([1.0, -2.0, 0.5])
    drifting = trajectory_of(salt.positions_A + drift_A, salt.symbols, salt.masses_u)
    for frame in ("framework", "barycentric"):
        still, moved = analyse([salt], frame=frame), analyse([drifting], frame=frame)
        for name, row in still["quantities"].items():
            assert moved["quantities"][name]["error"] == pytest.approx(row["error"], rel=1e-4), name


def test_too_few_windows_keep_sigma_e_and_t_out_of_fits(rng):
    """Three dimensions and two windows: D is known from eight ions, σ_E is not."""
    for frames in range(260, 500, 20):
        salt = lithium_in_a_heavy_frame(brownian_steps(rng, frames, 24, D_A2_ps=0.6))
        result = analyse([salt])
        if result["status"] == "ok" and result["window"]["n_windows"] < 4:
            break
    assert result["status"] == "ok"
    assert result["quantities"]["sigma_E_mS_cm"]["status"] == "too few windows"
    assert result["species"]["Li"]["transference_E"]["status"] == "too few windows"
    assert any("enter no fit" in sentence for sentence in summary_sentences(result))
    assert points_from_transport([result], quantity="sigma_E_mS_cm")[0].status == "too few windows"
    assert points_from_transport([result], quantity="D_cm2_s")[0].status == "ok"


def test_gaps_and_replicas_of_unequal_length_keep_all_ions(rng):
    steps = brownian_steps(rng, 1500, 8, D_A2_ps=0.5)
    whole = lithium_in_a_heavy_frame(steps)
    times_ps = whole.times_ps + np.where(np.arange(1500) >= 900, 7.0, 0.0)
    gapped = trajectory_of(whole.positions_A, whole.symbols, whole.masses_u, times_ps=times_ps)
    short = lithium_in_a_heavy_frame(brownian_steps(rng, 60, 8, D_A2_ps=0.5))
    found = measured([gapped, short])
    assert found.ions.tensors[found.system.mobile].shape[1:] == (8, 3, 3)
    assert found.ions.shares.sum() == pytest.approx(1.0)
    diffusion = np.trace(found.ions.sums[found.system.mobile]) / (6 * 8)
    assert diffusion == pytest.approx(0.5, rel=0.3)


def test_tensors_of_ions_add_up_to_the_slopes_beyond_any_chunk(rng):
    """Lags above 20,000 frames take every stride-th frame, and a run of 110,000 frames more than one chunk."""
    steps = rng.normal(0, 0.01, (110_000, 6, 3))
    salt = trajectory_of(np.cumsum(steps, axis=0), ["Li"] * 4 + ["Cl"] * 2, [6.94] * 4 + [35.45] * 2)
    found = measured([salt])
    assert found.window.lags[-1] > 20_000
    slopes = found._slopes(found.blocks.total())["self_slopes"]
    np.testing.assert_allclose(np.trace(found.ions.sums, axis1=1, axis2=2), slopes, rtol=1e-6)


def test_the_covariance_of_an_msd_in_a_short_run_is_that_of_many_walks(rng):
    """Lags up to 0.4 of the run, in one dimension: 2 × the squared slope × the covariance."""
    frames, lags = 201, np.array([20, 40, 80])
    walks = np.cumsum(rng.normal(size=(6000, frames)), axis=1)
    msd = np.array([((walks[:, lag:] - walks[:, :-lag]) ** 2).mean(axis=1) for lag in lags])
    expected = 2 * brownian_covariance(lags.astype(float), run_ps=frames - 1)
    np.testing.assert_allclose(np.cov(msd), expected, rtol=0.12)
    long_run = brownian_covariance(np.array([1.0, 3.0]), run_ps=1e5) * 1e5
    np.testing.assert_allclose(long_run, [[2 / 3, 8 / 3], [8 / 3, 18]], rtol=1e-3)
