"""Accidents around a run: a second run, a restarted scheduler, a run that is killed.

One run goes through all of them. It makes again two quenches and what follows from one at one temperature.
"""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from on_cluster import Job, OnCluster, StartedRun
from products import same

QUENCH, QUENCH_LOG = "results/LiAlCl4/replica1", "LiAlCl4/replica1/quench_cell.log"
LATER, LATER_LOG = "results/LiCl-crystal/replica1", "LiCl-crystal/replica1/quench_cell.log"
BUILD_LOG = "LiCl-crystal/replica1/build_cell.log"
POINT, POINT_LOG = "results/LiAlCl4/md/500K", "LiAlCl4/md/500K/run_md.log"
TARGETS = [f"{POINT}/transport.json", f"{LATER}/quenched.extxyz"]
PRODUCTS = [
    *TARGETS,
    *(f"{QUENCH}/{name}" for name in ("quenched.extxyz", "quench.json", "quench.h5md")),
    *(f"{LATER}/{name}" for name in ("cell.extxyz", "quench.json", "quench.h5md")),
    *(f"{POINT}/{name}" for name in ("replica1.h5md", "replica2.h5md", "md.json")),
]
OUTAGE_S = 30  # longer than the executor's own patience: five questions of 4 s


@dataclass
class Story:
    """What a run went through.

    second, again: a Snakemake started beside the living and after the killed run. resumed: the command
    after it. during: jobs while nobody controls them.
    """

    place: OnCluster
    second: subprocess.CompletedProcess | None = None
    again: subprocess.CompletedProcess | None = None
    resumed: subprocess.CompletedProcess | None = None
    during: list[Job] = field(default_factory=list)


def live_through(campaign: OnCluster) -> Story:
    """A run with a scheduler that goes away, a second run, and its own end by SIGKILL."""
    story = Story(campaign)
    campaign.lose(*PRODUCTS)
    with campaign.started(*TARGETS) as run:
        _restart_the_scheduler(story, run)
        first_segment = campaign.found(f"{POINT}/.md.json.work/*/segment-000000.pt")
        campaign.freeze(POINT_LOG, run, when=first_segment)
        run.kill()
    story.again = campaign.run(*TARGETS)
    story.during = campaign.jobs()
    campaign.thaw(POINT_LOG)
    story.resumed = campaign.call("-m", "saltflow", "resume", str(campaign.work))
    return story


def _restart_the_scheduler(story: Story, run: StartedRun) -> None:
    """slurmctld is away while a quench ends, while another is due, and while a second Snakemake is started."""
    campaign = story.place
    begun = campaign.begun(BUILD_LOG)
    campaign.freeze(BUILD_LOG, run, when=lambda: campaign.begun(BUILD_LOG) > begun)
    first_segment = campaign.found(f"{QUENCH}/.quenched.extxyz.work/*/*/segment-000000.pt")
    campaign.freeze(QUENCH_LOG, run, when=first_segment)
    campaign.cluster.stop_controller()
    gone = time.monotonic()
    campaign.thaw(QUENCH_LOG)
    campaign.thaw(BUILD_LOG)
    story.second = campaign.run(*TARGETS)
    time.sleep(max(0.0, gone + OUTAGE_S - time.monotonic()))
    assert (campaign.work / QUENCH / "quenched.extxyz").exists()
    campaign.cluster.start_controller()


def reasons(story: Story, log: str) -> list[str]:
    return [attempt.reason for attempt in story.place.attempts(log)]


def test_a_second_run_is_refused(story: Story):
    assert story.second.returncode != 0
    assert "Another Snakemake works in" in story.second.stdout
    assert "Traceback" not in story.second.stdout


def test_jobs_that_end_or_are_due_while_the_scheduler_is_away_are_done_once(story: Story):
    for composition, log in (("LiAlCl4", QUENCH_LOG), ("LiCl-crystal", LATER_LOG)):
        quenches = story.place.jobs_of(f"replicas_{composition}_quench_cell")
        assert [job.state for job in quenches] == ["COMPLETED"]
        assert reasons(story, log) == ["done"]


def test_snakemake_alone_does_not_start_over_the_jobs_of_a_killed_run(story: Story):
    assert story.again.returncode != 0
    assert "saltflow resume" in story.again.stdout
    assert "run_md LiAlCl4_500 (SLURM" in story.again.stdout
    assert "Traceback" not in story.again.stdout
    point = [job for job in story.during if job.name == "run_md LiAlCl4_500"]
    assert [job.state for job in point] == ["RUNNING"]


def test_resume_waits_for_that_job_and_goes_on(story: Story):
    assert story.resumed.returncode == 0, story.resumed.stdout[-3000:]
    assert [job.state for job in story.place.jobs_of("run_md LiAlCl4_500")] == ["COMPLETED"]
    assert reasons(story, POINT_LOG) == ["done"]


def test_the_products_are_those_of_an_undisturbed_run(story: Story, finished: Path):
    for path in PRODUCTS:
        assert same(story.place.work / path, finished / "work" / path), path
    assert story.place.plan() == {}
