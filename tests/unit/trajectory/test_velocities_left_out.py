"""Without its frames with velocities a trajectory is the same in all else."""

import shutil

import h5py
import numpy as np
import pytest
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import H5MDWriter, open_velocities, read_trajectory
from saltflow.trajectory.velocities_left_out import (
    check_all_but_velocities,
    velocities_bytes,
    write_without_velocities,
)


@pytest.fixture
def run(tmp_path):
    """A walk of 40 atoms with 600 frames, 300 of which have velocities."""
    random, cell_A = np.random.default_rng(1), 9.0 * np.eye(3)
    positions_A = 9 * random.random((40, 3)) + random.normal(scale=0.1, size=(600, 40, 3)).cumsum(axis=0)
    salt = Atoms("Li20Cl20", positions=positions_A[0], cell=cell_A, pbc=[True, True, False])
    path = tmp_path / "run.h5md"
    with H5MDWriter(path, salt, metadata={"dispersion": "none"}) as writer:
        for step, frame_A in enumerate(positions_A):
            clock = {"step": step, "time_ps": 0.1 * step, "positions_A": frame_A, "cell_A": cell_A}
            writer.append(
                **clock,
                potential_energy_eV=float("nan"),
                temperature_K=600.0 + step,
                pressure_GPa=0.1,
                com_momentum_u_A_ps=random.normal(size=3),
            )
            if step < 300:
                writer.append_velocities(**clock, velocities_A_ps=random.normal(size=(40, 3)))
    return path


def test_all_but_the_velocities_comes_back_with_units_and_shared_clocks(run, tmp_path):
    target = tmp_path / "reduced.h5md"
    write_without_velocities(run, target)
    whole, kept = read_trajectory(run), read_trajectory(target)
    for name in ("positions_A", "cells_A", "times_ps", "masses_u"):
        assert getattr(kept, name).tobytes() == getattr(whole, name).tobytes()
    assert (kept.symbols, kept.metadata) == (whole.symbols, whole.metadata)
    assert {name: each.tobytes() for name, each in kept.observables.items()} == {
        name: each.tobytes() for name, each in whole.observables.items()
    }
    assert open_velocities(target) is None
    with h5py.File(run) as before, h5py.File(target) as after:
        assert dict(after.attrs) == dict(before.attrs)
        assert after["h5md/creator"].attrs["version"] == before["h5md/creator"].attrs["version"]
        box = after["particles/trajectory/box"]
        assert box.attrs["boundary"].tolist() == ["periodic", "periodic", "none"]
        for element in (box["edges"], after["observables/temperature"]):
            assert element["time"] == after["particles/trajectory/position/time"]
            assert element["value"].attrs["unit"] in ("Angstrom", "K")


def test_what_is_promised_is_saved(run, tmp_path):
    promised = velocities_bytes(run)
    write_without_velocities(run, tmp_path / "reduced.h5md")
    saved = run.stat().st_size - (tmp_path / "reduced.h5md").stat().st_size
    assert saved == pytest.approx(promised, rel=0.1)
    assert velocities_bytes(tmp_path / "reduced.h5md") == 0


def test_a_file_without_velocities_stays_the_same(run, tmp_path):
    once, twice = tmp_path / "once.h5md", tmp_path / "twice.h5md"
    write_without_velocities(run, once)
    write_without_velocities(once, twice)
    assert read_trajectory(twice).positions_A.tobytes() == read_trajectory(once).positions_A.tobytes()


@pytest.mark.parametrize("name", ["particles/trajectory/position/value", "observables/pressure/value"])
def test_another_number_or_a_missing_one_is_seen(run, tmp_path, name):
    target = tmp_path / "reduced.h5md"
    write_without_velocities(run, target)
    with h5py.File(target, "r+") as file:
        file[name][-1] = 1e9
    with pytest.raises(SaltflowError, match="was not reduced"):
        check_all_but_velocities(run, target)
    with h5py.File(target, "r+") as file:
        del file[name]
    with pytest.raises(SaltflowError, match="was not reduced"):
        check_all_but_velocities(run, target)


def test_a_damaged_file_is_no_trajectory(run, tmp_path):
    shutil.copy(run, tmp_path / "cut.h5md")
    with open(tmp_path / "cut.h5md", "r+b") as file:
        file.truncate(run.stat().st_size // 2)
    with pytest.raises(OSError, match="truncated"):
        velocities_bytes(tmp_path / "cut.h5md")
