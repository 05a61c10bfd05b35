"""Runs of real MACE models: independent replicas, restarts to the last bit, lost replicas, trajectories."""

import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import units
from mace_models import committee_of
from md_cases import (
    STEP_FS,
    assert_same_to_the_last_bit,
    assert_same_trajectory,
    every_ensemble,
    replica,
    run,
    stage,
    trajectories,
)

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json
from saltflow.dynamics.progress import Interrupted
from saltflow.dynamics.schedule import Stage
from saltflow.trajectory.h5md import read_trajectory


@pytest.fixture(scope="module")
def undisturbed(committee, tmp_path_factory):
    """Two replicas run through the campaign in one piece, and their trajectories."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finished = run([replica(1), replica(2)], every_ensemble(2), committee, folder)
    finished.finish()
    return finished, trajectories(finished, folder)


def test_a_replica_runs_the_same_alone_and_in_a_batch(committee, tmp_path, undisturbed):
    alone = run([replica(2)], every_ensemble(1), committee, tmp_path, seeds=[2])
    outcome = alone.finish()[0]
    together = undisturbed[0].finish()[1]
    np.testing.assert_allclose(outcome.atoms.positions, together.atoms.positions, atol=1e-8)
    np.testing.assert_allclose(outcome.atoms.cell.array, together.atoms.cell.array, atol=1e-8)
    other = undisturbed[0].finish()[0]
    assert np.abs(other.atoms.cell.array - together.atoms.cell.array).max() > 1e-3


def test_replicas_have_their_own_temperatures(committee, tmp_path):
    schedule = [Stage("heat", "nvt", 300, (300.0, 900.0), (300.0, 900.0), frame_interval=10)]
    finished = run([replica(1), replica(1)], schedule, committee, tmp_path, thermostat_time_fs=20.0)
    finished.finish()
    cold, hot = (each.observables["temperature"][5:].mean() for each in trajectories(finished, tmp_path))
    assert cold == pytest.approx(300, rel=0.15)
    assert hot == pytest.approx(900, rel=0.15)


@pytest.mark.parametrize("segment_steps", [7, 33])
def test_length_of_the_segments_does_not_matter(committee, tmp_path, undisturbed, segment_steps):
    segmented = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=segment_steps)
    assert_same_to_the_last_bit(segmented, undisturbed[0])
    for mine, theirs in zip(trajectories(segmented, tmp_path), undisturbed[1], strict=True):
        assert_same_trajectory(mine, theirs)


CHILD = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from mace_models import committee_of
from md_cases import replica, run, every_ensemble
committee = committee_of([Path({model!r})])
print("loaded", flush=True)
run([replica(1), replica(2)], every_ensemble(2), committee, Path({folder!r}), segment_steps=5).finish()
"""


def test_a_killed_run_resumes_to_the_same_trajectory(committee, model_paths, tmp_path, undisturbed):
    here = Path(__file__).parent
    program = CHILD.format(
        paths=[str(here), str(here.parent), str(here.parents[2] / "scripts")],
        model=str(model_paths[0]),
        folder=str(tmp_path),
    )
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE) as child:
        wait_for(tmp_path / "work" / "segment-000004.pt", process=child)
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "work" / "segment-000015.pt").exists()  # it was killed on the way
    resumed = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=11)
    assert resumed.progress.total_steps >= 25
    assert_same_to_the_last_bit(resumed, undisturbed[0])
    for mine, theirs in zip(trajectories(resumed, tmp_path), undisturbed[1], strict=True):
        assert_same_trajectory(mine, theirs)
        assert mine.n_frames == 2 + 5 + 6


def wait_for(path, *, process=None):
    patience = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < patience, f"{path} did not appear"
        assert process is None or process.poll() is None
        time.sleep(0.005)


def interrupt_after(path):
    """SIGTERM to this process once a file is there."""

    def send():
        wait_for(path)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=send, daemon=True).start()


