"""Temperatures that are run together are those of single jobs, each with its products and its record."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from md_cases import ACCEPTANCE, COMPOSITION, DYNAMICS, packed

from saltflow.base.provenance import read_json, sha256_of_file, write_json
from saltflow.dynamics.looks import FIXED, LONGEST
from saltflow.dynamics.production_jobs import StatePointFiles, run_together
from saltflow.labels.frames import write_frames
from saltflow.materials.frame_info import FrameInfo
from saltflow.trajectory.h5md import read_trajectory

QUICK = {"duration_ps": 0.1, "frame_interval_fs": 20.0, "equilibrate_npt_ps": 0.02, "equilibrate_nvt_ps": 0.02}


class EndsEarly:
    """A judge that ends production at its first look."""

    def __call__(self, runs, earlier):
        return {"frames": [run.n_frames for run in runs], "stopped_because": "known"}


class Sweep:
    """A folder with quenched replicas, of which the last was refused; loaded: how often the potential was asked for."""

    def __init__(self, folder, model, committee, *, until_known=None):
        folder.mkdir(exist_ok=True)
        self.folder, self.model, self.committee, self.loaded = folder, model, committee, 0
        release = {"potential": "base", "dispersion": "none", "reference": {"name": "pbe", "functional": "PBE"}}
        write_json(folder / "released.json", release | {"sha256": sha256_of_file(model)})
        statuses = {1: "ok", 2: "ok", 3: "density"}
        self.replicas = [folder / f"quenched{number}.extxyz" for number in statuses]
        for path, (number, status) in zip(self.replicas, statuses.items(), strict=True):
            write_frames(path, [FrameInfo.of(packed(number)).set(status=status)])
        dynamics = copy.deepcopy(DYNAMICS) | {"dispersion": "none"}
        dynamics["production"] |= QUICK | {"until_known": until_known}
        identity = COMPOSITION.identity()
        self.params = SimpleNamespace(
            composition=identity, dynamics=dynamics, window=None, acceptance=ACCEPTANCE, seed=1
        )

    def run(self, *temperatures_K, judges=None):
        points = [self.files(kelvin, judge=(judges or {}).get(kelvin)) for kelvin in temperatures_K]
        return run_together(
            points,
            self.load,
            replicas=self.replicas,
            model=self.model,
            release=self.folder / "released.json",
            params=self.params,
            checkpoint_ps=0.02,
        )

    def files(self, kelvin, *, judge=None):
        own = self.folder / f"{kelvin}K"
        own.mkdir(exist_ok=True)
        trajectories = [own / f"replica{number}.h5md" for number in (1, 2, 3)]
        return StatePointFiles(str(kelvin), own / "md.json", trajectories, judge)

    def load(self):
        self.loaded += 1
        return self.committee


def test_temperatures_together_are_those_alone(tmp_path, model_paths, committee):
    together, alone = (Sweep(tmp_path / name, model_paths[0], committee) for name in ("together", "alone"))
    assert together.run(300, 900) == {"300": FIXED, "900": FIXED}
    for kelvin in (300, 900):
        alone.run(kelvin)
        mine, theirs = together.files(kelvin), alone.files(kelvin)
        one, other = read_json(mine.record), read_json(theirs.record)
        assert one["temperature_K"] == other["temperature_K"] == kelvin
        assert [each["status"] for each in one["replicas"]] == ["ok", "ok", "not run: density"]
        assert [each["replica"] for each in one["replicas"]] == [1, 2, 3]
        for first, second in zip(one["replicas"][:2], other["replicas"][:2], strict=True):
            assert first["density_g_cm3"] == pytest.approx(second["density_g_cm3"], rel=1e-6)
            assert first["steps"] == second["steps"]
        for number, (path, twin) in enumerate(zip(mine.trajectories, theirs.trajectories, strict=True), start=1):
            run, reference = read_trajectory(path), read_trajectory(twin)
            np.testing.assert_allclose(run.positions_A, reference.positions_A, atol=2e-3)
            assert (run.metadata["temperature_K"], run.metadata["replica"]) == (kelvin, number)
    hot, cold = (read_trajectory(together.files(kelvin).trajectories[0]) for kelvin in (900, 300))
    assert hot.observables["temperature"].mean() > 2 * cold.observables["temperature"].mean()
    assert not list(tmp_path.rglob(".*.work"))


def test_another_temperature_leaves_those_that_are_there(tmp_path, model_paths, committee):
    sweep = Sweep(tmp_path, model_paths[0], committee)
    sweep.run(300)
    before = sweep.files(300).trajectories[0].read_bytes()
    sweep.run(300, 600)
    assert sweep.files(300).trajectories[0].read_bytes() == before
    assert sweep.loaded == 2
    sweep.run(300, 600)
    assert sweep.loaded == 2  # nothing was due


def test_a_temperature_that_is_known_leaves_the_batch(tmp_path, model_paths, committee):
    wanted = {"least_ps": 0.04, "D_relative_error": 0.1, "sigma_E_relative_error": 0.25}
    sweep = Sweep(tmp_path, model_paths[0], committee, until_known=wanted)

    def goes_on(runs, earlier):
        return {"stopped_because": None}

    stopped = sweep.run(300, 900, judges={300: goes_on, 900: EndsEarly()})
    assert stopped == {"300": LONGEST, "900": "known"}
    cold, hot = (read_json(sweep.files(kelvin).record) for kelvin in (300, 900))
    assert hot["looks"] == [{"step": 20, "frames": [2, 2], "stopped_because": "known"}]
    assert (hot["production_ps"], cold["production_ps"]) == (pytest.approx(0.04), pytest.approx(0.1))
    assert len(cold["looks"]) > 1
    frames = [read_trajectory(sweep.files(kelvin).trajectories[0]).n_frames for kelvin in (300, 900)]
    assert frames == [5, 2]
