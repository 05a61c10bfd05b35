"""The files of every job as the commands know them are those of the rule files."""

from pathlib import Path

import pytest

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.operations.jobs import job_of_log, jobs_of, recorded_jobs
from saltflow.operations.rules import RULE

ROOT = Path(__file__).resolve().parents[3]
SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "rules").rglob("*.smk")))


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "together"])
def campaign(request) -> Campaign:
    configuration = read_configuration([ROOT / "tests/tiny/config.yaml"])
    configuration["constraints"] |= {"modes": ["free", "R", "TV"], "temperatures_K": [500, 700]}
    configuration["learning"]["convergence"]["diffusion"] = {"max_deviation_sigmas": 2.0, "max_relative_error": 0.2}
    configuration["learning"]["loco_compositions"] = ["LiCl-crystal"]
    configuration["sweep"]["analyses"].append("constraints")
    configuration["execution"] |= dict.fromkeys(("quench_together", "temperatures_together"), request.param)
    configuration["barriers"]["structures_path"] = str(ROOT / "tests/tiny/crystals.tsv")
    configuration["screening"] |= {"family_path": str(ROOT / "tests/tiny/family.yaml"), "potential": "base"}
    configuration["electrodes"]["structures_path"] = str(ROOT / "tests/tiny/hosts.tsv")
    return load_campaign(configuration)


@pytest.mark.parametrize(
    ("log", "rule", "wildcards"),
    [
        ("logs/2LiCl-ZrCl4/md/600K/run_md.log", "run_md", ["2LiCl-ZrCl4", "600"]),
        (
            "logs/potentials/demo/generation1/labels/label_frames.chunk12.log",
            "label_frames",
            ["demo", "1", "12"],
        ),
        ("logs/references/pbe-d3/label_atom.elementLi.log", "label_atom", ["pbe-d3", "Li"]),
        ("logs/summary/rank_electrolytes.log", "rank_electrolytes", []),
    ],
)
def test_a_log_names_its_job(log, rule, wildcards):
    job = job_of_log(log)
    assert (job.rule, list(job.wildcards.values()), job.log) == (rule, wildcards, log)


def test_a_file_of_no_rule_is_no_job():
    assert job_of_log("logs/LiCl/notes.log") is None


def test_a_campaign_has_every_job_once(campaign):
    jobs = list(jobs_of(campaign))
    assert len({job.log for job in jobs}) == len({job.product for job in jobs}) == len(jobs)
    together = campaign.settings.execution.quench_together
    others = {"quench_cell", "run_md"} if together else {"quench_replicas", "run_state_points"}
    assert {job.rule for job in jobs} == set(RULE) - others
    assert all(job_of_log(job.log) == job for job in jobs)


def test_constrained_points_are_those_that_are_asked_for(campaign):
    """Two modes besides the free one, at two of the three temperatures; without modes nothing of it."""
    frozen = [job for job in jobs_of(campaign) if job.product.startswith("results/LiAlCl4/coupling/")]
    counts = {rule: sum(job.rule == rule for job in frozen) for rule in {job.rule for job in frozen}}
    assert counts == {"find_groups": 2, "run_constrained_md": 4, "analyse_constrained_md": 4, "relate_coupling": 1}
    plain = load_campaign(read_configuration([ROOT / "tests/tiny/config.yaml"]))
    assert not any("/coupling/" in job.product for job in jobs_of(plain))
    assert not any(job.rule == "measure_diffusion" for job in jobs_of(plain))


def test_every_member_learns_without_what_is_left_out(campaign):
    """Of the base one model, of the other potential two, on the labels of its last generation."""
    trained = [
        (job.wildcards["potential"], job.wildcards["generation"], job.wildcards["excluded"], job.wildcards["member"])
        for job in jobs_of(campaign)
        if job.rule == "fine_tune_loco"
    ]
    tuned = [("fine-tuned", "1", "LiCl-crystal", number) for number in "12"]
    assert trained == [*tuned, ("base", "0", "LiCl-crystal", "1")]


def test_jobs_are_found_by_what_they_left(tmp_path):
    for name in ("LiCl/md/600K/run_md.benchmark.tsv", "LiCl/md/600K/run_md.log.attempts.jsonl", "LiCl/notes.txt"):
        (tmp_path / "logs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "logs" / name).write_text("")
    (job,) = recorded_jobs(tmp_path)
    assert job.log == "logs/LiCl/md/600K/run_md.log"
    assert job.product == "results/LiCl/md/600K/md.json"
