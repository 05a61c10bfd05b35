"""The finer series with velocities: it records the same run, survives a restart and changes nothing else."""

import MDAnalysis
import numpy as np
import pytest
from ase import units
from mace_models import rock_salt

from saltflow.dynamics.progress import Conditions
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.schedule import Stage, production_schedule
from saltflow.trajectory.h5md import open_velocities, read_trajectory

STEP_FS = 2.0


def nvt(steps, **choices):
    return Stage("production", "nvt", steps, (600.0,) * 2, (600.0,) * 2, frame_interval=6, **choices)


def finished(committee, folder, *, segment_steps=1000, **choices):
    """Two replicas over 40 steps; trajectories of both."""
    conditions = Conditions(
        step_fs=STEP_FS, thermostat="nose-hoover", thermostat_time_fs=50.0, barostat_time_fs=200.0,
        compressibility_per_GPa=0.05, pressure_GPa=0.0, max_temperature_ratio=10.0,
        segment_ps=segment_steps * STEP_FS / 1000,
    )  # fmt: skip
    cells = [rock_salt(repeats=(1, 2, 2), rattle_A=0.1, seed=seed) for seed in (1, 2)]
    run = MDRun(cells, [nvt(40, **choices)], committee, conditions=conditions, seeds=[1, 2], workdir=folder / "work")
    outcomes = run.finish()
    paths = [folder / f"replica{number}.h5md" for number in (1, 2)]
    run.write_trajectories(paths, metadata=[{}, {}])
    return outcomes, paths


@pytest.fixture(scope="module")
def recorded(committee, tmp_path_factory):
    return finished(committee, tmp_path_factory.mktemp("recorded"), velocity_interval=1, velocity_steps=30)


def test_velocities_are_those_that_move_the_atoms(recorded):
    """Of velocity Verlet the mean of two neighbouring velocities is the displacement over a step, to order dt²."""
    for path in recorded[1]:
        run = open_velocities(path)
        assert (run.n_frames, run.times_ps[0], run.times_ps[-1]) == (30, 0.002, pytest.approx(0.06))
        everything = slice(0, 30), slice(0, len(run.symbols))
        positions_A, velocities = run.read_positions_A(*everything), run.read_velocities_A_ps(*everything)
        moved = (positions_A[1:] - positions_A[:-1]) / 0.002
        np.testing.assert_allclose(moved, (velocities[1:] + velocities[:-1]) / 2, atol=0.1)
        assert np.abs(velocities).max() > 5


def test_their_kinetic_energy_is_the_recorded_temperature(recorded):
    run, frames = open_velocities(recorded[1][0]), read_trajectory(recorded[1][0])
    velocities = run.read_velocities_A_ps(slice(0, 30), slice(0, len(run.symbols))).astype(float)
    kinetic_eV = 0.5 * np.einsum("a,taj,taj->t", run.masses_u, velocities, velocities) / (1000 * units.fs) ** 2
    kelvin = 2 * kinetic_eV / ((3 * len(run.symbols) - 3) * units.kB)
    np.testing.assert_allclose(kelvin[5::6], frames.observables["temperature"][:5], rtol=1e-5)


def test_the_trajectory_is_the_same_with_and_without(committee, tmp_path, recorded):
    outcomes, paths = finished(committee, tmp_path)
    for mine, theirs, path, other in zip(outcomes, recorded[0], paths, recorded[1], strict=True):
        np.testing.assert_array_equal(mine.atoms.positions, theirs.atoms.positions)
        np.testing.assert_array_equal(read_trajectory(path).positions_A, read_trajectory(other).positions_A)
        assert open_velocities(path) is None


def test_segments_do_not_change_the_velocities(committee, tmp_path, recorded):
    _, paths = finished(committee, tmp_path, segment_steps=7, velocity_interval=1, velocity_steps=30)
    for path, other in zip(paths, recorded[1], strict=True):
        mine, theirs = open_velocities(path), open_velocities(other)
        everything = slice(0, 30), slice(0, len(mine.symbols))
        np.testing.assert_array_equal(mine.times_ps, theirs.times_ps)
        np.testing.assert_array_equal(mine.read_velocities_A_ps(*everything), theirs.read_velocities_A_ps(*everything))
        np.testing.assert_array_equal(mine.read_positions_A(*everything), theirs.read_positions_A(*everything))


def test_another_program_still_reads_the_trajectory(recorded):
    frames = read_trajectory(recorded[1][0])
    universe = MDAnalysis.Universe.empty(len(frames.symbols))
    universe.load_new(str(recorded[1][0]))
    assert universe.trajectory.n_frames == frames.n_frames


def test_the_schedule_counts_intervals_in_steps():
    production = {"equilibrate_npt_ps": 0.0, "equilibrate_nvt_ps": 0.0, "duration_ps": 1.0, "frame_interval_fs": 100.0}
    production |= {"equilibrate_cell": "isotropic", "until_known": None}
    for interval_fs, duration_ps, expected in ((5.0, 0.1, (2, 50)), (0.5, 0.1, (1, 50)), (4.0, 0.0, (2, 0))):
        velocities = {"interval_fs": interval_fs, "duration_ps": duration_ps}
        (stage,) = production_schedule(production | {"velocities": velocities}, temperatures_K=[600.0], step_fs=STEP_FS)
        assert (stage.velocity_interval, stage.velocity_steps) == expected
        assert stage.records_velocities(stage.velocity_interval) == (duration_ps > 0)
