"""Temperatures that are run together are those of single jobs, each with its products and its record."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from md_cases import ACCEPTANCE, COMPOSITION, DYNAMICS, packed

from saltflow.base.provenance import read_json, sha256_of_file, write_json
from saltflow.dynamics.looks import FIXED, LONGEST
from saltflow.dynamics.production_jobs import ProductionInputs, StatePointFiles, run_together
from saltflow.labels.frames import write_frames
from saltflow.materials.frame_info import FrameInfo
from saltflow.trajectory.h5md import read_trajectory

WANTED = {"least_ps": 0.04, "D_relative_error": 0.1, "sigma_E_relative_error": 0.25}
QUICK = {"duration_ps": 0.1, "frame_interval_fs": 20.0, "equilibrate_npt_ps": 0.02, "equilibrate_nvt_ps": 0.02}


class Kill(BaseException):
    """The process dies."""


class EndsAt:
    """A judge that ends production when the replicas have so many frames; it may die at another look."""

    def __init__(self, frames, *, dies_at=None):
        self.frames, self.dies_at = frames, dies_at

    def __call__(self, runs, earlier):
        frames = runs[0].n_frames
        if frames == self.dies_at:
            raise Kill
        return {"frames": frames, "stopped_because": "known" if frames >= self.frames else None}

    def again(self, rows):
        *before, last = rows
        ended = "known" if last["frames"] >= self.frames else None
        return [row | {"stopped_because": None} for row in before] + [last | {"stopped_because": ended}]


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
            ProductionInputs(self.replicas, self.model, self.folder / "released.json"),
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
    sweep = Sweep(tmp_path, model_paths[0], committee, until_known=WANTED)
    stopped = sweep.run(300, 900, judges={300: EndsAt(100), 900: EndsAt(2)})
    assert stopped == {"300": LONGEST, "900": "known"}
    cold, hot = (read_json(sweep.files(kelvin).record) for kelvin in (300, 900))
    assert hot["looks"] == [{"step": 20, "frames": 2, "stopped_because": "known"}]
    assert (hot["production_ps"], cold["production_ps"]) == (pytest.approx(0.04), pytest.approx(0.1))
    assert len(cold["looks"]) > 1
    frames = [read_trajectory(sweep.files(kelvin).trajectories[0]).n_frames for kelvin in (300, 900)]
    assert frames == [5, 2]


# ── longer runs ────────────────────────────────────────────────────────────────────────────────


def runs_of(sweep, kelvin):
    return [read_trajectory(path) for path in sweep.files(kelvin).trajectories]


def assert_longer_by_the_same_steps(longer, before, whole):
    """The frames of the run before are there to the last bit, and all are those of a run that was never ended."""
    for run, first, reference in zip(longer[:2], before, whole, strict=False):
        np.testing.assert_array_equal(run.positions_A[: first.n_frames], first.positions_A)
        np.testing.assert_allclose(run.positions_A, reference.positions_A[: run.n_frames], atol=2e-3)
        np.testing.assert_array_equal(run.times_ps, reference.times_ps[: run.n_frames])


def test_a_run_of_a_fixed_length_goes_on_when_it_becomes_longer(tmp_path, model_paths, committee, caplog):
    caplog.set_level("INFO")
    sweep, whole = (Sweep(tmp_path / name, model_paths[0], committee) for name in ("sweep", "whole"))
    sweep.run(300)
    before = runs_of(sweep, 300)
    for each in (sweep, whole):
        each.params.dynamics["production"]["duration_ps"] = 0.2
    whole.run(300)
    sweep.run(300)
    assert "going on from step 70 of an earlier run" in caplog.text
    assert_longer_by_the_same_steps(runs_of(sweep, 300), before, runs_of(whole, 300))
    mine, theirs = (read_json(each.files(300).record) for each in (sweep, whole))
    assert mine["production_ps"] == theirs["production_ps"] == pytest.approx(0.2)
    assert [each.get("steps") for each in mine["replicas"]] == [each.get("steps") for each in theirs["replicas"]]
    assert runs_of(sweep, 300)[0].n_frames == 10
    assert runs_of(sweep, 300)[2].n_frames == 0  # it was never accepted


def test_a_run_that_was_known_goes_on_when_more_is_wanted_also_after_a_kill(tmp_path, model_paths, committee):
    sweep, whole = (Sweep(tmp_path / name, model_paths[0], committee, until_known=WANTED) for name in ("one", "whole"))
    for each in (sweep, whole):
        each.params.dynamics["production"] |= {"duration_ps": 0.3, "frame_interval_fs": 4.0}
    assert sweep.run(900, judges={900: EndsAt(10)}) == {"900": "known"}
    before = runs_of(sweep, 900)
    assert before[0].n_frames == 10
    sweep.params.window = whole.params.window = {"alpha_min": 0.9}  # another request
    with pytest.raises(Kill):
        sweep.run(900, judges={900: EndsAt(20, dies_at=17)})
    assert sweep.run(900, judges={900: EndsAt(20)}) == whole.run(900, judges={900: EndsAt(20)}) == {"900": "known"}
    longer = runs_of(sweep, 900)
    assert longer[0].n_frames == 21
    assert_longer_by_the_same_steps(longer, before, runs_of(whole, 900))
    mine, theirs = (read_json(each.files(900).record) for each in (sweep, whole))
    assert mine["looks"] == theirs["looks"]


def test_a_run_that_is_long_enough_for_a_new_judge_makes_no_step(tmp_path, model_paths, committee):
    sweep = Sweep(tmp_path, model_paths[0], committee, until_known=WANTED)
    sweep.run(300, judges={300: EndsAt(100)})
    before = [run.positions_A for run in runs_of(sweep, 300)]
    sweep.params.window = {"alpha_min": 0.8}
    assert sweep.run(300, judges={300: EndsAt(2)}) == {"300": "known"}
    for run, positions_A in zip(runs_of(sweep, 300), before, strict=True):
        np.testing.assert_array_equal(run.positions_A, positions_A)
    assert read_json(sweep.files(300).record)["production_ps"] == pytest.approx(0.1)


@pytest.mark.parametrize("change", ["seed", "thermostat", "trajectory", "shorter"])
def test_what_is_no_longer_run_of_the_same_begins_anew(tmp_path, model_paths, committee, caplog, change):
    caplog.set_level("INFO")
    sweep = Sweep(tmp_path, model_paths[0], committee)
    sweep.run(300)
    production = sweep.params.dynamics["production"]
    production["duration_ps"] = 0.06 if change == "shorter" else 0.2
    if change == "seed":
        sweep.params.seed = 2
    elif change == "thermostat":
        sweep.params.dynamics["thermostat_time_fs"] *= 2
    elif change == "trajectory":
        path = sweep.files(300).trajectories[0]
        path.write_bytes(path.read_bytes()[:-1])
    sweep.run(300)
    assert "going on from" not in caplog.text
    assert runs_of(sweep, 300)[0].n_frames == round(production["duration_ps"] / 0.02)
