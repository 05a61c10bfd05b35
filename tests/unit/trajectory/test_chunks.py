"""However a trajectory is read, in chunks of frames or of atoms, its numbers are the same."""

import numpy as np
import pytest

from saltflow.trajectory import chunks
from saltflow.trajectory.chunks import FRACTIONAL, frame_chunks, framework_weights, read_coordinates, series_chunks
from saltflow.trajectory.memory import Trajectory

FRAMES, ATOMS = 211, 150
CELL_A = np.array([[12.0, 0.0, 0.0], [5.0, 11.0, 0.0], [-4.0, 3.0, 10.0]])


@pytest.fixture(scope="module")
def run() -> Trajectory:
    """A walk in a cell that breathes."""
    rng = np.random.default_rng(1)
    scale = 1 + 0.03 * np.sin(np.arange(FRAMES) / 5.0)
    fractional = np.cumsum(rng.normal(0, 0.01, (FRAMES, ATOMS, 3)), axis=0) + rng.random((ATOMS, 3))
    cells_A = scale[:, None, None] * CELL_A
    positions_A = (fractional @ cells_A).astype(np.float32)
    masses_u = np.linspace(5, 30, ATOMS)
    return Trajectory(positions_A, cells_A, 0.1 * np.arange(FRAMES), ("Li", "Cl", "Al") * (ATOMS // 3), masses_u)


@pytest.fixture
def small_chunks(monkeypatch):
    """Several chunks of frames, windows and groups of atoms."""
    monkeypatch.setattr(chunks, "COORDINATES_PER_CHUNK", 3 * ATOMS * 32)
    monkeypatch.setattr(chunks, "FRAMES_PER_SERIES", 60)
    monkeypatch.setattr(chunks, "COORDINATES_PER_SERIES", 3 * 70 * 4)


def test_fractional_coordinates_and_those_of_a_cell_at_rest(run):
    frames = range(10, 90, 7)
    fractional = run.positions_A[10:90:7].astype(float) @ np.linalg.inv(run.cells_A[10:90:7])
    np.testing.assert_allclose(read_coordinates(run, frames, basis_A=FRACTIONAL), fractional, rtol=1e-12)
    np.testing.assert_allclose(read_coordinates(run, frames, basis_A=CELL_A), fractional @ CELL_A, rtol=1e-12)
    np.testing.assert_array_equal(read_coordinates(run, frames), run.positions_A[10:90:7])


@pytest.mark.parametrize("frames", [range(FRAMES), range(3, 200, 4), range(1, FRAMES, 40)])
@pytest.mark.parametrize("most_frames", [None, 5])
def test_chunks_of_frames_cover_every_frame_once(run, small_chunks, frames, most_frames):
    found = list(frame_chunks(run, frames, basis_A=FRACTIONAL, most_frames=most_frames))
    assert [chunk.start for chunk in found] == np.cumsum(
        [0, *(len(chunk.coordinates) for chunk in found[:-1])]
    ).tolist()
    together = np.concatenate([chunk.coordinates for chunk in found])
    np.testing.assert_array_equal(together, read_coordinates(run, frames, basis_A=FRACTIONAL))
    np.testing.assert_array_equal(np.concatenate([chunk.cells_A for chunk in found]), run.cells_A[list(frames)])
    assert len(found) > 1 or len(frames) < 32


def test_the_framework_stays_where_it_was_in_the_first_frame(run, small_chunks):
    frames, weights = range(20, FRAMES, 2), framework_weights(run, "Li")
    assert weights.sum() == pytest.approx(1.0)
    assert not weights[::3].any()
    found = np.concatenate([c.coordinates for c in frame_chunks(run, frames, basis_A=CELL_A, drift_weights=weights)])
    centres_A = weights @ found
    np.testing.assert_allclose(centres_A, np.broadcast_to(centres_A[0], centres_A.shape), atol=1e-12)
    drifting = read_coordinates(run, frames, basis_A=CELL_A)
    np.testing.assert_allclose(np.diff(found - drifting, axis=1), 0, atol=1e-12)
    np.testing.assert_array_equal(found[0], drifting[0])


def test_a_cell_of_mobile_ions_alone_has_no_framework(run):
    alone = Trajectory(run.positions_A, run.cells_A, run.times_ps, ("Li",) * ATOMS, run.masses_u)
    assert not framework_weights(alone, "Li").any()


@pytest.mark.parametrize("basis_A", [None, CELL_A])
@pytest.mark.parametrize("stride", [1, 3])
def test_series_of_atoms_hold_what_the_frames_hold(run, small_chunks, basis_A, stride):
    kinds, frames = np.arange(ATOMS) % 3, range(5, 200)[::stride]
    expected_A = read_coordinates(run, frames, basis_A=basis_A)
    expected_A = (expected_A - expected_A[0]).transpose(1, 2, 0)
    new = 0
    for chunk in series_chunks(run, frames, kinds, basis_A=basis_A, overlap=20, multiple_of=20, task="Test"):
        assert chunk.start == new
        assert chunk.new % 20 == 0 or chunk.stop == len(frames)
        new += chunk.new
        parts: dict[int, list[np.ndarray]] = {0: [], 1: [], 2: []}
        for kind, series_A in chunk.series_A():
            parts[kind].append(series_A)
        for kind, found in parts.items():
            window_A = expected_A[kinds == kind][..., chunk.start : chunk.stop]
            np.testing.assert_allclose(np.concatenate(found), window_A, atol=1e-9)
    assert new == len(frames)
