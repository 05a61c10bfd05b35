"""SLURM's accounting: text as sacct's manual documents `--parsable2`, for the accounts of sites that keep one."""

from datetime import UTC, datetime

import pytest

from saltflow.operations.account.sacct import FIELDS, Record, ask_sacct, megabytes, parse_records, with_records
from saltflow.operations.account.spending import Spending
from saltflow.operations.jobs import job_of_log

HEADER = "|".join(FIELDS)
RUN_MD = job_of_log("logs/LiCl/md/600K/run_md.log")
TRANSPORT = job_of_log("logs/LiCl/md/600K/analyse_transport.log")
STRUCTURE = job_of_log("logs/LiCl/md/600K/analyse_structure.log")

# A GPU job and its steps; the extern step and the batch script have used next to nothing.
COMPLETED = """\
101|COMPLETED|2025-11-20T10:00:00|2025-11-20T10:30:00|2025-11-20T12:30:00|7200|1440|4|16G|07:12:30||billing=4,cpu=4,gres/gpu:h200=1,gres/gpu=1,mem=16G,node=1
101.batch|COMPLETED|2025-11-20T10:30:00|2025-11-20T10:30:00|2025-11-20T12:30:00|7200||4||00:03.120|131072K|cpu=4,gres/gpu=1,mem=16G,node=1
101.extern|COMPLETED|2025-11-20T10:30:00|2025-11-20T10:30:00|2025-11-20T12:30:00|7200||4||00:00.001|0|billing=4,cpu=4,gres/gpu=1,mem=16G,node=1
101.0|COMPLETED|2025-11-20T10:30:02|2025-11-20T10:30:02|2025-11-20T12:30:00|7198||4||07:12:27|3.5G|cpu=4,gres/gpu:h200=1,mem=16G,node=1
"""
# Requeued after its node was lost (--duplicates shows both runs under one id), then out of memory.
REQUEUED = """\
102|NODE_FAIL|2025-11-20T10:00:00|2025-11-20T10:10:00|2025-11-20T10:40:00|1800|60|1|4000M|00:00:00||billing=1,cpu=1,mem=4000M,node=1
102.batch|CANCELLED|2025-11-20T10:10:00|2025-11-20T10:10:00|2025-11-20T10:40:00|1800||1||00:00:00||cpu=1,mem=4000M,node=1
102|OUT_OF_MEMORY|2025-11-20T10:40:05|2025-11-20T10:41:05|2025-11-20T10:51:05|600|60|1|4000M|09:58.250||billing=1,cpu=1,mem=4000M,node=1
102.0|OUT_OF_MEMORY|2025-11-20T10:41:06|2025-11-20T10:41:06|2025-11-20T10:51:05|599||1||09:57.000|4095000K|cpu=1,mem=4000M,node=1
"""
OTHERS = """\
103|CANCELLED by 1000|2025-11-20T10:00:00|None|2025-11-20T10:05:00|0|60|0|1G|00:00:00||
104|SUSPENDED|2025-11-20T10:00:00|2025-11-20T10:00:30|Unknown|300|UNLIMITED|2|1G|00:00:00||billing=2,cpu=2,mem=1G,node=1
105|TIMEOUT|2025-11-18T10:00:00|2025-11-18T10:00:10|2025-11-20T10:00:40|172830|2880|2|2000Mc|3-23:59:59||billing=2,cpu=2,gres/gpu:a100=1,gres/gpu:h200=1,mem=4000M,node=1
106|PENDING|2025-11-20T10:00:00|Unknown|Unknown|0|60|1|1G|00:00:00||
"""


def records(text: str) -> list[Record]:
    return parse_records(f"{HEADER}\n{text}")


def test_a_job_is_its_allocation_with_the_peak_of_its_steps():
    (record,) = records(COMPLETED)
    assert (record.job_id, record.reason) == ("101", "done")
    assert (record.cpus, record.gpus, record.memory_requested_MB, record.memory_peak_MB) == (4, 1, 16384, 3584)
    assert (record.elapsed_s, record.waiting_s, record.runtime_requested_min) == (7200, 1800, 1440)
    assert record.cpu_s == 7 * 3600 + 12 * 60 + 30
    assert (record.ended - record.began).total_seconds() == 7200


def test_every_run_of_a_requeued_job_counts():
    lost, killed = records(REQUEUED)
    assert (lost.reason, lost.elapsed_s, lost.cpu_s, lost.memory_peak_MB) == ("node failure", 1800, None, None)
    assert (killed.reason, killed.cpu_s, killed.waiting_s) == ("out of memory", 598.25, 60)
    assert killed.memory_peak_MB == pytest.approx(4095000 / 1024)


def test_jobs_that_never_began_or_have_not_ended():
    cancelled, suspended, timeout, pending = records(OTHERS)
    assert (cancelled.reason, cancelled.began, cancelled.waiting_s, cancelled.cpus) == ("cancelled", None, None, None)
    assert (suspended.reason, suspended.ended, suspended.runtime_requested_min) == ("running", None, None)
    assert suspended.cpu_s is None
    assert (timeout.reason, timeout.gpus, timeout.memory_requested_MB) == ("timeout", 2, 4000)
    assert timeout.cpu_s == 4 * 86400 - 1
    assert (pending.reason, pending.waiting_s) == ("running", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("512K", 0.5), ("3M", 3), ("1.5G", 1536), ("1T", 1048576), ("4Gn", 4096), ("2000Mc", 4000), ("1048576", 1)],
)
def test_units_of_memory(text, expected):
    assert megabytes(text, cpus=2) == expected


@pytest.mark.parametrize("text", ["", "0", "?", "0n"])
def test_memory_that_is_not_told(text):
    assert megabytes(text, cpus=2) is None


def test_records_correct_what_the_jobs_said_of_themselves():
    said = Spending(RUN_MD, "killed", began=datetime(2025, 11, 20, 10, 30, 7, tzinfo=UTC), slurm_job_id="102")
    lost, killed = with_records([said, said], records(REQUEUED))
    assert (lost.reason, lost.elapsed_s, lost.cpus) == ("node failure", 1800, 1)
    assert (killed.reason, killed.memory_requested_MB, killed.waiting_s) == ("out of memory", 4000, 60)


def test_a_good_end_and_a_kill_that_only_we_saw_stay():
    failed = COMPLETED.replace("COMPLETED", "FAILED")
    done, killed = (
        with_records([Spending(RUN_MD, reason, slurm_job_id="101")], records(failed))[0]
        for reason in ("done", "out of memory")
    )
    assert (done.reason, killed.reason) == ("done", "out of memory")
    assert done.memory_peak_MB == 3584


def test_of_a_group_only_what_is_the_whole_group_s_is_taken():
    first = Spending(TRANSPORT, "done", elapsed_s=20, waiting_s=5, cpu_s=18, slurm_job_id="101", alone=False)
    second = Spending(STRUCTURE, "done", elapsed_s=10, cpu_s=9, slurm_job_id="101", alone=False)
    first, second = with_records([first, second], records(COMPLETED))
    assert (first.elapsed_s, first.cpu_s, first.waiting_s) == (20, 18, 1800)
    assert (second.elapsed_s, second.cpu_s, second.waiting_s) == (10, 9, None)


def test_jobs_of_which_sacct_knows_nothing_stay_as_they_are():
    said = Spending(RUN_MD, "failed", slurm_job_id="999")
    assert with_records([said], records(COMPLETED)) == [said]


def test_a_machine_without_accounting_has_no_records(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_sacct(["101"]) is None
