"""The controller alone is killed and its job goes on: nothing starts over it, and one command goes on behind it."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from workplaces import RUN_LIMIT_S, Workplace, wait_for

from saltflow.operations.attempts import read_attempts
from saltflow.trajectory.h5md import read_trajectory

POINT, LOG = "results/LiAlCl4/md/500K", "logs/LiAlCl4/md/500K/run_md.log"
TARGET = f"{POINT}/transport.json"
PRODUCTS = ("replica1.h5md", "replica2.h5md", "md.json", "transport.json")
SECOND = "Another Snakemake works in"


@contextmanager
def frozen_in_md(campaign: Workplace) -> Iterator[tuple[subprocess.Popen, psutil.Process]]:
    """A controller, and its job of MD stopped after the first segment; both are gone in the end."""
    for name in PRODUCTS:
        (campaign.work / POINT / name).unlink()
    with (campaign.work / "first.txt").open("w") as said:
        controller = subprocess.Popen(
            campaign.command(TARGET), cwd=campaign.repo, env=campaign.environment, stdout=said, stderr=said
        )
    segments = f"{POINT}/.md.json.work/*/segment-*.pt"
    wait_for(lambda: any(campaign.work.glob(segments)) or controller.poll() is not None, seconds=RUN_LIMIT_S)
    job = psutil.Process(read_attempts(campaign.work / LOG)[-1].pid)
    job.suspend()
    try:
        yield controller, job
    finally:
        controller.kill()
        controller.wait()
        if job.is_running():
            job.kill()


def reasons(campaign: Workplace) -> list[str]:
    """What became of every attempt at the point."""
    return [attempt.reason for attempt in read_attempts(campaign.work / LOG)]


def assert_same_trajectories(campaign: Workplace, finished: Path) -> None:
    """The trajectories are those of the run that nobody has killed."""
    for name in PRODUCTS[:2]:
        before, after = (read_trajectory(place / POINT / name) for place in (finished / "work", campaign.work))
        assert np.array_equal(after.positions_A, before.positions_A)


def later(action: Callable[[], None]) -> None:
    threading.Timer(2.0, action).start()


def test_what_a_killed_controller_left_is_kept(campaign: Workplace, finished: Path):
    with frozen_in_md(campaign) as (controller, job):
        second = campaign.run(TARGET)
        assert second.returncode != 0
        assert SECOND in second.stdout
        assert campaign.run(TARGET, "--unlock").returncode == 0
        unlocked = campaign.run(TARGET)
        assert unlocked.returncode != 0
        assert SECOND in unlocked.stdout
        assert SECOND in campaign.resume().stdout
        controller.kill()
        controller.wait()
        again = campaign.run(TARGET, "--nolock")
        assert again.returncode != 0
        assert f"was killed and left run_md (process {job.pid}); type `saltflow resume {campaign.work}`" in again.stdout
        later(job.resume)
        resumed = campaign.resume()
    assert resumed.returncode == 0, resumed.stdout[-3000:]
    assert f"Left at work (1): run_md (process {job.pid})" in resumed.stdout
    assert "rule analyse_transport" in resumed.stdout
    assert "rule run_md" not in resumed.stdout
    assert reasons(campaign) == ["done", "done"]
    assert_same_trajectories(campaign, finished)
    assert campaign.plan() == {}
    campaign.replace("tests/tiny/config.yaml", "duration_ps: 0.2", "duration_ps: 0.3")
    reason = campaign.plan()["run_md composition=LiAlCl4 temperature=500"]
    assert reason.startswith("Params have changed")
    assert "Nothing to resume" in campaign.resume().stdout


def test_what_a_killed_controller_left_can_be_cancelled(campaign: Workplace, finished: Path):
    with frozen_in_md(campaign) as (controller, job):
        controller.kill()
        controller.wait()
        half_written = campaign.work / POINT / ".writing-a1b2c3.h5md"
        half_written.write_text("half")
        resumed = campaign.resume("--cancel", "--", *campaign.command(TARGET))
    assert resumed.returncode == 0, resumed.stdout[-3000:]
    assert f"Half written, removed: {POINT}/{half_written.name}" in resumed.stdout
    assert not half_written.exists()
    assert reasons(campaign) == ["done", "cancelled", "done"]
    assert "resuming at step" in (campaign.work / LOG).read_text()
    assert_same_trajectories(campaign, finished)
    # Written in other pieces the same frames make another file, which the analyses read again.
    assert "run_md composition=LiAlCl4 temperature=500" not in campaign.plan()


def test_what_was_made_is_still_known_without_the_folder_of_snakemake(campaign: Workplace):
    shutil.rmtree(campaign.work / ".snakemake")
    campaign.replace("tests/tiny/config.yaml", "duration_ps: 0.2", "duration_ps: 0.3")
    resumed = campaign.resume()
    assert resumed.returncode == 0
    assert "Nothing to resume" in resumed.stdout
    changed = {job for job, reason in campaign.plan().items() if reason.startswith("Params have changed")}
    points = [("LiAlCl4", 500), ("LiAlCl4", 700), ("LiAlCl4", 900)]
    points += [("LiCl-crystal", kelvin) for _, kelvin in points]
    assert changed == {f"run_md composition={name} temperature={kelvin}" for name, kelvin in points}
