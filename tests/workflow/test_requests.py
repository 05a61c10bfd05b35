"""What the shipped catalogue asks of a cluster: where, how much, in how many submissions."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from workplaces import ROOT

from engine.dag import load_dag
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.operations.plan.dag import Dag, PlannedJob

GPU_ONLY = {"gpu_model": "h200", "slurm_partition": "gpu", "qos": "gpu", "constraint": "gpu80gb"}
CPU_ONLY = {"slurm_partition": "cpu", "qos": "normal", "constraint": "avx512"}


@dataclass(frozen=True)
class Submission:
    """One sbatch: its jobs and what it asks for."""

    jobs: tuple[PlannedJob, ...]
    resources: dict

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(sorted({job.rule for job in self.jobs}))


def submissions(dag: Dag) -> list[Submission]:
    """Everything that a controller would submit."""
    alone = [Submission((job,), job.resources) for job in dag.due if not job.local and job.group is None]
    groups = [Submission(tuple(dag.jobs[index] for index in each.jobs), each.resources) for each in dag.groups.values()]
    return alone + groups


def filled_in(folder: Path) -> Path:
    """The profile with every example of its site block taken."""
    head, block, rest = re.split(r"(?m)^(config:\n(?: .*\n)*)", (ROOT / "profiles/slurm/config.yaml").read_text())
    (folder / "profile").mkdir()
    (folder / "profile/config.yaml").write_text(head + re.sub(r"(?m)^( +)# (?=\w+: )", r"\1", block) + rest)
    return folder / "profile"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Dag:
    folder = tmp_path_factory.mktemp("catalogue")
    return load_dag(folder, configfiles=[ROOT / "config/config.yaml"], profile=filled_in(folder))


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign(read_configuration([]))


def test_fewer_than_one_submission_per_ten_labelled_frames(catalogue, campaign):
    frames = sum(
        campaign.potential(potential).frames_to_label(generation)
        for potential in campaign.needed_potentials
        for generation in campaign.potential(potential).generations
    )
    assert frames > 10_000
    assert len(submissions(catalogue)) < frames / 10


def test_a_job_is_on_gpu_nodes_if_and_only_if_it_uses_a_gpu(catalogue):
    for each in submissions(catalogue):
        expected = GPU_ONLY if each.resources.get("gpu") else CPU_ONLY
        told = {name: each.resources.get(name) for name in GPU_ONLY}
        assert told == {"gpu_model": None} | expected, each.rules
        assert each.resources["slurm_account"] == "project123"
    assert {each.resources.get("gpu", 0) for each in submissions(catalogue)} == {0, 1}


def test_jobs_that_share_a_submission_run_one_after_another(catalogue):
    shared = [each for each in submissions(catalogue) if len(each.jobs) > 1]
    assert {each.rules for each in shared} == {
        (
            *("analyse_motion", "analyse_pathways", "analyse_residence"),
            *("analyse_structure", "analyse_transport", "assess_domain"),
        ),
        ("explore", "select_frames"),
        ("label_atom",),
        ("quench_cell",),
    }
    for each in shared:
        assert each.resources["mem_mb"] == max(job.resources["mem_mb"] for job in each.jobs)
        assert each.resources["runtime"] == sum(job.resources["runtime"] for job in each.jobs)
        assert each.resources["runtime"] <= 2880
        assert each.resources.get("gpu", 0) <= 1


def test_what_takes_a_second_is_not_submitted(catalogue):
    local = {job.rule for job in catalogue.due if job.local}
    assert local == {
        *("build_cell", "collect_labels", "release_potential", "describe_dataset"),
        *("fit_arrhenius", "fit_residence", "draw_pathways"),
        *("tabulate_conductivity", "tabulate_structure", "rank_electrolytes", "write_results_page"),
    }


def test_the_table_of_the_documentation_is_what_is_asked_for(catalogue):
    asked = defaultdict(list)
    for each in submissions(catalogue):
        asked[each.rules].append(each)
    page = (ROOT / "docs/run-on-your-cluster.md").read_text()
    for rules, members in asked.items():
        assert row_of(rules, members) in page


def row_of(rules: tuple[str, ...], members: list[Submission]) -> str:
    """A row of the table: jobs, nodes, memory, walltime, how many."""
    nodes = {
        (False,): "CPU",
        (True,): "GPU",
        (False, True): "GPU, CPU without a foundation",
    }[tuple(sorted({bool(each.resources.get("gpu")) for each in members}))]
    memory = spread([each.resources["mem_mb"] / 1000 for each in members])
    hours = spread([each.resources["runtime"] / 60 for each in members])
    names = ", ".join(f"`{name}`" for name in rules)
    return f"| {names} | {nodes} | {memory} GB | {hours} h | {len(members)} |"


def spread(numbers: list[float]) -> str:
    """The smallest and the largest number, to two digits."""
    low, high = (float(f"{number:.2g}") for number in (min(numbers), max(numbers)))
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


# ── a folder in which something has happened ───────────────────────────────────────────────────

TINY = ROOT / "tests/tiny/config.yaml"


@pytest.fixture
def tiny(tmp_path: Path):
    """Plan the tiny campaign on GPUs in a folder that a test has filled; rule and wildcards → the job."""
    on_gpus = tmp_path / "gpus.yaml"
    on_gpus.write_text("execution: {device: cuda}\n")
    profile = filled_in(tmp_path)

    def plan() -> dict[str, PlannedJob]:
        return {job.name: job for job in load_dag(tmp_path, configfiles=[TINY, on_gpus], profile=profile).due}

    return plan


def test_a_generation_after_the_converged_one_asks_for_no_gpu_and_little_of_anything(tiny, tmp_path):
    names = [
        "explore generation=1 potential=fine-tuned",
        "select_frames generation=1 potential=fine-tuned",
        "label_frames chunk=0 generation=1 potential=fine-tuned",
        "fine_tune generation=1 member=1 potential=fine-tuned",
    ]
    before = tiny()
    assert [before[name].resources["gpu"] for name in names] == [1, 1, 0, 1]
    assessment = tmp_path / "results/potentials/fine-tuned/generation0/assessment.json"
    assessment.parent.mkdir(parents=True)
    assessment.write_text(json.dumps({"converged": True}))
    after = tiny()
    for name in names:
        assert not after[name].resources.get("gpu")
        assert after[name].resources["slurm_partition"] == "cpu"
        assert "gpu_model" not in after[name].resources
        assert after[name].resources["runtime"] == 10


def test_only_the_job_that_ran_out_of_memory_asks_for_more(tiny, tmp_path):
    before = tiny()
    victims = {
        "run_md composition=LiAlCl4 temperature=500": "oom-kill",
        "label_frames chunk=0 generation=0 potential=base": "oom-kill oom-kill",
        "fine_tune generation=0 member=1 potential=base": "DUE TO TIME LIMIT",
    }
    for number, (name, ends) in enumerate(victims.items()):
        journal = tmp_path / f"{before[name].log}.attempts.jsonl"
        journal.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for attempt, end in enumerate(re.findall(r"oom-kill|DUE TO TIME LIMIT", ends)):
            job_id = f"{100 + 10 * number + attempt}"
            lines.append(started(job_id))
            log = tmp_path / f".snakemake/slurm_logs/some_rule/{job_id}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(f"slurmstepd: error: *** JOB {job_id} ON cpu01 CANCELLED AT 2026-11-21T00:00:00 {end} ***\n")
        journal.write_text("\n".join(lines) + "\n")
    after = tiny()
    grown = {name: job.resources["mem_mb"] / before[name].resources["mem_mb"] for name, job in after.items()}
    assert {name: factor for name, factor in grown.items() if factor != 1} == {
        "run_md composition=LiAlCl4 temperature=500": 2,
        "label_frames chunk=0 generation=0 potential=base": 4,
    }
    assert all(job.resources["runtime"] == before[name].resources["runtime"] for name, job in after.items())


def test_a_job_that_failed_by_itself_no_longer_shares_a_submission(tiny, tmp_path):
    analyses = {name: job for name, job in tiny().items() if name.startswith("analyse_") and "LiAlCl4" in name}
    assert len({job.group for job in analyses.values()}) == 1
    failed, *others = analyses
    journal = tmp_path / f"{analyses[failed].log}.attempts.jsonl"
    journal.parent.mkdir(parents=True)
    end = {"attempt": "7", "ended": "2026-11-21T00:01:00+00:00", "outcome": "failed", "error": "OSError"}
    journal.write_text(f"{started('7')}\n{json.dumps(end)}\n")
    after = tiny()
    assert after[failed].group is None
    assert len({after[name].group for name in others} - {None}) == 1


def started(job_id: str) -> str:
    """The line that a job writes when it starts."""
    requested = {"cpus": 1, "memory_MB": None, "gpus": None, "runtime_min": None}
    line = {"attempt": job_id, "began": "2026-11-21T00:00:00+00:00", "host": "cpu01", "pid": 1, "born": 1}
    return json.dumps(line | {"slurm_job_id": job_id, "requested": requested})
