import json
import warnings

import numpy as np
import pytest
from structure_cases import rocksalt

from saltflow.analysis.structure.rdf import first_shell, pair_distributions
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.memory import Trajectory

TRICLINIC_A = np.array([[12.0, 0.0, 0.0], [5.0, 11.0, 0.0], [-4.0, 3.0, 10.0]])
GRID = {"r_max_A": 4.0, "bin_width_A": 0.1, "frames_per_replica": 50}


def trajectory_of(positions_A, symbols, cells_A):
    frames = len(positions_A)
    return Trajectory(
        positions_A, np.broadcast_to(cells_A, (frames, 3, 3)), np.arange(float(frames)), tuple(symbols),
        np.ones(len(symbols)),
    )  # fmt: skip


def random_gas(seed, *, frames=50, lithium=30, chlorine=20):
    positions_A = np.random.default_rng(seed).random((frames, lithium + chlorine, 3)) @ TRICLINIC_A
    return trajectory_of(positions_A, ["Li"] * lithium + ["Cl"] * chlorine, TRICLINIC_A)


def test_ideal_gas_is_flat_in_a_skewed_cell():
    pairs = pair_distributions([random_gas(seed) for seed in range(4)], **GRID)["pairs"]
    for name in ("Li-Li", "Li-Cl", "Cl-Cl"):
        g, error = np.array(pairs[name]["g"])[10:], np.array(pairs[name]["g_error"])[10:]
        assert np.mean(g) == pytest.approx(1.0, abs=0.02), name
        assert np.mean(np.abs(g - 1) < 3 * error) > 0.9, name


def test_coordination_number_of_an_ideal_gas_is_density_times_volume():
    result = pair_distributions([random_gas(seed) for seed in range(4)], **GRID)
    expected = 20 / np.linalg.det(TRICLINIC_A) * 4 / 3 * np.pi * result["r_max_A"] ** 3
    assert result["pairs"]["Li-Cl"]["N"][-1] == pytest.approx(expected, rel=0.03)
    assert result["pairs"]["Cl-Li"]["N"][-1] == pytest.approx(expected * 30 / 20, rel=0.03)


def test_rocksalt_has_six_and_twelve_neighbours():
    result = pair_distributions([rocksalt(1), rocksalt(2)], r_max_A=5.5, bin_width_A=0.05, frames_per_replica=40)
    unlike, like = result["pairs"]["Na-Cl"], result["pairs"]["Na-Na"]
    assert unlike["first_peak_A"] == pytest.approx(2.8, abs=0.1)
    assert unlike["coordination"]["value"] == pytest.approx(6.0, abs=0.01)
    assert like["first_peak_A"] == pytest.approx(5.6 / np.sqrt(2), abs=0.1)
    assert like["coordination"]["value"] == pytest.approx(12.0, abs=0.05)
    assert result["note"] == ""


