"""Runs that are judged while they go on: where they end, what they keep, and that a kill changes nothing."""

from types import SimpleNamespace

import numpy as np
import pytest
from md_cases import ACCEPTANCE, COMPOSITION, DYNAMICS, packed
from springs import Springs, tetrahedra

from saltflow.analysis.transport.run_length import RunLength
from saltflow.base.errors import SaltflowError
from saltflow.dynamics.looks import FIXED, LONGEST, JudgedCells, rows_of
from saltflow.dynamics.progress import Conditions
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.runs import StatePointRun, run_state_points
from saltflow.dynamics.schedule import Stage, looks_of
from saltflow.materials.frame_info import FrameInfo
from saltflow.trajectory.h5md import read_trajectory

LOOKS = (10, 20, 35)
WANTED = {"least_ps": 0.16, "D_relative_error": 0.1, "sigma_E_relative_error": 0.25}
UNTIL_KNOWN = DYNAMICS["production"] | {"until_known": WANTED}


class Kill(BaseException):
    """The process dies."""


class JudgeOf:
    """Ends a run at a look, and remembers the numbers of frames that it saw."""

    def __init__(self, *, end_at=None, dies_at=None, cannot_at=None):
        self.end_at, self.dies_at, self.cannot_at, self.seen = end_at, dies_at, cannot_at, []

    def __call__(self, runs, earlier):
        number = len(earlier)
        self.seen.append([run.n_frames for run in runs])
        if number == self.dies_at:
            raise Kill
        if number == self.cannot_at:
            raise SaltflowError("Trajectory 0 has too few frames; run longer.")
        last_A = [float(run.read_positions_A(slice(-1, None), slice(None)).sum()) for run in runs]
        return {"last_A": last_A, "stopped_because": "known" if number == self.end_at else None}


def transport_judge():
    """The judge of a sweep, for which these runs are far too short."""
    window = {"frame": "framework", "alpha_min": 0.9, "alpha_max": 1.1, "msd_min_A2": 10.0, "max_lag_fraction": 0.4}
    params = SimpleNamespace(composition=COMPOSITION.identity(), dynamics={"production": UNTIL_KNOWN}, window=window)
    return RunLength.requested(params, temperature_K=400.0)


def run_of(folder, *, cells=2, segment_steps=7):
    conditions = Conditions(
        step_fs=1.0, thermostat="bussi", thermostat_time_fs=30.0, barostat_time_fs=200.0, compressibility_per_GPa=0.05,
        pressure_GPa=0.0, max_temperature_ratio=5.0, segment_ps=segment_steps / 1000,
    )  # fmt: skip
    target, springs = (500.0,) * cells, tetrahedra()[2]
    schedule = [
        Stage("settle", "nvt", 12, target, target),
        Stage("hold", "nvt", 50, target, target, frame_interval=5, looks=LOOKS),
    ]
    starts = [tetrahedra(seed=seed)[0] for seed in range(cells)]
    potential = Springs(springs.groups, springs.rest_A)
    return MDRun(starts, schedule, potential, conditions=conditions, seeds=range(cells), workdir=folder)


def both(judge):
    """Two cells that are judged together."""
    return [JudgedCells((0, 1), judge)]


def frames_of(run, folder):
    paths = [folder / f"{index}.h5md" for index in range(len(run.cells))]
    run.write_trajectories(paths, metadata=[{}] * len(paths))
    return [read_trajectory(path) for path in paths]


def test_a_run_ends_at_the_look_whose_judge_says_so(tmp_path):
    judge, run = JudgeOf(end_at=1), run_of(tmp_path / "work")
    outcomes = run.finish(both(judge))
    assert [outcome.steps for outcome in outcomes] == [12 + 20] * 2
    assert judge.seen == [[2, 2], [4, 4]]
    assert [row["step"] for row in rows_of(run.progress, 0)] == [10, 20]
    assert all(outcome.conserved_drift_meV_atom_ps is not None for outcome in outcomes)
    assert [len(each.times_ps) for each in frames_of(run, tmp_path)] == [4, 4]
    assert not [path for path in (tmp_path / "work").iterdir() if path.is_dir()]


def test_an_ended_run_is_the_beginning_of_a_longer_one(tmp_path):
    ended, whole = run_of(tmp_path / "ended"), run_of(tmp_path / "whole", segment_steps=1000)
    ended.finish(both(JudgeOf(end_at=1)))
    whole.finish()
    for short, long in zip(frames_of(ended, tmp_path), frames_of(whole, tmp_path), strict=True):
        np.testing.assert_array_equal(short.positions_A, long.positions_A[:4])