def test_sigterm_writes_a_checkpoint_and_the_next_run_goes_on(committee, tmp_path, undisturbed):
    before = signal.getsignal(signal.SIGTERM)
    first = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=10)
    interrupt_after(tmp_path / "work" / "segment-000001.pt")
    with pytest.raises(Interrupted, match=r"stopped by SIGTERM; start it again and it resumes here"):
        first.finish()
    assert signal.getsignal(signal.SIGTERM) is before
    stopped_at = first.progress.total_steps
    assert 20 <= stopped_at < 80
    second = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=10)
    assert second.progress.total_steps == stopped_at
    assert_same_to_the_last_bit(second, undisturbed[0])
    for mine, theirs in zip(trajectories(second, tmp_path), undisturbed[1], strict=True):
        assert_same_trajectory(mine, theirs)


class StopAtEveryReport(logging.Handler):
    """SIGTERM to this process whenever a run reports the end of a segment."""

    def emit(self, record):
        if record.msg.startswith("step "):
            signal.raise_signal(signal.SIGTERM)


def test_run_stopped_after_every_segment_is_the_same_to_the_last_bit(committee, tmp_path, undisturbed, caplog):
    """Neighbour lists of the undisturbed run were made elsewhere; each restart makes them there again."""
    logger, handler, restarts = logging.getLogger("saltflow.dynamics.runner"), StopAtEveryReport(), 0
    caplog.set_level(logging.INFO, logger=logger.name)
    segmented = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=7)
    logger.addHandler(handler)
    try:
        while segmented.progress.stage < 3:
            with pytest.raises(Interrupted):
                segmented.finish()
            segmented = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=7)
            restarts += 1
    finally:
        logger.removeHandler(handler)
    assert restarts == 12
    assert_same_to_the_last_bit(segmented, undisturbed[0])
    for mine, theirs in zip(trajectories(segmented, tmp_path), undisturbed[1], strict=True):
        assert_same_trajectory(mine, theirs)


@pytest.mark.parametrize("left_bytes", [0, 0.5])
def test_a_truncated_checkpoint_is_run_again(committee, tmp_path, undisturbed, caplog, left_bytes):
    run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=20).finish()
    last = sorted((tmp_path / "work").iterdir())[-1]
    last.write_bytes(last.read_bytes()[: int(left_bytes * last.stat().st_size)])
    with caplog.at_level(logging.WARNING):
        resumed = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=20)
    assert f"The checkpoint {last} is damaged" in caplog.text
    assert resumed.progress.total_steps == 60
    assert_same_to_the_last_bit(resumed, undisturbed[0])
    for mine, theirs in zip(trajectories(resumed, tmp_path), undisturbed[1], strict=True):
        assert_same_trajectory(mine, theirs)


def test_without_a_readable_checkpoint_the_run_starts_again(committee, tmp_path, caplog):
    run([replica(1)], every_ensemble(1), committee, tmp_path, segment_steps=40).finish()
    for segment in (tmp_path / "work").iterdir():
        segment.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert run([replica(1)], every_ensemble(1), committee, tmp_path).progress.total_steps == 0
    assert caplog.text.count("is damaged") == 2


def test_frames_are_in_the_trajectories_before_the_run_ends(committee, tmp_path, undisturbed):
    """So an early segment that is damaged later does no harm."""
    finished = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=20)
    finished.finish()
    assert read_json(tmp_path / "work/appended.json") == {"segments": 4}
    (tmp_path / "work" / "segment-000001.pt").unlink()
    for mine, theirs in zip(trajectories(finished, tmp_path), undisturbed[1], strict=True):
        assert_same_trajectory(mine, theirs)


def test_trajectories_are_made_again_where_a_kill_may_have_damaged_them(committee, tmp_path, undisturbed):
    run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=20).finish()
    (tmp_path / "work/appended.json").unlink()
    half = (tmp_path / "work/cell-000.h5md").read_bytes()[:3000]
    (tmp_path / "work/cell-000.h5md").write_bytes(half)
    resumed = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=20)
    for mine, theirs in zip(trajectories(resumed, tmp_path), undisturbed[1], strict=True):
        assert_same_trajectory(mine, theirs)


def test_damaged_early_segment_is_a_sentence_where_trajectories_are_made_again(committee, tmp_path):
    finished = run([replica(1)], every_ensemble(1), committee, tmp_path, segment_steps=20)
    finished.finish()
    (tmp_path / "work/appended.json").unlink()
    (tmp_path / "work" / "segment-000001.pt").unlink()
    with pytest.raises(SaltflowError, match=r"segment-000001\.pt is damaged or missing .* delete its folder"):
        trajectories(finished, tmp_path)