def test_agrees_with_mdanalysis_in_a_skewed_cell():
    import MDAnalysis
    from MDAnalysis.analysis.rdf import InterRDF
    from MDAnalysis.lib.mdamath import triclinic_box

    run = random_gas(7)
    universe = MDAnalysis.Universe.empty(50, trajectory=True)
    universe.add_TopologyAttr("type", run.symbols)
    universe.load_new(run.positions_A.astype(np.float32), dimensions=triclinic_box(*TRICLINIC_A))
    lithium, chlorine = universe.select_atoms("type Li"), universe.select_atoms("type Cl")
    pairs = pair_distributions([run], **GRID)["pairs"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unlike = InterRDF(lithium, chlorine, nbins=40, range=(0.0, 4.0)).run().results.rdf
        like = InterRDF(lithium, lithium, nbins=40, range=(0.0, 4.0), exclusion_block=(1, 1)).run().results.rdf
    np.testing.assert_allclose(pairs["Li-Cl"]["g"], unlike, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(pairs["Li-Li"]["g"], like, rtol=1e-3, atol=2e-3)


def test_agrees_with_freud_in_a_skewed_cell():
    import freud

    run = random_gas(8, frames=20)
    pairs = pair_distributions([run], **GRID)["pairs"]
    box = freud.box.Box.from_matrix(TRICLINIC_A.T)
    lithium, chlorine = (np.flatnonzero(np.array(run.symbols) == symbol) for symbol in ("Li", "Cl"))
    unlike = freud.density.RDF(bins=40, r_max=4.0)
    like = freud.density.RDF(bins=40, r_max=4.0, normalization_mode="finite_size")
    for positions_A in run.positions_A:
        wrapped = box.wrap(positions_A)
        unlike.compute((box, wrapped[chlorine]), query_points=wrapped[lithium], reset=False)
        like.compute((box, wrapped[lithium]), reset=False)
    np.testing.assert_allclose(pairs["Li-Cl"]["g"], unlike.rdf, atol=1e-5)
    np.testing.assert_allclose(pairs["Li-Li"]["g"], like.rdf, atol=1e-5)
    np.testing.assert_allclose(pairs["Li-Cl"]["N"], np.cumsum(unlike.bin_counts) / 20 / 30, atol=1e-9)
    np.testing.assert_allclose(pairs["Li-Li"]["N"], np.cumsum(like.bin_counts) / 20 / 30, atol=1e-9)


def test_unwrapped_positions_and_a_breathing_cell_change_nothing():
    run = rocksalt(3)
    images = np.random.default_rng(4).integers(-3, 4, (1, len(run.symbols), 3)) @ run.cells_A[0]
    scale = 1 + 0.01 * np.sin(np.arange(run.n_frames))[:, None, None]
    breathing = trajectory_of((run.positions_A + images) * scale, run.symbols, run.cells_A * scale)
    grid = {"r_max_A": 5.0, "bin_width_A": 0.1, "frames_per_replica": 40}
    still, moved = (pair_distributions([each], **grid)["pairs"]["Na-Cl"] for each in (run, breathing))
    assert moved["coordination"]["value"] == pytest.approx(still["coordination"]["value"], abs=0.01)


def test_distances_beyond_half_the_cell_are_cut_with_a_sentence():
    result = pair_distributions([rocksalt(1)], r_max_A=9.0, bin_width_A=0.1, frames_per_replica=20)
    assert result["r_max_A"] == pytest.approx(5.6)
    assert "half the width of the cell" in result["note"]
    assert len(result["r_A"]) == len(result["pairs"]["Na-Cl"]["g"]) == 56


def test_one_atom_of_an_element_has_no_pair_with_itself():
    positions_A = np.random.default_rng(2).random((20, 5, 3)) @ TRICLINIC_A
    result = pair_distributions([trajectory_of(positions_A, ["Zr"] + ["Cl"] * 4, TRICLINIC_A)], **GRID)
    assert max(result["pairs"]["Zr-Zr"]["g"]) == 0.0
    assert result["pairs"]["Zr-Zr"]["coordination"]["value"] is None
    json.dumps(result, allow_nan=False)


def test_shell_that_is_not_followed_to_its_end_has_no_minimum():
    r_A = np.arange(0.025, 4.0, 0.05)
    falling = 4 * np.exp(-((r_A - 3.5) ** 2) / 0.1)
    peak, minimum = first_shell(falling, bin_width_A=0.05)
    assert r_A[peak] == pytest.approx(3.5, abs=0.06)
    assert minimum is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bin_width_A": 0.0}, "bin_width_A"),
        ({"frames_per_replica": 3}, "at least 5"),
        ({"bin_width_A": 9.0}, "between"),
    ],
)
def test_unusable_grid_is_refused(changes, message):
    with pytest.raises(SaltflowError, match=message):
        pair_distributions([random_gas(1)], **{**GRID, **changes})
