"""Pathways of ions whose free energy is known."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.units import kB
from click.testing import CliRunner

from saltflow.analysis.pathways.analysis import analyse_pathways, no_pathways
from saltflow.analysis.pathways.command import command
from saltflow.analysis.pathways.figures import plot_pathways
from saltflow.analysis.pathways.grid import Grid, coarsened
from saltflow.analysis.pathways.picture import isosurface, write_picture
from saltflow.analysis.pathways.volumes import read_volume, write_volume
from saltflow.base.errors import SaltflowError
from saltflow.trajectory import chunks
from saltflow.trajectory.h5md import H5MDWriter
from saltflow.trajectory.memory import Trajectory

KELVIN = 1000.0
KT = kB * KELVIN
BARRIERS_EV = np.array([0.10, 0.18, 0.26])
TRICLINIC_A = np.array([[6.0, 0.0, 0.0], [1.5, 5.5, 0.0], [-1.0, 1.2, 5.8]])
SETTINGS = {
    "spacing_A": 0.3, "smoothing_A": 0.15, "volume_spacing_A": 0.6, "min_visits": 10.0, "max_half_difference_kT": 0.5,
}  # fmt: skip


def along_axis(rng, barrier_eV, samples):
    """Fractional coordinates with the Boltzmann density of (barrier/2)(1 − cos 2πx)."""
    found = np.empty(0)
    while len(found) < samples:
        x = rng.random(2 * samples)
        kept = rng.random(2 * samples) < np.exp(-barrier_eV / 2 * (1 - np.cos(2 * np.pi * x)) / KT)
        found = np.concatenate([found, x[kept]])
    return found[:samples]


def replica(seed, *, barriers_eV=BARRIERS_EV, frames=15_000, ions=20, cell_A=TRICLINIC_A, drift_A=0.02):
    """Ions in a separable potential, in a framework of four atoms that wanders off."""
    rng = np.random.default_rng(seed)
    fractional = np.stack([along_axis(rng, each, frames * ions) for each in barriers_eV], axis=1)
    ions_A = fractional.reshape(frames, ions, 3) @ cell_A
    framework_A = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]) @ cell_A
    framework_A = framework_A + rng.normal(0, 0.1, (frames, 4, 3))
    wander_A = np.cumsum(rng.normal(0, drift_A, (frames, 1, 3)), axis=0)
    return Trajectory(
        np.concatenate([ions_A, framework_A], axis=1) + wander_A,
        np.broadcast_to(cell_A, (frames, 3, 3)),
        np.arange(float(frames)),
        ("Li",) * ions + ("Cl",) * 4,
        np.array([7.0] * ions + [35.5] * 4),
    )


def pathways(runs, **changes):
    return analyse_pathways(runs, mobile_ion="Li", temperature_K=KELVIN, **(SETTINGS | changes))


def expected_eV(barriers_eV):
    """Thresholds: the barrier plus kT ln⟨exp(−V/kT)⟩, which makes the mean density 1."""
    x = (np.arange(2000) + 0.5) / 2000
    means = [np.mean(np.exp(-each / 2 * (1 - np.cos(2 * np.pi * x)) / KT)) for each in barriers_eV]
    return np.sort(barriers_eV) + KT * np.log(np.prod(means))


@pytest.fixture(scope="module")
def three_replicas():
    return [replica(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def analysed(three_replicas):
    return pathways(three_replicas)


def test_barriers_of_a_known_potential_are_found_in_a_skewed_cell_that_drifts(analysed):
    result, _ = analysed
    found = [result["quantities"][f"threshold_{name}_eV"] for name in ("1D", "2D", "3D")]
    errors = np.array([each["error"] for each in found])
    np.testing.assert_allclose([each["value"] for each in found], expected_eV(BARRIERS_EV), atol=0.01)
    assert ((errors > 0) & (errors < 0.02)).all()
    barriers = [result["quantities"][f"barrier_{name}_eV"]["value"] for name in ("1D", "2D", "3D")]
    np.testing.assert_allclose(barriers, BARRIERS_EV, atol=0.025)
    assert result["status"] == "ok"


def test_the_first_bottleneck_lies_on_the_saddle_between_its_neighbours(analysed):
    row = analysed[0]["per_replica"][0]["bottlenecks"]["1D"]
    away = np.array(row["fractional"]) - [0.5, 0.0, 0.0]
    assert np.abs(away - np.rint(away)).max() < 0.12
    assert [each["element"] for each in row["neighbours"]] == ["Cl"] * 4
    assert np.all(np.diff([each["distance_A"] for each in row["neighbours"]]) >= 0)


def test_the_connected_part_is_what_lies_below_the_threshold(analysed):
    """Of a separable potential every place below its threshold is connected."""
    result, _ = analysed
    x = (np.arange(60) + 0.5) / 60
    terms = [each / 2 * (1 - np.cos(2 * np.pi * x)) for each in BARRIERS_EV]
    potential = terms[0][:, None, None] + terms[1][:, None] + terms[2]
    share = (potential <= BARRIERS_EV[2]).mean()
    assert result["quantities"]["connected_volume_fraction_3D"]["value"] == pytest.approx(share, abs=0.06)
    weights = np.exp(-potential / KT)
    ions = weights[potential <= BARRIERS_EV[2]].sum() / weights.sum()
    assert result["quantities"]["connected_ion_fraction_3D"]["value"] == pytest.approx(ions, abs=0.03)


def test_framework_atoms_shake_by_what_they_were_given(analysed):
    of_four_less_their_drift_A = 0.1 * np.sqrt(3 * 3 / 4)
    found_A = analysed[0]["quantities"]["framework_rms_A"]["value"]
    assert found_A == pytest.approx(of_four_less_their_drift_A, rel=0.05)


def test_counts_do_not_depend_on_how_the_file_is_read(three_replicas, analysed, monkeypatch):
    monkeypatch.setattr(chunks, "COORDINATES_PER_CHUNK", 3 * 24 * 32)
    again, _ = pathways(three_replicas[:1])
    assert again["per_replica"][0]["values"] == pytest.approx(analysed[0]["per_replica"][0]["values"], abs=1e-12)


def test_smoothing_keeps_every_count_and_reaches_across_borders():
    grid = Grid.of_spacing(TRICLINIC_A, 0.3)
    offsets, weights = grid.kernel(0.4)
    from saltflow.analysis.pathways.grid import smooth

    counts = np.zeros(grid.shape, dtype=np.uint32)
    counts[0, 0, 0] = 1000
    smoothed = smooth(counts, offsets, weights)
    assert smoothed.sum() == pytest.approx(1000, rel=1e-5)
    assert smoothed[-1, 0, 0] == smoothed[1, 0, 0] > 0
    steps_A = TRICLINIC_A / np.array(grid.shape)[:, None]
    expected = np.exp(-((steps_A[1] - steps_A[2]) ** 2).sum() / (2 * 0.4**2)) * smoothed[0, 0, 0]
    assert smoothed[0, 1, -1] == pytest.approx(expected, rel=1e-4)


def test_one_replica_takes_its_error_from_the_halves_of_its_run(three_replicas):
    result, _ = pathways(three_replicas[:1])
    first, second = result["per_replica"][0]["halves_eV"]["1D"]
    assert result["error_basis"] == "halves of the run"
    assert result["quantities"]["threshold_1D_eV"]["error"] == pytest.approx(1.837 * abs(first - second) / 2, rel=1e-3)
    assert result["quantities"]["connected_volume_fraction_1D"]["error"] is None


def test_too_few_frames_are_flagged_and_never_silently_a_threshold():
    result, _ = pathways([replica(1, frames=40)])
    assert result["status"] != "ok"
    assert result["flags"]


def test_caged_ions_do_not_percolate_and_the_lower_bound_is_given():
    rng, frames = np.random.default_rng(1), 500
    positions_A = np.concatenate([rng.normal(3, 0.3, (frames, 5, 3)), np.zeros((frames, 1, 3))], axis=1)
    cells_A = np.broadcast_to(6 * np.eye(3), (frames, 3, 3))
    run = Trajectory(positions_A, cells_A, np.arange(float(frames)), ("Li",) * 5 + ("Cl",), np.ones(6))
    result, volume = pathways([run])
    assert result["status"] == "does not percolate in 3D"
    assert result["quantities"]["threshold_1D_eV"]["value"] is None
    assert "the threshold is above" in result["flags"][0]
    assert volume.thresholds == (None, None, None)


def test_a_run_whose_halves_differ_is_flagged():
    low, high = replica(1, frames=4000), replica(2, barriers_eV=[0.02, 0.02, 0.02], frames=4000)
    joined = Trajectory(
        np.concatenate([low.positions_A, high.positions_A - high.positions_A[0, 20:].mean(axis=0)
                        + low.positions_A[-1, 20:].mean(axis=0)]),
        np.concatenate([low.cells_A, high.cells_A]), np.arange(8000.0), low.symbols, low.masses_u,
    )  # fmt: skip
    result, _ = pathways([joined])
    assert result["status"] == "undersampled"
    assert any("the halves of the run differ" in flag for flag in result["flags"])


def test_without_a_framework_the_frame_is_the_laboratory():
    rng = np.random.default_rng(3)
    run = Trajectory(
        rng.random((200, 8, 3)) * 3, np.broadcast_to(3 * np.eye(3), (200, 3, 3)), np.arange(200.0), ("Li",) * 8,
        np.ones(8),
    )  # fmt: skip
    result, _ = pathways([run])
    assert result["frame"] == "laboratory"
    assert result["quantities"]["framework_rms_A"]["value"] is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trajectories": []}, "at least one trajectory"),
        ({"mobile_ion": "Na"}, "Na is not among the atoms Cl, Li"),
        ({"temperature_K": 0.0}, "above 0 K"),
        ({"trajectories": [replica(1, frames=3)]}, "at least 4 frames"),
    ],
)
def test_mistakes_are_explained(changes, words):
    arguments = {"trajectories": [replica(1, frames=20)], "mobile_ion": "Li", "temperature_K": KELVIN} | changes
    with pytest.raises(SaltflowError, match=words):
        analyse_pathways(**arguments, **SETTINGS)


def test_a_cube_file_keeps_density_cell_and_levels(analysed, tmp_path):
    _, volume = analysed
    write_volume(volume, tmp_path / "pathways.cube")
    again = read_volume(tmp_path / "pathways.cube")
    np.testing.assert_allclose(again.density, volume.density, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(again.framework.cell.array, TRICLINIC_A, atol=1e-4)
    assert again.thresholds == pytest.approx(volume.thresholds, rel=1e-5)
    assert again.density.mean() == pytest.approx(1.0, rel=1e-3)
    (tmp_path / "other.cube").write_text("a molecule\n\n")
    with pytest.raises(SaltflowError, match="no density of saltflow"):
        read_volume(tmp_path / "other.cube")


def test_coarsening_averages_blocks():
    values = np.arange(4 * 6 * 2.0).reshape(4, 6, 2)
    assert coarsened(values, 2)[1, 2, 0] == values[2:4, 4:6].mean()


def test_an_isosurface_lies_where_the_density_has_its_level(analysed):
    _, volume = analysed
    level = volume.thresholds[1]
    vertices_A, faces = isosurface(volume, level)
    assert len(faces) > 100
    x = vertices_A @ np.linalg.inv(TRICLINIC_A)
    energies_eV = (BARRIERS_EV / 2 * (1 - np.cos(2 * np.pi * x))).sum(axis=1)
    assert np.median(np.abs(energies_eV - BARRIERS_EV[1])) < 0.02


def test_figure_and_picture_are_drawn_also_of_nothing(analysed, tmp_path):
    result, volume = analysed
    nothing = no_pathways(["gas"], temperature_K=KELVIN)
    for name, each, density in (("found", result, volume), ("nothing", nothing, None)):
        plot_pathways(each, density, tmp_path / f"{name}.svg", title="LiCl at 1000 K")
        write_picture(each, density, tmp_path / f"{name}.html", title="LiCl at 1000 K")
        write_volume(density, tmp_path / f"{name}.cube")
        json.dumps(each)
    assert "percolates in 3D" in (tmp_path / "found.svg").read_text()
    assert "first percolates in 3D" in (tmp_path / "found.html").read_text()
    assert (tmp_path / "found.html").stat().st_size < 3e6
    assert "gas" in (tmp_path / "nothing.html").read_text()
    assert read_volume(tmp_path / "nothing.cube") is None


def test_the_command_writes_everything_without_charges(tmp_path):
    run = replica(4, frames=300)
    with H5MDWriter(tmp_path / "run.h5md", Atoms(run.symbols, pbc=True), metadata={}) as writer:
        for number, positions_A in enumerate(run.positions_A):
            writer.append_positions(step=number, time_ps=float(number), positions_A=positions_A, cell_A=TRICLINIC_A)
    out = tmp_path / "out"
    arguments = [str(tmp_path / "run.h5md"), "--temperature", "1000", "--out", str(out), "--name", "LiCl"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0
    assert {path.name for path in out.iterdir()} == {f"pathways.{kind}" for kind in ("json", "svg", "html", "cube")}
    assert json.loads((out / "pathways.json").read_text())["mobile_ion"] == "Li"
    assert "LiCl, 1000 K" in done.stdout
