"""How far a sweep is, from folders that look as its jobs have left them; and the files of a configuration."""

import json
import os
import re
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.operations.attempts import journal_path
from saltflow.operations.jobs import Job, jobs_of
from saltflow.operations.status import format_status, read_status

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT = "slurmstepd: error: *** JOB 7 ON cpu01 CANCELLED AT 2025-11-20T23:59:41 DUE TO TIME LIMIT ***\n"


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign(read_configuration([ROOT / "tests/tiny/config.yaml"]))


def finish(folder: Path, *jobs: Job) -> None:
    for job in jobs:
        product = folder / job.product
        product.parent.mkdir(parents=True, exist_ok=True)
        product.write_text("{}")


def attempt(folder: Path, job: Job, **end) -> None:
    """A line of the job's journal; without an end it was killed."""
    start = {
        "attempt": "one",
        "began": datetime.now(UTC).isoformat(),
        "host": "elsewhere",
        "pid": 1,
        "born": 1,
        "slurm_job_id": "7",
        "requested": {},
    }
    journal = journal_path(folder / job.log)
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text(json.dumps(start | ({"ended": start["began"]} | end if end else {})) + "\n")


def about(campaign: Campaign, name: str) -> list[Job]:
    """The jobs of a composition or a potential."""
    kind = "composition" if name in campaign.swept else "potential"
    return [job for job in jobs_of(campaign) if job.wildcards.get(kind) == name]


def of(campaign: Campaign, name: str, rule: str) -> list[Job]:
    return [job for job in about(campaign, name) if job.rule == rule]


def test_an_untouched_folder_is_all_due(campaign, tmp_path):
    said = format_status(read_status(campaign, tmp_path))
    assert said.splitlines() == [
        "2 compositions: 0 done, 0 under way, 0 with failed jobs, 2 not started. MD: 0 of 0.00138 ns. "
        "Potentials: 0 of 2 released.",
        "89 jobs: 0 done, 0 running, 0 failed, 89 due.",
        "",
        "2 compositions have not started; --all shows them.",
    ]


def test_a_finished_folder_is_all_done(campaign, tmp_path):
    for name in campaign.swept:
        finish(tmp_path, *about(campaign, name))
    for name in campaign.needed_potentials:
        finish(tmp_path, *about(campaign, name))
        release = tmp_path / f"results/potentials/{name}/released.json"
        release.write_text(json.dumps({"generation": 1, "converged": name == "base"}))
    finish(tmp_path, *jobs_of(campaign))
    said = format_status(read_status(campaign, tmp_path))
    assert "2 compositions: 2 done" in said
    assert "MD: 0.00138 of 0.00138 ns. Potentials: 2 of 2 released.\n89 jobs: 89 done" in said
    assert "released, generation 1, not converged" in said
    assert "✗" not in said.replace("✗ failed", "")


def test_a_foundation_that_is_used_as_it_is_has_no_generations(tmp_path):
    shutil.copytree(ROOT / "tests/tiny", tmp_path / "tiny")
    (tmp_path / "tiny/universal.model").write_bytes(b"weights")
    with (tmp_path / "tiny/potentials.tsv").open("a") as table:
        table.write(f"as-it-is\tuniversal.model\t{'0' * 64}\t-\tLiCl-crystal\t-\n")
    compositions = tmp_path / "tiny/compositions.tsv"
    driven = compositions.read_text().replace("Li:+1 Cl:-1\ttiny\tfine-tuned", "Li:+1 Cl:-1\ttiny\tas-it-is")
    compositions.write_text(driven)
    campaign = load_campaign(read_configuration([tmp_path / "tiny/config.yaml"]))
    said = format_status(read_status(campaign, tmp_path), everything=True)
    assert re.search(r"^as-it-is +0/0 +0/1 +zero-shot$", said, flags=re.M)
    assert "as-it-is: due, zero-shot" in said
    finish(tmp_path, *about(campaign, "as-it-is"))
    record = {"generation": None, "converged": None}
    (tmp_path / "results/potentials/as-it-is/released.json").write_text(json.dumps(record))
    said = format_status(read_status(campaign, tmp_path))
    assert re.search(r"^as-it-is +0/0 +1/1 +released, zero-shot$", said, flags=re.M)


def test_a_stage_shows_what_is_done_and_what_failed(campaign, tmp_path):
    replicas = of(campaign, "LiAlCl4", "build_cell") + of(campaign, "LiAlCl4", "quench_cell")
    finish(tmp_path, *replicas)
    failed = of(campaign, "LiAlCl4", "run_md")[0]
    attempt(tmp_path, failed, outcome="failed", error="SaltflowError", sentence="The cell\nexploded; shorten the step.")
    said = format_status(read_status(campaign, tmp_path))
    row = next(line for line in said.splitlines() if line.startswith("LiAlCl4"))
    assert row.split()[-9:] == ["generation", "0", "4/4", "0/3", "✗1", "0", "of", "0.00069", "0/22"]
    assert "LiCl-crystal" not in said
    assert (
        f"run_md (composition LiAlCl4, temperature {failed.wildcards['temperature']}) failed: The cell exploded" in said
    )
    assert "1 with failed jobs, 1 not started" in said


def test_the_reason_of_a_killed_job_is_slurm_s(campaign, tmp_path):
    job = of(campaign, "LiAlCl4", "run_md")[0]
    attempt(tmp_path, job)
    log = tmp_path / ".snakemake/slurm_logs/rule_run_md/LiAlCl4_500/21.log"
    log.parent.mkdir(parents=True)
    log.write_text(TIMEOUT)
    assert f"timeout [{log}]" in format_status(read_status(campaign, tmp_path))


