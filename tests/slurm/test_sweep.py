"""The whole sweep on a cluster, undisturbed: where its jobs ran, and that its products are those of a local run."""

from pathlib import Path

import pytest
from on_cluster import Job, OnCluster, StartedRun
from products import products, same

# Rules that run where Snakemake runs.
LOCAL = {
    *("build_cell", "collect_labels", "release_potential", "describe_dataset"),
    *("fit_arrhenius", "tabulate_conductivity", "tabulate_structure"),
}
# Submissions that use a GPU, by the beginnings of their names.
DRIVEN = ("sampling_", "fine_tune ", "replicas_", "run_md ")


@pytest.fixture(scope="module")
def swept(sweeping: tuple[OnCluster, StartedRun]) -> OnCluster:
    """The campaign after the whole sweep."""
    campaign, run = sweeping
    assert run.end() == 0, run.said()[-3000:]
    return campaign


@pytest.fixture(scope="module")
def jobs(swept: OnCluster) -> list[Job]:
    return swept.jobs()


def test_the_products_are_those_of_a_local_run(swept: OnCluster, finished: Path):
    ours, theirs = products(swept.work), products(finished / "work")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not same(ours[name], theirs[name])] == []
    assert len(ours) > 60


def test_every_job_was_submitted_once_and_completed(jobs: list[Job]):
    names = [job.name for job in jobs]
    assert len(names) == len(set(names))
    assert {job.state for job in jobs} == {"COMPLETED"}


def test_gpus_are_where_they_are_used(jobs: list[Job]):
    driven = [job for job in jobs if job.name.startswith(DRIVEN)]
    assert {(job.partition, job.gpus) for job in driven} == {("gpu", 1)}
    others = [job for job in jobs if job not in driven]
    assert {(job.partition, job.gpus) for job in others} == {("cpu", 0)}
    assert any(job.name.startswith("label_frames ") for job in others)
    assert any(job.name.startswith("analysis_") for job in others)


def test_short_jobs_are_not_submitted_alone(jobs: list[Job], swept: OnCluster):
    assert not any(rule in job.name for job in jobs for rule in LOCAL)
    # Six points with two analyses each, of two compositions.
    assert sum(job.name.startswith("analysis_") for job in jobs) == 2
    assert len(list(swept.work.glob("results/*/md/*/structure.json"))) == 6


def test_it_has_nothing_left_to_do(swept: OnCluster):
    assert swept.plan() == {}
