"""The journal of attempts: what a job writes of itself, and what is read of one that was killed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from saltflow.operations.attempts import (
    Attempt,
    Requested,
    count_out_of_memory,
    journal_path,
    read_attempts,
    slurm_folder_of,
)

ROOT = Path(__file__).resolve().parents[3]
LOG = "logs/LiCl/run_md.log"

# As slurmstepd and srun write them (Slurm 22.05), the last ones among what a job itself had printed.
OUT_OF_MEMORY = """\
slurmstepd-cpu01: error: StepId=7.0 exceeded memory limit (1363148800 > 1048576000), being killed
slurmstepd-cpu01: error: Exceeded job memory limit
srun: Job step aborted: Waiting up to 4 seconds for job step to finish.
slurmstepd-cpu01: error: *** STEP 7.0 ON cpu01 CANCELLED AT 2025-11-20T23:59:41 ***
"""
CGROUP = "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of the step tasks have been OOM Killed.\n"
TIMEOUT = "slurmstepd-cpu01: error: *** JOB 7 ON cpu01 CANCELLED AT 2025-11-20T23:59:41 DUE TO TIME LIMIT ***\n"
CANCELLED = "slurmstepd-cpu01: error: *** JOB 7 ON cpu01 CANCELLED AT 2025-11-20T23:59:41 ***\n"
NODE = (
    "slurmstepd-cpu01: error: *** JOB 7 ON cpu01 CANCELLED AT 2025-11-20T23:59:41 DUE TO NODE FAILURE, "
    "SEE SLURMCTLD LOG FOR DETAILS ***\n"
)
PREEMPTED = "slurmstepd-cpu01: error: *** JOB 7 ON cpu01 CANCELLED AT 2025-11-20T23:59:41 DUE TO PREEMPTION ***\n"


def start(folder: Path, body: str = "", **environment: str) -> subprocess.Popen:
    """An entry script that starts its log and does what `body` says."""
    opening = f"""
        from types import SimpleNamespace
        from saltflow.operations.job_log import start_job
        asked = SimpleNamespace(mem_mb=8000, runtime=1440, gpu=1)
        job = SimpleNamespace(rule="run_md", log=["{LOG}"], input=[], output=[], params=[], threads=4, resources=asked)
        start_job(job, subject="LiCl, 600 K")
        """
    (folder / "entry.py").write_text(textwrap.dedent(opening) + textwrap.dedent(body))
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    return subprocess.Popen(
        [sys.executable, "entry.py"],
        cwd=folder,
        env=outside | {"PYTHONPATH": str(ROOT / "scripts")} | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, body: str = "", **environment: str) -> int:
    """Exit code of an entry script."""
    job = start(folder, body, **environment)
    job.communicate(timeout=30)
    return job.returncode


def kill_when_started(job: subprocess.Popen, folder: Path) -> None:
    """SIGKILL, as the kernel and SLURM do it, once the job has said that it is at work."""
    while not (folder / "at-work").exists():
        assert job.poll() is None
        time.sleep(0.02)
    job.send_signal(signal.SIGKILL)
    job.communicate(timeout=30)
    (folder / "at-work").unlink()


WORK = "import time\nopen('at-work', 'w').close()\ntime.sleep(60)"


def attempts(folder: Path, **choices) -> list[Attempt]:
    return read_attempts(folder / LOG, slurm_logs=folder / ".snakemake/slurm_logs", **choices)


def write_slurm_log(folder: Path, text: str, *, job_id: str = "7", where: str = "rule_run_md/LiCl_600") -> Path:
    path = folder / ".snakemake/slurm_logs" / where / f"{job_id}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_job_that_never_started_has_no_attempts(tmp_path):
    assert attempts(tmp_path) == []


def test_a_job_that_ended_well(tmp_path):
    before = datetime.now(UTC)
    assert run(tmp_path, "kept = bytearray(b'x') * 150_000_000") == 0
    (attempt,) = attempts(tmp_path)
    assert (attempt.reason, attempt.sentence, attempt.slurm_job_id) == ("done", None, None)
    assert attempt.requested == Requested(cpus=4, memory_MB=8000, gpus=1, runtime_min=1440)
    assert before.timestamp() - 0.01 <= attempt.began.timestamp() <= attempt.ended.timestamp()
    assert 143 < attempt.peak_memory_MB < 300
    assert 0 < attempt.cpu_s < 60


def test_memory_of_a_child_counts_as_the_job_s(tmp_path):
    run(tmp_path, "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'bytearray(b\"x\") * 200_000_000'])")
    assert attempts(tmp_path)[0].peak_memory_MB > 190


def test_memory_of_the_parent_does_not(tmp_path):
    kept = bytearray(b"x") * 400_000_000
    run(tmp_path)
    del kept
    assert attempts(tmp_path)[0].peak_memory_MB < 100


def test_a_failure_keeps_its_sentence_when_snakemake_empties_the_log(tmp_path):
    assert (
        run(tmp_path, "from saltflow.base.errors import SaltflowError\nraise SaltflowError('No model; put it there.')")
        == 1
    )
    (tmp_path / LOG).unlink()
    assert run(tmp_path, "def burst():\n    return 1 / 0\n\nburst()") == 1
    (tmp_path / LOG).unlink()
    assert run(tmp_path) == 0
    first, second, third = attempts(tmp_path)
    assert [each.reason for each in (first, second, third)] == ["failed", "failed", "done"]
    assert first.sentence == "No model; put it there."
    assert first.traceback is None
    assert second.sentence.startswith("Unexpected ZeroDivisionError: division by zero")
    assert "return 1 / 0" in second.traceback


def test_no_memory_for_python_itself_is_out_of_memory(tmp_path):
    run(tmp_path, "raise MemoryError('cannot allocate')")
    assert attempts(tmp_path)[0].reason == "out of memory"
    assert count_out_of_memory(tmp_path / LOG) == 1


def test_a_process_of_this_machine_is_seen_running_and_then_killed(tmp_path):
    job = start(tmp_path, WORK)
    while not (tmp_path / "at-work").exists():
        time.sleep(0.02)
    (attempt,) = attempts(tmp_path)
    assert (attempt.reason, attempt.pid, attempt.ended) == ("running", job.pid, None)
    kill_when_started(job, tmp_path)
    assert attempts(tmp_path)[0].reason == "killed"


def test_a_number_given_to_another_process_does_not_count_as_running(tmp_path):
    kill_when_started(start(tmp_path, WORK), tmp_path)
    journal = journal_path(tmp_path / LOG)
    line = json.loads(journal.read_text())
    journal.write_text(json.dumps(line | {"pid": os.getpid()}) + "\n")
    assert attempts(tmp_path)[0].reason == "killed"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (OUT_OF_MEMORY, "out of memory"),
        (CGROUP, "out of memory"),
        ("srun: error: cpu01: task 0: Out Of Memory\n", "out of memory"),
        (TIMEOUT, "timeout"),
        (NODE, "node failure"),
        (PREEMPTED, "preempted"),
        (CANCELLED, "cancelled"),
        ("LiCl | the text 'Out Of Memory, CANCELLED' of a job's own making\n", "killed"),
    ],
)
def test_the_reason_of_a_kill_is_read_from_slurm_s_log(tmp_path, said, reason):
    kill_when_started(start(tmp_path, WORK, SLURM_JOB_ID="7"), tmp_path)
    slurm_log = write_slurm_log(tmp_path, f"LiCl, 600 K | step 100 of 200\n{said}")
    (attempt,) = attempts(tmp_path, is_alive=lambda line: False)
    assert (attempt.reason, attempt.slurm_log) == (reason, slurm_log)
    counted = count_out_of_memory(tmp_path / LOG, slurm_logs=tmp_path / ".snakemake/slurm_logs")
    assert counted == (reason == "out of memory")


def test_slurm_s_word_counts_more_than_the_job_s_own(tmp_path):
    """A child killed for its memory lets the job fail with a sentence of its own."""
    run(tmp_path, "raise OSError(5, 'the reference ended')", SLURM_JOB_ID="7")
    write_slurm_log(tmp_path, OUT_OF_MEMORY, where="group_analysis")
    assert attempts(tmp_path)[0].reason == "out of memory"


def test_the_next_attempt_keeps_the_reason_when_slurm_s_log_is_deleted(tmp_path):
    kill_when_started(start(tmp_path, WORK, SLURM_JOB_ID="7"), tmp_path)
    slurm_log = write_slurm_log(tmp_path, TIMEOUT)
    run(tmp_path, SLURM_JOB_ID="8")
    slurm_log.unlink()
    assert [attempt.reason for attempt in attempts(tmp_path)] == ["timeout", "done"]


def test_a_requeued_job_has_two_attempts_under_one_id(tmp_path):
    kill_when_started(start(tmp_path, WORK, SLURM_JOB_ID="7"), tmp_path)
    kill_when_started(start(tmp_path, WORK, SLURM_JOB_ID="7"), tmp_path)
    write_slurm_log(tmp_path, OUT_OF_MEMORY)
    first, second = attempts(tmp_path)
    assert (first.reason, first.sentence) == ("killed", "SLURM put the job back into the queue.")
    assert second.reason == "out of memory"


def test_a_job_killed_before_its_first_line_is_found_by_slurm_s_log(tmp_path):
    write_slurm_log(tmp_path, OUT_OF_MEMORY, job_id="6")
    write_slurm_log(tmp_path, "error: failed to import torch\n", job_id="5")
    folder = slurm_folder_of("run_md", ["LiCl", "600"])
    assert attempts(tmp_path) == []
    (attempt,) = attempts(tmp_path, slurm_folder=folder)
    assert (attempt.reason, attempt.slurm_job_id, attempt.pid) == ("out of memory", "6", None)
    run(tmp_path, SLURM_JOB_ID="8")
    assert [each.reason for each in attempts(tmp_path, slurm_folder=folder)] == ["out of memory", "done"]


def test_a_line_cut_short_by_a_full_disk_costs_that_line_only(tmp_path):
    run(tmp_path)
    journal = journal_path(tmp_path / LOG)
    journal.write_text(journal.read_text()[:-30])
    assert [attempt.reason for attempt in attempts(tmp_path)] == ["killed"]
    run(tmp_path)
    assert [attempt.reason for attempt in attempts(tmp_path)] == ["killed", "done"]


def test_a_journal_that_cannot_be_written_does_not_hurt_the_job(tmp_path):
    journal_path(tmp_path / LOG).mkdir(parents=True)
    assert run(tmp_path, "open('product', 'w').close()") == 0
    assert (tmp_path / "product").exists()
    assert attempts(tmp_path) == []