def test_trajectories_that_cannot_be_written_are_a_sentence(committee, tmp_path):
    (tmp_path / "work/cell-000.h5md").mkdir(parents=True)
    with pytest.raises(SaltflowError, match="trajectories in .* cannot be written .* free space on its disk"):
        run([replica(1)], every_ensemble(1), committee, tmp_path, segment_steps=20).finish()


def test_momentum_that_forces_add_up_to_is_removed(committee, tmp_path):
    """As those of single precision do: here the net force is constant."""
    schedule = [stage("nvt", 150, frame_interval=10)]
    finished = run([replica(1)], schedule, committee, tmp_path)
    numbers = finished.progress.state.numbers.numpy()
    exact = finished.committee.on(numbers, np.zeros(len(numbers), dtype=int))

    class Pulling:
        """The potential with a constant net force."""

        device, evaluated_by, listed_at = committee.device, "mace", (torch.zeros(1), torch.zeros(1))

        def on(self, numbers, system):
            return self

        def list_neighbours(self, positions, cells):
            pass

        def evaluate(self, positions, cells, *, isolate=True):
            found = exact.evaluate(positions, cells)
            return replace(found, forces=found.forces + 1e-6)

    (tmp_path / "pulled").mkdir()
    pulled = run([replica(1)], schedule, Pulling(), tmp_path / "pulled")
    pulled.finish()
    momentum = np.linalg.norm(trajectories(pulled, tmp_path / "pulled")[0].observables["com_momentum"], axis=1)
    assert momentum[7] > 6 * momentum[0]  # the thermostat scales it as well
    assert momentum[9] < 1e-6 * momentum[7]
    assert momentum[10:].max() < momentum[:9].max()


def test_full_disk_is_a_sentence_and_loses_one_segment(committee, tmp_path, undisturbed):
    first = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(SaltflowError, match="cannot be written .* free space on its disk and start again"):
            first.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "work").iterdir()) == []
    again = run([replica(1), replica(2)], every_ensemble(2), committee, tmp_path, segment_steps=20)
    assert_same_to_the_last_bit(again, undisturbed[0])


def broken_replica(kind):
    cell = replica(3)
    if kind == "overlap":
        cell.positions[1] = cell.positions[0]
    elif kind == "near overlap":
        cell.positions[1] = cell.positions[0] + [0.02, 0, 0]
    elif kind == "nan":
        cell.positions[5] = np.nan
    return cell


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("overlap", "energy or forces are not finite in stage 'npt'"),
        ("near overlap", "temperature ran away in stage 'npt'"),
        ("nan", "energy or forces are not finite in stage 'npt'"),
    ],
)
def test_a_lost_replica_is_stopped_and_does_not_disturb_the_others(committee, tmp_path, undisturbed, kind, reason):
    schedule = [stage("npt", 30, cells=3, frame_interval=5), stage("nvt", 20, cells=3, frame_interval=5)]
    cells = [replica(1), broken_replica(kind), replica(2)]
    together = run(cells, schedule, committee, tmp_path, segment_steps=8)
    first, lost, last = together.finish()
    assert lost.status == reason
    assert lost.steps <= 2
    assert (first.status, last.status) == ("ok", "ok")
    if kind != "nan":
        assert np.isfinite(lost.atoms.positions).all()
        assert np.abs(lost.atoms.positions - cells[1].positions).max() < 3
    schedule = [stage("npt", 30, cells=2, frame_interval=5), stage("nvt", 20, cells=2, frame_interval=5)]
    (tmp_path / "healthy").mkdir()
    healthy = run([replica(1), replica(2)], schedule, committee, tmp_path / "healthy", seeds=[1, 3])
    for mine, theirs in zip((first, last), healthy.finish(), strict=True):
        np.testing.assert_allclose(mine.atoms.positions, theirs.atoms.positions, atol=1e-8)
        assert mine.conserved_drift_meV_atom_ps == pytest.approx(theirs.conserved_drift_meV_atom_ps, rel=1e-4)
    frames = [each.n_frames for each in trajectories(together, tmp_path)]
    assert frames == [10, 0, 10]


