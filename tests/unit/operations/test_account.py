"""The account of a sweep, from folders that look as a run has left them."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from saltflow.base.errors import SaltflowError
from saltflow.operations.account import take_account
from saltflow.operations.account.failures import what_failed
from saltflow.operations.account.short_account import format_account
from saltflow.operations.account.snakemake_log import read_snakemake_log
from saltflow.operations.account.spending import Spending, job_of_slurm_log, read_spending
from saltflow.operations.account.suggestions import suggest
from saltflow.operations.jobs import job_of_log

BEGAN = datetime(2025, 11, 20, 12, 0, 20, tzinfo=UTC)
OUT_OF_MEMORY = "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0.\n"


@pytest.fixture(autouse=True)
def _in_universal_time(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


class Sweep:
    """A working directory that is filled as jobs and Snakemake fill it."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, path: str, text: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a") as file:
            file.write(text)
        return target

    def attempt(
        self,
        log: str,
        *,
        began: datetime = BEGAN,
        seconds: float | None = 60,
        slurm: str | None = None,
        memory_MB: int | None = 4000,
        **end,
    ):
        """An attempt of a job in its journal; without seconds it was killed."""
        name = f"{log}-{began.isoformat()}"
        start = {
            "attempt": name,
            "began": began.isoformat(),
            "host": "node",
            "pid": 1,
            "born": 1,
            "slurm_job_id": slurm,
            "requested": {"cpus": 2, "memory_MB": memory_MB, "gpus": 1, "runtime_min": 120},
        }
        lines = [start]
        if seconds is not None:
            ended = {"ended": (began + timedelta(seconds=seconds)).isoformat(), "outcome": "done", "cpu_s": seconds / 2}
            lines.append({"attempt": name, "peak_memory_MB": 500.0} | ended | end)
        self.write(f"{log}.attempts.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def benchmark(self, log: str, *, seconds: float, cpu_s: float, peak_MB: float) -> None:
        """A benchmark file as Snakemake 9 writes it."""
        header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
        row = f"{seconds}\t0:00:17\t{peak_MB}\t977.84\t473.61\t486.83\t15.04\t0.82\t83.69\t{cpu_s}\n"
        self.write(log.removesuffix(".log") + ".benchmark.tsv", header + row)

    def submission(self, log: str, *, at: str = "12:00:00", slurm: str, folder: str):
        """What Snakemake 9 with the SLURM plugin writes to its own log."""
        self.write(
            ".snakemake/log/2025-11-20T115959.000000.snakemake.log",
            f"[Thu Nov 20 {at} 2025]\nrule run_md:\n    input: a, b\n    log: {log}\n    jobid: 3\n"
            "    wildcards: composition=LiCl, temperature=600\n    resources: tmpdir=<TBD>, mem_mb=4000, gpu=1\n"
            f"Job 3 has been submitted with SLURM jobid {slurm} "
            f"(log: {self.folder}/.snakemake/slurm_logs/{folder}/{slurm}.log).\n",
        )

    def end(self, slurm: str, state: str, *, why: str = "") -> None:
        """What the plugin says when a SLURM job did not end well."""
        self.write(
            ".snakemake/log/2025-11-20T115959.000000.snakemake.log",
            f"    message: SLURM-job '{slurm}' failed{why}, SLURM status is: '{state}'. "
            "Detailed failure reason unavailable (status command is not 'sacct').\n",
        )


@pytest.fixture
def sweep(tmp_path) -> Sweep:
    return Sweep(tmp_path)


RUN_MD = "logs/LiCl/md/600K/run_md.log"


def test_a_folder_without_jobs_has_no_account(tmp_path):
    with pytest.raises(SaltflowError, match=r"No job has run in .* saltflow account "):
        take_account(tmp_path)


def test_snakemake_s_log_tells_when_a_job_was_submitted(sweep):
    sweep.submission(RUN_MD, slurm="7", folder="rule_run_md/LiCl_600")
    sweep.submission(RUN_MD, at="13:00:00", slurm="8", folder="rule_run_md/LiCl_600")
    submissions = read_snakemake_log(sweep.folder).submissions
    assert [submissions[number].submitted.hour for number in ("7", "8")] == [12, 13]
    assert submissions["8"].slurm_log.endswith("/rule_run_md/LiCl_600/8.log")


def test_an_attempt_has_what_was_asked_measured_and_waited(sweep):
    sweep.submission(RUN_MD, slurm="7", folder="rule_run_md/LiCl_600")
    sweep.attempt(RUN_MD, slurm="7", seconds=3600)
    sweep.benchmark(RUN_MD, seconds=3605, cpu_s=3500, peak_MB=1500)
    (spent,) = read_spending(sweep.folder)
    assert (spent.reason, spent.elapsed_s, spent.cpu_s, spent.memory_peak_MB) == ("done", 3605, 3500, 1500)
    assert (spent.cpus, spent.gpus, spent.memory_requested_MB, spent.runtime_requested_min) == (2, 1, 4000, 120)
    assert (spent.waiting_s, spent.alone) == (20, True)


def test_the_benchmark_belongs_to_the_attempt_that_ended_well(sweep):
    sweep.attempt(RUN_MD, seconds=10, outcome="failed", error="SaltflowError", sentence="No replica; mend it.")
    sweep.attempt(RUN_MD, began=BEGAN + timedelta(minutes=5), seconds=100)
    sweep.benchmark(RUN_MD, seconds=101, cpu_s=90, peak_MB=600)
    failed, done = read_spending(sweep.folder)
    assert (failed.reason, failed.elapsed_s, failed.cpu_s, failed.sentence) == ("failed", 10, 5, "No replica; mend it.")
    assert (done.reason, done.elapsed_s, done.cpu_s) == ("done", 101, 90)


def test_a_killed_attempt_ends_with_slurm_s_log(sweep):
    sweep.attempt(RUN_MD, slurm="7", seconds=None)
    log = sweep.write(".snakemake/slurm_logs/rule_run_md/LiCl_600/7.log", OUT_OF_MEMORY)
    os.utime(log, (BEGAN.timestamp() + 900,) * 2)
    (spent,) = read_spending(sweep.folder)
    assert (spent.reason, spent.elapsed_s, spent.cpu_s) == ("out of memory", 900, None)


def test_a_job_killed_before_its_first_line_is_an_attempt_too(sweep):
    killed = sweep.write(".snakemake/slurm_logs/rule_run_md/LiCl_600/7.log", OUT_OF_MEMORY)
    os.utime(killed, (BEGAN.timestamp() - 15,) * 2)
    sweep.submission(RUN_MD, slurm="7", folder="rule_run_md/LiCl_600")
    sweep.end("7", "FAILED")
    sweep.submission(RUN_MD, at="12:30:00", slurm="8", folder="rule_run_md/LiCl_600")
    sweep.end("8", "CANCELLED")
    sweep.attempt(RUN_MD, slurm="9", began=BEGAN + timedelta(hours=1))
    memory, cancelled, done = read_spending(sweep.folder)
    assert (memory.reason, memory.job.log, memory.elapsed_s) == ("out of memory", RUN_MD, None)
    assert (cancelled.reason, cancelled.job.log, cancelled.waiting_s) == ("cancelled", RUN_MD, None)
    assert done.reason == "done"


def test_a_node_that_died_left_no_word_in_slurm_s_log(sweep):
    sweep.submission(RUN_MD, slurm="7", folder="rule_run_md/LiCl_600")
    sweep.attempt(RUN_MD, slurm="7", seconds=None)
    sweep.write(".snakemake/slurm_logs/rule_run_md/LiCl_600/7.log", "step 100 of 200\n")
    sweep.end("7", "NODE_FAIL", why=" due to a node failure")
    assert [spent.reason for spent in read_spending(sweep.folder)] == ["node failure"]


def test_slurm_s_folders_name_their_jobs():
    assert job_of_slurm_log("/sweep/.snakemake/slurm_logs/rule_run_md/Li_x_600/7.log").wildcards == {
        "composition": "Li_x",
        "temperature": "600",
    }
    assert job_of_slurm_log("/sweep/.snakemake/slurm_logs/rule_rank_electrolytes/7.log").rule == "rank_electrolytes"
    assert job_of_slurm_log("/sweep/.snakemake/slurm_logs/group_analysis/7.log") is None


def test_a_group_waits_once(sweep):
    sweep.submission(RUN_MD, slurm="7", folder="group_LiCl")
    sweep.attempt("logs/LiCl/md/600K/analyse_structure.log", slurm="7")
    sweep.attempt("logs/LiCl/md/600K/analyse_transport.log", began=BEGAN + timedelta(minutes=2), slurm="7")
    first, second = read_spending(sweep.folder)
    assert (first.waiting_s, first.alone) == (20, False)
    assert (second.waiting_s, second.alone) == (None, False)
    totals = take_account(sweep.folder)["totals"]
    assert (totals["submissions"], totals["jobs"]) == (1, 2)


@pytest.fixture
def account(sweep) -> dict:
    """Two compositions at two temperatures through SLURM, one job of which needed more memory and then failed."""
    for number, (composition, temperature) in enumerate([("LiCl", 600), ("LiCl", 800), ("NaCl", 600)], start=11):
        log = f"logs/{composition}/md/{temperature}K/run_md.log"
        folder = f"rule_run_md/{composition}_{temperature}"
        sweep.submission(log, slurm=str(number), folder=folder)
        if temperature == 800:
            sweep.attempt(log, slurm="9", seconds=None)
            killed = sweep.write(f".snakemake/slurm_logs/{folder}/9.log", OUT_OF_MEMORY)
            os.utime(killed, (BEGAN.timestamp() + 1800,) * 2)
        sweep.attempt(log, began=BEGAN + timedelta(hours=1), seconds=3600, slurm=str(number))
        sweep.benchmark(log, seconds=3600, cpu_s=3600, peak_MB=1100)
    sweep.attempt(
        "logs/NaCl/fit_arrhenius.log", memory_MB=None, outcome="failed", error="ValueError", sentence="Too few points."
    )
    return take_account(sweep.folder)


def test_costs_are_added_up_by_composition(account):
    lithium, sodium = account["compositions"]
    assert (lithium["id"], lithium["jobs"], lithium["attempts"], lithium["failed_attempts"]) == ("LiCl", 2, 3, 1)
    assert lithium["cpu_hours"] == {"reserved": pytest.approx(2 * 2.5), "used": pytest.approx(2)}
    assert lithium["gpu_hours"] == {"reserved": pytest.approx(2.5), "used": None}
    assert sodium["cpu_hours"]["reserved"] == pytest.approx(2 + 2 / 60)  # and its fit, a minute
    assert account["totals"]["lost_cpu_hours"] == {"reserved": pytest.approx(1 + 2 / 60), "used": None}


def test_failures_are_counted_by_reason(account):
    by_reason = {failure["reason"]: failure for failure in account["failures"]}
    assert set(by_reason) == {"out of memory", "failed"}
    memory = by_reason["out of memory"]
    assert (memory["rule"], memory["attempts"], memory["jobs"], memory["done_later"]) == ("run_md", 1, 1, 1)
    assert by_reason["failed"]["sentence"] == "Too few points."
    assert by_reason["failed"]["done_later"] == 0


def test_the_last_word_names_what_was_not_done(sweep):
    earlier = BEGAN - timedelta(hours=1)
    sweep.attempt("logs/LiCl/md/500K/run_md.log", began=earlier, outcome="failed", sentence="Of another run.")
    sweep.attempt(RUN_MD, outcome="failed", sentence="The GPU is gone.")
    sweep.attempt(RUN_MD, began=BEGAN + timedelta(minutes=5))
    assert what_failed(sweep.folder, since=BEGAN) is None
    sweep.attempt("logs/LiCl/replica1/build_cell.log", outcome="failed", sentence="Too dense; lower the density.")
    assert what_failed(sweep.folder, since=BEGAN).splitlines() == [
        "Not done: 1 jobs",
        "  build_cell (composition LiCl, replica 1), failed: Too dense; lower the density.",
    ]
    for kelvin in range(600, 630):
        log = f"logs/LiCl/md/{kelvin}K/run_md.log"
        sweep.attempt(log, began=BEGAN + timedelta(minutes=9), outcome="failed")
    last = what_failed(sweep.folder, since=BEGAN).splitlines()
    assert last[0] == "Not done: 31 jobs"
    assert last[2] == "  run_md (composition LiCl, temperature 600), failed: the log is logs/LiCl/md/600K/run_md.log."
    assert last[-1] == "  and 11 more; saltflow status shows all."


def test_a_rule_says_what_it_asked_for_and_what_it_used(account):
    rule = next(rule for rule in account["rules"] if rule["rule"] == "run_md")
    assert rule["cores"] == {"requested": 2, "used": 1.0}
    assert rule["memory_MB"] == {"requested": 4000, "peak": 1100}
    assert rule["runtime_min"] == {"requested": 120, "longest": 60}
    assert rule["efficiency"]["memory"] == pytest.approx(0.275)
    assert rule["waiting_h"]["median"] == pytest.approx((3600 + 20) / 3600)
    assert rule["suggestion"] == (
        "run_md asked for 4000 MB and used at most 1100 MB: set mem_mb: 2000. "
        "run_md had 2 cores and kept at most 1.0 busy: set threads: 1."
    )


def test_what_nobody_recorded_is_none_and_said(account):
    rule = next(rule for rule in account["rules"] if rule["rule"] == "fit_arrhenius")
    assert rule["memory_MB"]["requested"] is None
    assert rule["waiting_h"] is None
    assert account["source"] == "benchmark files"
    assert "Not recorded, of 5 attempts: memory requested of 1" in account["source_sentence"]


def test_the_account_is_json_and_words(account):
    assert json.loads(json.dumps(account)) == account
    said = format_account(account)
    assert said.startswith("4 jobs, 5 attempts; 2 did not end well.\nCPU: 7.03 h reserved, 3.01 h used.")
    assert "out of memory: 1 × run_md (1 job, 1 done later)." in said


def spent(number: int, **facts) -> Spending:
    return Spending(job_of_log(f"logs/LiCl/md/{number}K/run_md.log"), "done", **facts)


def test_too_few_jobs_suggest_nothing():
    assert suggest("run_md", [spent(600, memory_requested_MB=8000, memory_peak_MB=500)] * 5) is None


def test_a_request_that_was_nearly_used_up_is_raised():
    done = [spent(number, memory_requested_MB=4000, memory_peak_MB=3900) for number in range(3)]
    assert suggest("run_md", done) == (
        "run_md asked for 4000 MB and used at most 3900 MB, 98% of what a job asked for: set mem_mb: 5500 or more."
    )


def test_requests_that_differ_are_compared_job_by_job():
    done = [
        spent(number, runtime_requested_min=100 * number, elapsed_s=60 * 20 * number, slurm_job_id="1")
        for number in range(1, 4)
    ]
    assert suggest("run_md", done) == (
        "run_md asked for 100 to 300 min and used at most 60 min, 20% of what a job asked for: lower runtime."
    )


def test_requests_that_fit_suggest_nothing():
    done = [
        spent(number, memory_requested_MB=2000, memory_peak_MB=1300, runtime_requested_min=100, elapsed_s=4000)
        for number in range(3)
    ]
    assert suggest("run_md", done) is None


def test_short_jobs_submitted_alone_want_a_group():
    done = [spent(number, elapsed_s=20, slurm_job_id=str(number)) for number in range(4)]
    assert suggest("run_md", done) == (
        "4 jobs of run_md took less than a minute and were submitted alone: give them a group."
    )
