"""Input at the edge of what can be analysed: it works, or stops with one sentence that names the remedy."""

import dataclasses
import gzip
import json

import h5py
import numpy as np
import pytest
from ase import Atoms
from transport_cases import analyse, within
from walkers import (
    EDGE_A,
    HEAVY_U,
    INTERVAL_PS,
    RULE,
    STATE_POINT,
    brownian_steps,
    lithium_in_a_heavy_frame,
    trajectory_of,
)

from saltflow.analysis.arrhenius.fit import fit_arrhenius, points_from_transport
from saltflow.analysis.transport.measurement import measure
from saltflow.analysis.transport.summary_sentences import summary_sentences
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import H5MDWriter, open_trajectory

TRICLINIC_A = np.array([[20.0, 0, 0], [4, 19, 0], [-3, 2, 18]])


@pytest.fixture
def rng():
    return np.random.default_rng(30)


def with_cells(salt, cells_A, positions_A=None):
    positions_A = salt.positions_A if positions_A is None else positions_A
    return trajectory_of(positions_A, salt.symbols, salt.masses_u, cells_A=cells_A, times_ps=salt.times_ps)


def test_without_framework_atoms_the_laboratory_frame_is_used_and_named(rng):
    steps = brownian_steps(rng, 2000, 6, D_A2_ps=0.5)
    result = analyse([trajectory_of(np.cumsum(steps, axis=0), ["Li"] * 6, [6.94] * 6)], charges={"Li": 1})
    assert result["frame"] == {"single_ion": "laboratory", "collective": "laboratory"}
    assert within(result["quantities"]["D_cm2_s"], 0.5e-4)
    assert result["species"]["Li"]["transference_E"]["value"] == pytest.approx(1.0)
    assert any("not tested" in sentence for sentence in summary_sentences(result))


def test_one_mobile_ion_in_a_framework(rng):
    steps = brownian_steps(rng, 4000, 1, D_A2_ps=1.0)
    positions_A = np.concatenate([np.cumsum(steps, axis=0), np.zeros((4000, 3, 3))], axis=1)
    salt = trajectory_of(positions_A, ["Li"] + ["Cl"] * 3, [6.94] + [HEAVY_U] * 3)
    result = analyse([salt], frame="framework")
    assert result["quantities"]["haven_ratio"]["value"] == pytest.approx(1.0)
    assert within(result["quantities"]["D_cm2_s"], 1e-4)
    assert result["displacement_correlation"][0]["pairs"]["Li-Li"]["sum_A2"] == 0.0
    json.dumps(result, allow_nan=False)


def test_a_triclinic_cell_changes_nothing_but_the_volume(rng):
    salt = lithium_in_a_heavy_frame(brownian_steps(rng, 1000, 8, D_A2_ps=0.5))
    slanted = with_cells(salt, np.tile(TRICLINIC_A, (1000, 1, 1)))
    straight, other = (measure([each], **STATE_POINT, **RULE).estimates({}) for each in (salt, slanted))
    assert other["D_cm2_s"].value == pytest.approx(straight["D_cm2_s"].value)
    volumes_A3 = EDGE_A**3, np.linalg.det(TRICLINIC_A)
    assert other["sigma_E_mS_cm"].value * volumes_A3[1] == pytest.approx(
        straight["sigma_E_mS_cm"].value * volumes_A3[0]
    )


def test_a_breathing_cell_does_not_change_diffusion(rng):
    """NPT: the same walk in fractional coordinates of a cell that breathes by 3 % has the D of the mean cell."""
    salt = lithium_in_a_heavy_frame(brownian_steps(rng, 3000, 8, D_A2_ps=0.5))
    scale = 1 + 0.03 * np.sin(np.arange(3000) / 7.0)
    mean_A = EDGE_A * np.eye(3)
    cells_A = scale[:, None, None] * mean_A
    positions_A = salt.positions_A @ np.linalg.inv(mean_A) @ cells_A
    still, breathing = (
        analyse([each])["quantities"]["D_cm2_s"]["value"] for each in (salt, with_cells(salt, cells_A, positions_A))
    )
    assert breathing == pytest.approx(still, rel=1e-3)


def test_a_wrapped_trajectory_is_refused(rng):
    salt = lithium_in_a_heavy_frame(brownian_steps(rng, 3000, 8, D_A2_ps=2.0))
    wrapped = with_cells(salt, salt.cells_A, salt.positions_A % EDGE_A)
    with pytest.raises(SaltflowError, match=r"Trajectory 0 is wrapped: atom \d .* unwrapped positions"):
        analyse([wrapped])


def test_a_jump_over_a_gap_in_time_is_no_sign_of_wrapping(rng):
    steps = brownian_steps(rng, 200, 8, D_A2_ps=0.5)
    steps[100] += 0.9 * EDGE_A
    salt = lithium_in_a_heavy_frame(steps)
    times_ps = salt.times_ps + np.where(np.arange(200) >= 100, 7.0, 0.0)
    analyse([trajectory_of(salt.positions_A, salt.symbols, salt.masses_u, times_ps=times_ps)])


@pytest.mark.parametrize("frames", [1, 2, 19])
def test_too_few_frames_are_refused(rng, frames):
    with pytest.raises(SaltflowError, match=f"has {frames} frames; at least 20"):
        analyse([lithium_in_a_heavy_frame(brownian_steps(rng, frames, 2, D_A2_ps=0.5))])


