"""Who gets a GPU: rules that use one, and none of their jobs that only pass on what has converged.

The device is cuda. There is no such device here, so the molecular dynamics fails, on a node with GPUs; a job that
passes a generation on needs none, and works.
"""

import json

from on_cluster import OnCluster

TUNED, POINT = "results/potentials/fine-tuned", "results/LiAlCl4/md/500K/md.json"
PASSED = f"{TUNED}/generation2/committee/member1.model"
PASSING_RULES = ("explore", "select_frames", "label_frames", "collect_labels", "fine_tune")


def live_through(campaign: OnCluster) -> OnCluster:
    """A generation after the one that converged, and one point."""
    campaign.replace("tests/tiny/config.yaml", "device: cpu", "device: cuda")
    overrides = campaign.repo / "tests/tiny/overrides.yaml"
    overrides.write_text(overrides.read_text() + "  fine-tuned:\n    learning: {generations: 2}\n")
    assessment = campaign.work / TUNED / "generation1/assessment.json"
    assessment.write_text(json.dumps(json.loads(assessment.read_text()) | {"converged": True}))
    campaign.lose(POINT)
    run = campaign.run(PASSED, POINT, "--allowed-rules", *PASSING_RULES, "run_md")
    assert run.returncode != 0
    assert (campaign.work / PASSED).exists(), run.stdout[-3000:]
    return campaign


def test_what_passes_a_generation_on_gets_no_gpu(story: OnCluster):
    passing = [job for job in story.jobs() if not job.name.startswith("run_md")]
    assert [job.name for job in passing] == [
        "sampling_fine-tuned_2_explore_select_frames",
        "label_frames fine-tuned_2_0",
        "fine_tune fine-tuned_2_1",
    ]
    assert {(job.partition, job.gpus, job.state) for job in passing} == {("cpu", 0, "COMPLETED")}
    before = story.work / TUNED / "generation1/committee/member1.model"
    assert (story.work / PASSED).read_bytes() == before.read_bytes()


def test_what_uses_a_gpu_is_given_one(story: OnCluster):
    points = [job for job in story.jobs() if job.name.startswith("run_md")]
    assert {(job.partition, job.gpus, job.state) for job in points} == {("gpu", 1, "FAILED")}
    attempts = story.attempts("LiAlCl4/md/500K/run_md.log")
    assert [attempt.requested.gpus for attempt in attempts] == [1, 1]
    assert all("cuda" in attempt.sentence.lower() for attempt in attempts)
