"""Ctrl-C before Snakemake has asked whether a job has ended: the job counts, with the settings it was made with."""

import os
import signal

from on_cluster import OnCluster

POINT = "results/LiAlCl4/md/500K"
PRODUCTS = [f"{POINT}/{name}" for name in ("replica1.h5md", "replica2.h5md", "md.json")]
TARGET = PRODUCTS[-1]


def test_a_job_that_ended_between_two_questions_counts(campaign: OnCluster):
    campaign.lose(*PRODUCTS)
    with campaign.started(TARGET, "--slurm-init-seconds-before-status-checks", "60") as run:
        campaign.wait(lambda: [job.state for job in campaign.jobs()] == ["COMPLETED"], run)
        os.killpg(run.process.pid, signal.SIGINT)
        campaign.wait(lambda: "WorkflowError" in run.said(), run)  # its threads sleep on for a while
        assert "Finished jobid" not in run.said()
    assert campaign.plan(TARGET) == {}
    campaign.replace("tests/tiny/config.yaml", "duration_ps: 0.2", "duration_ps: 0.3")
    reason = campaign.plan(TARGET)["run_md composition=LiAlCl4 temperature=500"]
    assert reason.startswith("Params have changed")