def test_positions_that_are_not_numbers_are_refused_in_memory(rng):
    steps = brownian_steps(rng, 100, 2, D_A2_ps=0.5)
    steps[40, 1, 2] = np.nan
    with pytest.raises(SaltflowError, match=r"positions_A is not a finite number at index \(40, 1, 2\)"):
        lithium_in_a_heavy_frame(steps)


def test_positions_that_are_not_numbers_are_refused_in_a_file(tmp_path, rng):
    atoms = Atoms("LiCl", cell=[20, 20, 20], pbc=True)
    with H5MDWriter(tmp_path / "run.h5md", atoms, metadata={}) as writer:
        for frame, positions_A in enumerate(np.cumsum(rng.normal(0, 0.3, (80, 2, 3)), axis=0)):
            writer.append_positions(step=frame, time_ps=0.1 * frame, positions_A=positions_A, cell_A=atoms.cell)
    with h5py.File(tmp_path / "run.h5md", "r+") as file:
        file["particles/trajectory/position/value"][37, 0, 1] = np.nan
    with pytest.raises(SaltflowError, match="not a finite number.*the run blew up"):
        analyse([open_trajectory(tmp_path / "run.h5md")])


def test_frames_that_come_too_early_are_refused(rng):
    salt = lithium_in_a_heavy_frame(brownian_steps(rng, 100, 2, D_A2_ps=0.5))
    times_ps = salt.times_ps.copy()
    times_ps[50:] -= 0.05
    with pytest.raises(SaltflowError, match="only 0.05 ps apart"):
        analyse([trajectory_of(salt.positions_A, salt.symbols, salt.masses_u, times_ps=times_ps)])


def test_a_damped_state_point_is_not_fitted(rng):
    def at(kelvin, thermostat):
        run = lithium_in_a_heavy_frame(brownian_steps(rng, 800, 8, D_A2_ps=kelvin / 500))
        run = dataclasses.replace(run, metadata={"settings": {"thermostat": thermostat}})
        return analyse([run], temperature_K=kelvin)

    results = [at(500.0, "langevin"), at(600.0, "bussi"), at(700.0, "nose-hoover"), at(800.0, "bussi")]
    assert [result["status"] for result in results] == ["damped", "ok", "ok", "ok"]
    points = points_from_transport(results, quantity="D_cm2_s")
    fit = fit_arrhenius(points, quantity="D_cm2_s", target_temperature_K=300.0, bootstrap_samples=10, seed=1)
    assert fit["temperatures_used_K"] == [600.0, 700.0, 800.0]
    assert any("damped: the friction" in sentence for sentence in summary_sentences(results[0]))


def test_a_state_point_that_is_not_diffusive_is_not_fitted(rng):
    def at(kelvin, D_A2_ps):
        return analyse([lithium_in_a_heavy_frame(brownian_steps(rng, 800, 8, D_A2_ps=D_A2_ps))], temperature_K=kelvin)

    results = [at(500.0, 1e-4), at(600.0, 0.5), at(700.0, 1.0), at(800.0, 2.0)]
    assert results[0]["status"] == "not diffusive"
    assert results[0]["alpha"] is not None
    points = points_from_transport(results, quantity="D_cm2_s")
    fit = fit_arrhenius(points, quantity="D_cm2_s", target_temperature_K=300.0, bootstrap_samples=10, seed=1)
    assert fit["temperatures_used_K"] == [600.0, 700.0, 800.0]
    assert any("not diffusive: the values" in sentence for sentence in summary_sentences(results[0]))


def test_every_lag_is_written(rng, tmp_path):
    steps = brownian_steps(rng, 300, 5, D_A2_ps=0.5)
    salt = lithium_in_a_heavy_frame(steps)
    analyse([salt], curves_path=tmp_path / "msd.csv.gz")
    with gzip.open(tmp_path / "msd.csv.gz", "rt") as file:
        assert file.readline().strip() == "lag_ps,msd_Cl_A2,msd_Li_A2"
        table = np.loadtxt(file, delimiter=",")
    np.testing.assert_allclose(table[:, 0], INTERVAL_PS * np.arange(1, 300), rtol=1e-5)
    walk_A = np.cumsum(steps, axis=0)
    direct = [np.mean(np.sum((walk_A[lag:] - walk_A[:-lag]) ** 2, axis=-1)) for lag in range(1, 300)]
    np.testing.assert_allclose(table[:, 2], direct, rtol=1e-4)
    first = (tmp_path / "msd.csv.gz").read_bytes()
    analyse([salt], curves_path=tmp_path / "msd.csv.gz")
    assert (tmp_path / "msd.csv.gz").read_bytes() == first


def test_the_sum_rule_is_in_the_log(rng, caplog):
    steps = brownian_steps(rng, 400, 12, D_A2_ps=0.5)
    salt = trajectory_of(np.cumsum(steps, axis=0), ["Li"] * 6 + ["Cl"] * 6, [6.94] * 6 + [35.45] * 6)
    with caplog.at_level("INFO"):
        analyse([salt])
    messages = [record.getMessage() for record in caplog.records]
    assert any(text.startswith("Σ_b M_b L_ab = 0: holds (residual") for text in messages)
    assert any(text.startswith("D of Li: ") and text.endswith("cm2/s") for text in messages)


def test_a_broken_sum_rule_gives_a_warning(rng):
    result = analyse([lithium_in_a_heavy_frame(brownian_steps(rng, 200, 4, D_A2_ps=0.5))])
    assert any("IS BROKEN" in sentence for sentence in summary_sentences(result | {"sum_rule_residual": 0.3}))