def test_checkpoints_tell_how_far_md_is(campaign, tmp_path):
    _, second, _ = (job.wildcards["temperature"] for job in of(campaign, "LiAlCl4", "run_md"))
    finish(tmp_path, of(campaign, "LiAlCl4", "run_md")[0])
    segments = tmp_path / f"results/LiAlCl4/md/{second}K/.md.json.work/0123456789abcdef"
    segments.mkdir(parents=True)
    (segments / "segment-000000.pt").touch()
    done_ns, all_ns = read_status(campaign, tmp_path).compositions["LiAlCl4"].md_ns
    point_ns = (0.02 + 0.01 + 0.2) / 1000
    assert all_ns == pytest.approx(3 * point_ns)
    assert done_ns == pytest.approx(point_ns + 0.04 / 1000)
    for number in range(1, 9):
        (segments / f"segment-{number:06d}.pt").touch()
    assert read_status(campaign, tmp_path).compositions["LiAlCl4"].md_ns[0] == pytest.approx(2 * point_ns)


def test_cells_that_are_packed_do_not_make_a_composition_started(campaign, tmp_path):
    finish(tmp_path, *of(campaign, "LiAlCl4", "build_cell"))
    assert not read_status(campaign, tmp_path).compositions["LiAlCl4"].has_started


def test_a_potential_is_at_its_first_generation_with_work_left(campaign, tmp_path):
    jobs = [job for job in about(campaign, "fine-tuned") if job.rule != "release_potential"]
    finish(tmp_path, *(job for job in jobs if job.wildcards.get("generation", "0") == "0"))
    potential = read_status(campaign, tmp_path).potentials["fine-tuned"]
    assert potential.generation == "1"
    assert (potential.counts("labels", generation="0")["due"], potential.counts("labels", generation="1")["done"]) == (
        0,
        0,
    )


def test_seven_hundred_compositions_are_answered_at_once(campaign, tmp_path):
    names = [f"{name}-{number}" for number in range(350) for name in campaign.swept]
    rows = {name: campaign.compositions[name.rpartition("-")[0]] for name in names}
    large = replace(campaign, compositions=campaign.compositions | rows, swept=tuple(names))
    finished = set(names[:100])
    finish(tmp_path, *(job for job in jobs_of(large) if job.wildcards.get("composition") in finished))
    began = time.process_time()
    said = format_status(read_status(large, tmp_path))
    assert time.process_time() - began < 4  # about 0.7 s on a quiet core
    assert said.startswith("700 compositions: 100 done, 0 under way, 0 with failed jobs, 600 not started.")
    assert "600 compositions have not started; --all shows them." in said
    assert max(map(len, said.splitlines())) < 160


def test_the_configuration_is_merged_key_by_key(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("sweep: {replicas: 7, temperatures_K: [500]}\n")
    second.write_text("sweep: {replicas: 9}\n")
    base, merged = read_configuration([]), read_configuration([first, second])
    assert merged["sweep"] == base["sweep"] | {"replicas": 9, "temperatures_K": [500]}
    assert merged["labels"] == base["labels"]


@pytest.mark.parametrize(
    ("text", "said"), [("[1, 2]", "keys and values are wanted"), ("a: [", "this is not YAML"), (None, "There is no")]
)
def test_a_configuration_that_is_none_is_refused(tmp_path, text, said):
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_configuration([path])


@pytest.mark.parametrize(
    ("end", "state"), [({"outcome": "failed", "error": "X"}, "failed"), ({"outcome": "done"}, "done")]
)
def test_a_product_of_before_its_last_attempt_does_not_hide_what_became_of_that(campaign, tmp_path, end, state):
    (job,) = of(campaign, "LiAlCl4", "fit_arrhenius")
    finish(tmp_path, job)
    os.utime(tmp_path / job.product, (1, 1))
    attempt(tmp_path, job, **end)
    tally = read_status(campaign, tmp_path).compositions["LiAlCl4"]
    assert [each.state for each in tally.jobs if each.job == job] == [state]


def test_crystals_of_a_study_have_a_line_of_their_own(tmp_path):
    configuration = read_configuration([ROOT / "tests/tiny/config.yaml"])
    configuration["barriers"]["structures_path"] = str(ROOT / "tests/tiny/crystals.tsv")
    ours = load_campaign(configuration)
    (crystal, *_) = own = [job for job in jobs_of(ours) if job.wildcards.get("structure") == "rock-salt"]
    assert [job.rule for job in own] == ["compute_barriers", "map_md_hops"]
    attempt(tmp_path, crystal, outcome="failed", error="SaltflowError", sentence="no room")
    shown = format_status(read_status(ours, tmp_path))
    assert "Migration barriers: 0 of 1 crystals done, 0 running, 1 failed, 0 due." in shown
    assert "compute_barriers (structure rock-salt) failed: no room" in shown
    journal_path(tmp_path / crystal.log).unlink()
    finish(tmp_path, *own)
    assert "Migration barriers: 1 of 1 crystals done" in format_status(read_status(ours, tmp_path))


def test_hosts_of_electrodes_have_a_line_of_their_own(tmp_path):
    configuration = read_configuration([ROOT / "tests/tiny/config.yaml"])
    configuration["electrodes"]["structures_path"] = str(ROOT / "tests/tiny/hosts.tsv")
    ours = load_campaign(configuration)
    (host,) = [job for job in jobs_of(ours) if job.wildcards.get("electrode") == "rock-salt"]
    attempt(tmp_path, host, outcome="failed", error="SaltflowError", sentence="no room")
    shown = format_status(read_status(ours, tmp_path))
    assert "Electrodes: 0 of 1 hosts done, 0 running, 1 failed, 0 due." in shown
    assert "compute_electrode (electrode rock-salt) failed: no room" in shown
