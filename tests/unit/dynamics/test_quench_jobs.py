"""Replicas that are quenched together are those of single jobs, each with its products and its record."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from md_cases import ACCEPTANCE, COMPOSITION, DYNAMICS, packed

from saltflow.base.provenance import read_json, sha256_of_file, write_json
from saltflow.dynamics.quench_jobs import ReplicaFiles, quench_together
from saltflow.labels.frames import read_cell, write_frames
from saltflow.trajectory.h5md import read_trajectory

QUICK = {"relax_steps": 5, "melt_ps": 0.02, "melt_npt_ps": 0.02, "rate_K_per_ps": 3e4, "anneal_ps": 0.02}


def params():
    dynamics = copy.deepcopy(DYNAMICS) | {"dispersion": "none"}
    dynamics["quench"] |= QUICK
    identity = COMPOSITION.identity()
    return SimpleNamespace(composition=identity, dynamics=dynamics, acceptance=ACCEPTANCE, seed=1)


class Sweep:
    """A folder with packed cells; loaded: how often the potential was asked for."""

    def __init__(self, folder, model, committee):
        self.folder, self.model, self.committee, self.loaded = folder, model, committee, 0
        release = {"potential": "base", "dispersion": "none", "reference": {"name": "pbe", "functional": "PBE"}}
        write_json(folder / "released.json", release | {"sha256": sha256_of_file(model)})

    def quench(self, *numbers):
        replicas = [self.files(number) for number in numbers]
        return quench_together(
            replicas,
            self.load,
            model=self.model,
            release=self.folder / "released.json",
            params=params(),
            checkpoint_ps=0.02,
        )

    def files(self, number):
        own = self.folder / f"replica{number}"
        own.mkdir(exist_ok=True)
        if not (own / "cell.extxyz").exists():
            write_frames(own / "cell.extxyz", [packed(number)])
        names = ("cell.extxyz", "quenched.extxyz", "quench.json", "quench.h5md")
        return ReplicaFiles(str(number), *(own / name for name in names))

    def load(self):
        self.loaded += 1
        return self.committee


@pytest.fixture
def sweep(tmp_path, model_paths, committee):
    return Sweep(tmp_path, model_paths[0], committee)


def test_replicas_together_are_those_alone(sweep, tmp_path, model_paths, committee):
    (tmp_path / "alone").mkdir()
    alone = Sweep(tmp_path / "alone", model_paths[0], committee)
    statuses = sweep.quench(1, 2)
    assert statuses == {"1": "ok", "2": "ok"}
    for number in (1, 2):
        alone.quench(number)
        mine, theirs = sweep.files(number), alone.files(number)
        one, other = read_cell(mine.quenched), read_cell(theirs.quenched)
        np.testing.assert_allclose(one.positions, other.positions, atol=1e-6)
        np.testing.assert_allclose(one.cell.array, other.cell.array, atol=1e-6)
        first, second = read_json(mine.record), read_json(theirs.record)
        assert (first["replica"], first["status"], first["steps"]) == (second["replica"], "ok", second["steps"])
        assert first["density_g_cm3"] == pytest.approx(second["density_g_cm3"], rel=1e-6)
        assert first["cooling"]["volume_A3"] == pytest.approx(second["cooling"]["volume_A3"], rel=1e-6)
        assert read_trajectory(mine.trajectory).metadata["replica"] == number
    assert not list(tmp_path.glob("replica*/.*.work"))


def test_another_replica_leaves_those_that_are_there(sweep):
    sweep.quench(1)
    before = sweep.files(1).quenched.read_bytes()
    assert sweep.quench(1, 2) == {"1": "ok", "2": "ok"}
    assert sweep.files(1).quenched.read_bytes() == before
    assert sweep.loaded == 2
    sweep.quench(1, 2)
    assert sweep.loaded == 2  # nothing was due