def test_all_replicas_lost_ends_the_run(committee, tmp_path):
    cells = [broken_replica("overlap"), broken_replica("nan")]
    schedule = [stage("nvt", 50, cells=2, frame_interval=5)]
    assert all("not finite" in outcome.status for outcome in run(cells, schedule, committee, tmp_path).finish())
    again = run(cells, schedule, committee, tmp_path)
    assert [outcome.steps for outcome in again.finish()] == [1, 1]


def test_lost_replica_stays_lost_after_a_restart(committee, tmp_path):
    cells, schedule = [broken_replica("nan"), replica(1)], [stage("npt", 20, cells=2, frame_interval=5)]
    interrupt_after(tmp_path / "work" / "segment-000000.pt")
    with pytest.raises(Interrupted):
        run(cells, schedule, committee, tmp_path, segment_steps=2).finish()
    lost, intact = run(cells, schedule, committee, tmp_path, segment_steps=2).finish()
    assert "not finite" in lost.status
    assert intact.status == "ok"
    assert intact.steps == 20


def test_production_runs_at_the_mean_volume_of_the_second_half(committee, tmp_path):
    schedule = [stage("npt", 40, frame_interval=1), stage("nvt", 6, frame_interval=1, at_mean_volume=True)]
    finished = run([replica(1)], schedule, committee, tmp_path, segment_steps=7)
    finished.finish()
    volumes = trajectories(finished, tmp_path)[0].observables["volume"]
    assert np.ptp(volumes[20:40]) > 1e-3 * volumes[0]
    np.testing.assert_allclose(volumes[40:], volumes[20:40].mean(), rtol=1e-12)


def test_assembled_trajectory_opens_in_mdanalysis_with_its_times(tmp_path, undisturbed):
    finished, (mine, _) = undisturbed
    finished.write_trajectories([tmp_path / "one.h5md", tmp_path / "two.h5md"], metadata=[{"seed": 1}, {"seed": 2}])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from MDAnalysis import Universe

        universe = Universe(str(tmp_path / "one.h5md"), to_guess=())
        times_ps = [frame.time for frame in universe.trajectory]
        positions_A = universe.trajectory[-1].positions.copy()
        universe.trajectory.close()
    steps = [2, 4, *range(4 + 8, 44 + 1, 8), *range(44 + 6, 80 + 1, 6)]
    np.testing.assert_allclose(times_ps, np.array(steps) * STEP_FS / 1000)
    # Half of the grid on which positions are kept, and single precision.
    np.testing.assert_allclose(positions_A, finished.finish()[0].atoms.positions, atol=2**-11 + 1e-6)
    assert mine.metadata == {"replica": 0}
    assert read_trajectory(tmp_path / "two.h5md").metadata == {"seed": 2}


def test_nve_run_reports_its_drift_and_keeps_its_momentum(committee, tmp_path):
    finished = run([replica(1)], [stage("nve", 200, frame_interval=20)], committee, tmp_path)
    outcome = finished.finish()[0]
    assert abs(outcome.conserved_drift_meV_atom_ps) < 0.5
    momentum = trajectories(finished, tmp_path)[0].observables["com_momentum"]
    assert np.abs(momentum).max() < 1e-10


def test_float32_model_keeps_its_conserved_quantity(model_paths, tmp_path):
    single = committee_of(model_paths[:1], dtype="float32")
    finished = run([replica(1)], [stage("nvt", 200, frame_interval=20)], single, tmp_path)
    outcome = finished.finish()[0]
    assert abs(outcome.conserved_drift_meV_atom_ps) < 2
    assert outcome.atoms.positions.dtype == np.float64


def test_recorded_pressure_and_temperature_are_those_of_ase(committee, tmp_path):
    finished = run([replica(1)], [stage("nvt", 10, frame_interval=10)], committee, tmp_path)
    atoms = finished.finish()[0].atoms
    frame = trajectories(finished, tmp_path)[0]
    kinetic_eV, freedom = atoms.get_kinetic_energy(), 3 * len(atoms) - 3
    assert frame.observables["temperature"][0] == pytest.approx(2 * kinetic_eV / (freedom * units.kB))
    virial = -finished.evaluation.stresses[0].diagonal().mean() + 2 * kinetic_eV / (3 * atoms.get_volume())
    assert frame.observables["pressure"][0] == pytest.approx(float(virial) / units.GPa)
