"""What still runs in a folder, and its end."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from saltflow.operations.running_jobs import (
    MARK,
    RunningJob,
    _queued_job,
    cancel,
    find_running_jobs,
    name_them,
    wait_for,
)

RUN = "saltflow_1c0f8a52-8f5e-4f0b-9d3c-0a3d2b6f1e77"
SWEEP = Path("/sweeps/a|b")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"17|RUNNING|{RUN}|rule_run_md_wildcards_LiAlCl4_500|/sweeps/a|b", "run_md LiAlCl4_500 (SLURM 17, RUNNING)"),
        (f"18|PENDING|{RUN}|rule_tabulate_conductivity|/sweeps/a|b", "tabulate_conductivity (SLURM 18, PENDING)"),
        (f"19|RUNNING|{RUN[9:]}|(null)|/sweeps/a|b", "job (SLURM 19, RUNNING)"),
        (f"20|RUNNING|{RUN}|rule_run_md_wildcards_LiAlCl4_500|/sweeps/a", None),
        ("21|RUNNING|interactive|(null)|/sweeps/a|b", None),
    ],
    ids=["with wildcards", "without", "a site that drops comments", "another sweep", "a shell in the folder"],
)
def test_jobs_of_a_folder_are_told_from_others(line, said):
    job = _queued_job(line, SWEEP)
    assert (job and str(job)) == said


def test_a_job_of_this_machine_is_named_by_its_script_and_ends_with_its_children(tmp_path):
    script = tmp_path / ".snakemake/scripts/tmpa1b2c3d4.run_md.py"
    script.parent.mkdir(parents=True)
    script.write_text(
        textwrap.dedent("""
        import subprocess
        child = subprocess.Popen(["sleep", "60"])
        open("started", "w").close()
        child.wait()
        """)
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | {MARK: str(tmp_path)}) as process:
        while not (tmp_path / "started").exists():
            time.sleep(0.02)
        (job,) = find(tmp_path)
        assert str(job) == f"run_md (process {process.pid})"
        child = psutil.Process(job.pids[1])
        assert find(tmp_path / "elsewhere") == []
        process.send_signal(19)  # SIGSTOP
        cancel([job])
        process.wait(timeout=5)
    assert find(tmp_path) == []
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def find(folder: Path) -> list[RunningJob]:
    return find_running_jobs(folder, users={"nobody"}, slurm=False)


def test_many_jobs_are_named_by_the_first(tmp_path):
    jobs = [RunningJob("run_md", pids=(number,)) for number in range(1, 9)]
    assert name_them(jobs[:2]) == "run_md (process 1), run_md (process 2)"
    assert name_them(jobs).endswith("run_md (process 5) and 3 more")


def test_waiting_says_what_has_ended():
    jobs = [RunningJob("run_md", pids=(number,)) for number in (1, 2)]
    left, said = [jobs, jobs[:1], []], []
    assert wait_for(lambda: left.pop(0), say=said.append)
    assert said == ["Still at work (1): run_md (process 1)"]


def test_waiting_has_an_end():
    jobs = [RunningJob("run_md", pids=(1,))]
    assert not wait_for(lambda: jobs, say=pytest.fail, limit_s=0.1)
