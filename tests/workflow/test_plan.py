"""The plan of the tiny campaign: due are exactly the jobs that Snakemake would run, each with its reason."""

import json
import os
import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from workplaces import ENVIRONMENT, ROOT, SALTFLOW, Workplace, call_program

from saltflow.base.provenance import read_json, sha256_of_file

CONFIG = "tests/tiny/config.yaml"
RUNS = {f"run_md composition={name} temperature={K}" for name in ("LiAlCl4", "LiCl-crystal") for K in (500, 700, 900)}
QUENCHES = {f"quench_cell composition={name} replica={n}" for name in ("LiAlCl4", "LiCl-crystal") for n in (1, 2)}
# What saltflow plan does before it writes, job by job.
JOBS_AND_REASONS = """
import json, sys
sys.path.insert(0, "scripts")
from engine.dag import load_dag
from saltflow.operations.plan.reasons import why
dag = load_dag(sys.argv[1], configfiles=[sys.argv[2]], profile="profiles/local")
print(json.dumps({job.name: [why(job, failed=False).kind, why(job, failed=False).detail] for job in dag.due}))
"""


def in_repo(campaign: Workplace, *command: str, **environment: str) -> subprocess.CompletedProcess:
    if command[0] == "-m" and not environment:
        return call_program([sys.executable, *command], campaign.repo)
    return subprocess.run(
        [sys.executable, *command],
        cwd=campaign.repo,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def plan_with(campaign: Workplace, profile: str, **environment: str) -> subprocess.CompletedProcess:
    """saltflow plan, as a user types it."""
    where = (str(campaign.work), "--configfile", campaign.config, "--profile", profile)
    return in_repo(campaign, *SALTFLOW[1:], "plan", *where, **environment)


def planned(campaign: Workplace, profile: str = "profiles/local") -> dict:
    """plan.json."""
    made = plan_with(campaign, profile)
    assert made.returncode == 0, made.stderr
    return read_json(campaign.work / "plan/plan.json")


def reasons(campaign: Workplace) -> dict[str, tuple[str, str]]:
    """Every due job with kind and detail of its reason; the jobs are those of a dry run."""
    asked = in_repo(campaign, "-c", JOBS_AND_REASONS, str(campaign.work), campaign.config)
    assert asked.returncode == 0, asked.stderr
    found = {name: tuple(reason) for name, reason in json.loads(asked.stdout).items()}
    assert set(found) == set(campaign.plan())
    return found


def of_kind(found: dict[str, tuple[str, str]], kind: str) -> dict[str, str]:
    return {name: detail for name, (each, detail) in found.items() if each == kind}


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file below a folder, with time and content, and every folder; not the plan's own."""
    found = {}
    for path in folder.rglob("*"):
        if "plan" not in path.relative_to(folder).parts[:1]:
            content = sha256_of_file(path) if path.is_file() else ""
            found[str(path)] = (path.stat().st_mtime_ns if path.is_file() else 0, content)
    return found


@pytest.fixture
def recording(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """A PATH whose sbatch, srun and scancel write down that they were called."""
    calls = tmp_path / "calls"
    for name in ("sbatch", "srun", "scancel", "salloc"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho {name} >> {calls}\n")
        program.chmod(0o755)
    return {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}, calls


def test_planning_a_cluster_run_submits_nothing_and_changes_nothing(campaign: Workplace, recording):
    environment, calls = recording
    campaign.replace(CONFIG, "duration_ps: 0.2", "duration_ps: 0.3")
    before = snapshot(campaign.work)
    made = plan_with(campaign, "profiles/slurm", **environment)
    assert made.returncode == 0, made.stderr
    assert snapshot(campaign.work) == before
    assert not calls.exists()
    assert "55 due, 34 done" in made.stdout
    assert sorted(path.name for path in (campaign.work / "plan").iterdir()) == ["plan.html", "plan.json"]
    plan = read_json(campaign.work / "plan/plan.json")
    rows = {row["rule"]: row for row in plan["rules"]}
    assert rows["run_md"]["due"] == rows["run_md"]["submissions"] == 6
    # The analyses of a composition go together; fits and tables are not submitted, the regressions on order are.
    assert plan["counts"]["submissions"] == 6 + 2 + 1
    assert rows["fit_arrhenius"]["where"] == "local"
    assert plan["totals"]["peak_queued"] <= 8
    assert plan["totals"]["cpu_hours"]["expected"] < plan["totals"]["cpu_hours"]["upper"]


def test_an_empty_folder_stays_empty_but_for_the_plan(fresh: Workplace):
    plan = planned(fresh)
    assert [path.name for path in fresh.work.iterdir()] == ["plan"]
    assert plan["counts"] == {"due": 89, "done": 0, "failed": 0, "submissions": 0}
    assert {row["kind"] for row in plan["reasons"]} == {"new"}
    assert sum(row["jobs"] for row in plan["reasons"]) == 89
    assert [row["id"] for row in plan["compositions"]] == ["LiAlCl4", "LiCl-crystal"]


def test_a_finished_campaign_has_nothing_due_and_a_plan_can_be_approved(campaign: Workplace):
    plan = planned(campaign)
    assert plan["counts"] == {"due": 0, "done": 89, "failed": 0, "submissions": 0}
    assert plan["reasons"] == plan["limits"] == []
    assert plan["totals"]["cpu_hours"] == {"expected": 0, "upper": 0}
    assert plan["difference"] is None
    on_disk = sum(path.stat().st_size for path in (campaign.work / "results").rglob("*") if path.is_file()) / 1e9
    assert plan["totals"]["storage_GB"]["end"] == pytest.approx(on_disk, rel=0.3)

    assert in_repo(campaign, *SALTFLOW[1:], "approve", str(campaign.work)).returncode == 0
    campaign.replace(CONFIG, "duration_ps: 0.2", "duration_ps: 0.4")
    plan = planned(campaign)
    assert plan["difference"]["sentences"] == ["dynamics.production.duration_ps 0.2 → 0.4"]
    assert {"what": "jobs due", "before": 0, "after": 55} in plan["difference"]["changes"]
    assert 'id="changes"' in (campaign.work / "plan/plan.html").read_text()


def test_finished_jobs_correct_the_estimates(campaign: Workplace):
    campaign.replace(CONFIG, "[500, 700, 900]", "[500, 700, 900, 1100]")
    estimates = {row["rule"]: row["basis"] for row in planned(campaign)["estimates"]}
    assert estimates["run_md"] == "6 finished jobs of this sweep"
    assert estimates["analyse_transport"] == "6 finished jobs of this sweep"


def test_changed_settings_are_named_with_both_values(campaign: Workplace):
    campaign.replace(CONFIG, "duration_ps: 0.2", "duration_ps: 0.3")
    campaign.replace(CONFIG, "anneal_ps: 0.02", "anneal_ps: 0.03")
    found = reasons(campaign)
    quench, production = (
        "dynamics.quench.anneal_ps: 0.02 → 0.03",
        "dynamics.production.duration_ps: 0.2 → 0.3",
    )
    assert of_kind(found, "setting changed") == dict.fromkeys(QUENCHES, quench) | dict.fromkeys(RUNS, production)
    assert of_kind(found, "upstream").keys() == found.keys() - QUENCHES - RUNS


def test_a_raised_protocol_and_changed_code_are_told_apart(campaign: Workplace):
    campaign.replace(
        "config/expert.yaml", "  protocol: 2                    # Raise it to run every MD", "  protocol: 3 # "
    )
    campaign.append("scripts/analyse_structure.py", "\nprint('a new line')\n")
    found = reasons(campaign)
    raised = "dynamics.protocol: 2 → 3"
    assert of_kind(found, "protocol raised") == dict.fromkeys(QUENCHES | RUNS, raised)
    assert {name.split()[0] for name in of_kind(found, "code changed")} == {"analyse_structure"}
    assert len(of_kind(found, "code changed")) == 6


def test_products_that_are_lost_half_made_or_made_of_something_else(campaign: Workplace):
    (campaign.work / "results/LiAlCl4/md/500K/structure.json").unlink()
    marks = campaign.work / ".snakemake/incomplete"
    half = "results/LiAlCl4/md/700K/md.json"
    (marks / urlsafe_b64encode(half.encode()).decode()).write_text('{"external_jobid": null}')
    crystal = campaign.repo / "tests/tiny/LiCl.cif"
    crystal.write_text(re.sub(r"(_cell_length_a\s+)(\S+)", r"\g<1>5.2", crystal.read_text()))
    found = reasons(campaign)
    assert found["analyse_structure composition=LiAlCl4 temperature=500"] == ("new", "its product was deleted")
    assert found["run_md composition=LiAlCl4 temperature=700"][0] == "incomplete"
    for replica in (1, 2):
        kind, detail = found[f"build_cell composition=LiCl-crystal replica={replica}"]
        assert kind == "input changed"
        assert "LiCl.cif" in detail


def test_bad_input_is_the_sentence_of_a_run(campaign: Workplace):
    campaign.append(CONFIG, "\nsweeep: {}\n")
    made, run = plan_with(campaign, "profiles/local"), campaign.run("--dry-run")
    assert made.returncode != 0
    assert (
        made.stderr.strip().splitlines()[-1]
        == "config: unknown key 'sweeep' (did you mean 'sweep'?); correct or delete it."
    )
    assert made.stderr.strip().splitlines()[-1] in run.stdout
    assert not (campaign.work / "plan").exists()


def test_a_job_that_failed_says_so_until_it_is_done(campaign: Workplace):
    log = "logs/LiAlCl4/md/500K/analyse_structure.log"
    journal = campaign.work / f"{log}.attempts.jsonl"
    start = json.loads(journal.read_text().splitlines()[0]) | {"attempt": "again"}
    end = {"attempt": "again", "ended": start["began"], "outcome": "failed", "sentence": "The disk is full."}
    with journal.open("a") as lines:
        lines.write(f"{json.dumps(start)}\n{json.dumps(end)}\n")
    (campaign.work / "results/LiAlCl4/md/500K/structure.json").unlink()
    plan = planned(campaign)
    assert plan["counts"] == {"due": 10, "done": 79, "failed": 1, "submissions": 0}
    (reason,) = [reason for reason in plan["reasons"] if reason["rule"] == "analyse_structure"]
    assert (reason["kind"], reason["jobs"]) == ("failed before", 1)
    row = next(row for row in plan["compositions"] if row["id"] == "LiAlCl4")
    assert row["temperatures"][0]["stages"]["analysis"] == {"due": 3, "done": 3, "failed": 1}


def test_planning_in_a_folder_with_a_space_leaves_the_name_of_python_as_it_is(tmp_path: Path):
    """A rule file quotes it, for this process too; what starts Python afterwards would look for the quotes."""
    link = tmp_path / "a python"
    link.symlink_to(sys.executable)
    code = (
        "import sys; from engine.dag import load_dag; before = sys.executable; "
        f"load_dag({str(tmp_path)!r}, configfiles=[{str(ROOT / 'tests/tiny/config.yaml')!r}]); "
        "print(sys.executable == before, ' ' in before)"
    )
    packages = {"PYTHONPATH": os.pathsep.join([str(ROOT / "scripts"), *filter(None, sys.path)])}
    asked = subprocess.run([link, "-c", code], cwd=ROOT, env=ENVIRONMENT | packages, capture_output=True, text=True)
    assert asked.stdout.split() == ["True", "True"], asked.stderr[-2000:]
