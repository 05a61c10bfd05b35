import warnings

import numpy as np
import pytest
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import GRID_A, H5MDWriter, open_accepted, read_trajectory
from saltflow.trajectory.memory import Trajectory

TRICLINIC_A = np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [-1.5, 1.0, 7.0]])


@pytest.fixture
def salt():
    atoms = Atoms("LiClO2", positions=np.arange(12.0).reshape(4, 3), cell=TRICLINIC_A, pbc=True)
    atoms.set_masses([7.016, 35.45, 15.999, 15.999])
    return atoms


def append_frames(writer, atoms, steps):
    for step in steps:
        writer.append(
            step=step,
            time_ps=0.002 * step,
            positions_A=atoms.positions + 0.01 * step,
            cell_A=TRICLINIC_A * (1 + 1e-4 * step),
            potential_energy_eV=-3.0 - step,
            temperature_K=600.0 + step,
            pressure_GPa=0.1,
            com_momentum_u_A_ps=[0.0, 0.0, 1e-6],
        )


def test_frames_come_back_as_written(tmp_path, salt):
    with H5MDWriter(tmp_path / "run.h5", salt, metadata={"dispersion": "none"}) as writer:
        append_frames(writer, salt, range(0, 50, 10))
    run = read_trajectory(tmp_path / "run.h5")
    assert run.symbols == ("Li", "Cl", "O", "O")
    assert run.metadata["dispersion"] == "none"
    np.testing.assert_allclose(run.times_ps, [0.0, 0.02, 0.04, 0.06, 0.08])
    np.testing.assert_allclose(run.positions_A[3], salt.positions + 0.3, atol=GRID_A / 2)
    assert not np.any(np.mod(run.positions_A, GRID_A))
    np.testing.assert_allclose(run.cells_A[3], TRICLINIC_A * 1.003)
    np.testing.assert_allclose(run.masses_u, salt.get_masses())
    np.testing.assert_allclose(run.observables["volume"][3], np.linalg.det(TRICLINIC_A) * 1.003**3)
    np.testing.assert_allclose(run.observables["temperature"], [600, 610, 620, 630, 640])


def test_mdanalysis_reads_the_same(tmp_path, salt):
    with H5MDWriter(tmp_path / "run.h5md", salt, metadata={}) as writer:
        append_frames(writer, salt, range(0, 50, 10))
    run = read_trajectory(tmp_path / "run.h5md")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from MDAnalysis import Universe

        universe = Universe(str(tmp_path / "run.h5md"), to_guess=())
    assert universe.trajectory.n_frames == 5
    for frame, timestep in enumerate(universe.trajectory):
        np.testing.assert_allclose(timestep.positions, run.positions_A[frame], rtol=1e-6)
        np.testing.assert_allclose(timestep.triclinic_dimensions, run.cells_A[frame], atol=1e-5)
        assert timestep.time == pytest.approx(run.times_ps[frame])
        assert timestep.data["potential_energy"] == run.observables["potential_energy"][frame]
    np.testing.assert_allclose(universe.trajectory._particle_group["mass"][:], salt.get_masses())
    universe.trajectory.close()


def test_only_accepted_replicas_are_read(tmp_path, salt):
    for number, steps in enumerate(([0, 10], [])):
        with H5MDWriter(tmp_path / f"{number}.h5", salt, metadata={}) as writer:
            append_frames(writer, salt, steps)
    paths = [tmp_path / "0.h5", tmp_path / "1.h5"]
    assert [run.n_frames for run in open_accepted(paths, statuses=["ok", "not run: gas"])] == [2]
    assert read_trajectory(paths[1]).n_frames == 0


@pytest.mark.parametrize("content", [b"", b"not an HDF5 file"])
def test_damaged_file_is_named(tmp_path, content):
    (tmp_path / "run.h5").write_bytes(content)
    with pytest.raises(SaltflowError, match=r"run\.h5 cannot be opened"):
        read_trajectory(tmp_path / "run.h5")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SaltflowError, match=r"no trajectory .*run\.h5"):
        read_trajectory(tmp_path / "run.h5")


def trajectory_of(positions_A, times_ps):
    frames, atoms, _ = positions_A.shape
    cells_A = np.tile(TRICLINIC_A, (frames, 1, 1))
    return Trajectory(positions_A, cells_A, np.asarray(times_ps), ("Li",) * atoms, np.full(atoms, 6.94))


def test_nan_position_is_refused_with_its_frame():
    positions_A = np.zeros((3, 2, 3))
    positions_A[1, 0, 2] = np.nan
    with pytest.raises(SaltflowError, match=r"positions_A is not a finite number at index \(1, 0, 2\)"):
        trajectory_of(positions_A, [0.0, 1.0, 2.0])


def test_times_that_repeat_are_refused():
    with pytest.raises(SaltflowError, match="do not increase at frame 2"):
        trajectory_of(np.zeros((3, 2, 3)), [0.0, 1.0, 1.0])