@pytest.mark.parametrize("dies_at", [0, 1])
def test_a_run_that_dies_at_a_look_ends_as_if_undisturbed(tmp_path, dies_at):
    undisturbed = run_of(tmp_path / "undisturbed")
    undisturbed.finish(both(JudgeOf(end_at=2)))
    with pytest.raises(Kill):
        run_of(tmp_path / "work").finish(both(JudgeOf(end_at=2, dies_at=dies_at)))
    resumed = run_of(tmp_path / "work")
    resumed.finish(both(JudgeOf(end_at=2)))
    assert resumed.progress.looks == undisturbed.progress.looks
    for mine, theirs in zip(frames_of(resumed, tmp_path), frames_of(undisturbed, tmp_path), strict=True):
        np.testing.assert_array_equal(mine.positions_A, theirs.positions_A)
    again = run_of(tmp_path / "work")
    assert [outcome.steps for outcome in again.finish(both(JudgeOf()))] == [12 + 35] * 2


def test_cells_end_by_their_own_judges_and_the_others_go_on(tmp_path):
    run, alone = run_of(tmp_path / "together", cells=3), run_of(tmp_path / "alone", cells=3, segment_steps=1000)
    judges = [JudgeOf(end_at=0), JudgeOf(), JudgeOf(end_at=1)]
    outcomes = run.finish([JudgedCells([label], judge) for label, judge in enumerate(judges)])
    alone.finish()
    assert [outcome.steps for outcome in outcomes] == [12 + 10, 12 + 50, 12 + 20]
    assert all(outcome.conserved_drift_meV_atom_ps is not None for outcome in outcomes)
    assert [len(rows_of(run.progress, place)) for place in range(3)] == [1, 3, 2]
    assert [judge.seen for judge in judges] == [[[2]], [[2], [4], [7]], [[2], [4]]]
    for short, long in zip(frames_of(run, tmp_path), frames_of(alone, tmp_path), strict=True):
        np.testing.assert_array_equal(short.positions_A, long.positions_A[: short.n_frames])


def test_a_judge_that_cannot_judge_lets_the_run_go_on(tmp_path):
    run = run_of(tmp_path / "work")
    outcomes = run.finish(both(JudgeOf(cannot_at=1)))
    assert [outcome.steps for outcome in outcomes] == [12 + 50] * 2
    assert "too few frames" in rows_of(run.progress, 0)[1]["problem"]


def test_looks_are_a_fixed_grid_of_whole_frames():
    production = {"until_known": {"least_ps": 200.0}, "duration_ps": 20000.0, "frame_interval_fs": 100.0}
    looks = np.array(looks_of(production, step_fs=2.0))
    assert looks[0] * 0.002 == 200.0
    assert looks[-1] * 0.002 < 20000.0 <= 1.21 * looks[-1] * 0.002
    assert np.all(looks % 50 == 0)
    np.testing.assert_allclose(looks[1:] / looks[:-1], 1.2, rtol=1e-3)
    assert looks_of({**production, "until_known": None}, step_fs=2.0) == ()
    assert looks_of({**production, "duration_ps": 200.0}, step_fs=2.0) == ()


@pytest.mark.parametrize(
    ("judge", "because", "production_ps"),
    [
        (None, FIXED, 0.3),
        (JudgeOf(), LONGEST, 0.3),
        (JudgeOf(end_at=1), "known", 0.2),
        (transport_judge(), LONGEST, 0.3),
    ],
    ids=["fixed", "longest", "known", "too short to judge"],
)
def test_a_state_point_says_why_it_ended(committee, tmp_path, judge, because, production_ps):
    dynamics = DYNAMICS | {"production": UNTIL_KNOWN}
    replica = FrameInfo.of(packed()).set(status="ok")
    ((record, _),) = run_state_points(
        [replica],
        COMPOSITION,
        committee,
        points=[StatePointRun(400.0, [1], [tmp_path / "replica.h5md"], {}, judge)],
        dynamics=dynamics,
        acceptance=ACCEPTANCE,
        checkpoint_ps=0.1,
        workdir=tmp_path / "work",
    )
    assert (record["stopped_because"], record["production_ps"]) == (because, pytest.approx(production_ps))
    assert read_trajectory(tmp_path / "replica.h5md").n_frames == round(production_ps / 0.02)
    assert (
        len(record["looks"])
        == {FIXED: 0, "known": 2, LONGEST: len(looks_of(dynamics["production"], step_fs=2.0))}[because]
    )
