"""Jobs that still run in a working directory, whoever has started them: in SLURM's queue and on this machine.

SLURM's jobs are known by their folder and by the executor's way to name them; processes by a mark in their
environment, which every program that a job starts inherits.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import SaltflowError

# In the environment of everything that a run starts, also by way of sbatch: the folder it works in.
MARK = "SALTFLOW_FOLDER"
NAMED = 5
ANSWER_LIMIT_S = 60
OPTIONAL_ANSWER_LIMIT_S = 5
TERMINATION_S = 60  # molecular dynamics writes a checkpoint first
# The executor names every job of a run alike: a prefix of the profile's choice and a random number.
RUN_NAME = re.compile(r"(?:[\w-]+_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COMMENT = re.compile(r"(?:rule|group)_(.+?)(?:_wildcards_(.*))?")
SCRIPT = re.compile(r"\.snakemake/scripts/tmp\w+\.(\w+)\.py")


@dataclass(frozen=True)
class RunningJob:
    """A job that has not ended.

    name: rule and wildcards, as far as they are known. slurm_id, state: of SLURM's jobs.
    pids: of a job on this machine, its first process and what that has started.
    """

    name: str
    slurm_id: str | None = None
    state: str | None = None
    pids: tuple[int, ...] = ()

    def __str__(self) -> str:
        place = f"SLURM {self.slurm_id}, {self.state}" if self.slurm_id else f"process {self.pids[0]}"
        return f"{self.name} ({place})"


class SchedulerSilentError(SaltflowError):
    """SLURM was asked and did not answer."""


def find_running_jobs(folder: Path, *, users: Collection[str], slurm: bool) -> list[RunningJob]:
    """Everything that still runs in a working directory; one question to SLURM, where there is SLURM.

    Args:
        folder: the working directory.
        users: whose jobs to ask SLURM for.
        slurm: whether runs in this folder use SLURM, so that it has to answer.

    Raises:
        SchedulerSilentError: SLURM has to answer and does not.
    """
    queued = queued_jobs(folder, users=users, slurm=slurm)
    return queued + _processes(folder, known={job.slurm_id for job in queued})


def name_them(jobs: Sequence[object]) -> str:
    """The first few jobs by name, the others by their number."""
    named = ", ".join(map(str, jobs[:NAMED]))
    return f"{named} and {len(jobs) - NAMED} more" if len(jobs) > NAMED else named


def wait_for(
    find: Callable[[], list[RunningJob]], *, say: Callable[[str], None], limit_s: float = float("inf")
) -> bool:
    """Wait until nothing is found any more and say when a job has ended; whether all have ended within the limit.

    Args:
        find: asked every second for processes, every 20 s for SLURM's jobs.
        say: takes one line of progress.
    """
    end, before = time.monotonic() + limit_s, None
    while jobs := _with_retries(find, say, before):
        if before is not None and len(jobs) < len(before):
            say(f"Still at work ({len(jobs)}): {name_them(jobs)}")
        if time.monotonic() > end:
            return False
        before = jobs
        time.sleep(min(limit_s / 10, 20 if any(job.slurm_id for job in jobs) else 1))
    return True


def _with_retries(
    find: Callable[[], list[RunningJob]], say: Callable[[str], None], before: list[RunningJob] | None
) -> list[RunningJob]:
    """A scheduler that is restarted in the meantime is no reason to give up."""
    try:
        return find()
    except SchedulerSilentError as error:
        if before is None:
            raise
        say(f"{error} Asking again.")
        return before


def cancel(jobs: Sequence[RunningJob]) -> None:
    """End jobs: SLURM's by scancel, processes by SIGTERM and, those that stay, by SIGKILL.

    Raises:
        SaltflowError: SLURM refuses.
    """
    import psutil

    if ids := [job.slurm_id for job in jobs if job.slurm_id]:
        done = subprocess.run(["scancel", *ids], capture_output=True, text=True, timeout=ANSWER_LIMIT_S, check=False)
        if done.returncode != 0:
            raise SaltflowError(f"scancel failed: {done.stderr.strip()}; try again when SLURM answers.")
    processes = []
    for pid in (pid for job in jobs for pid in job.pids):
        with suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(pid))
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            process.resume()  # one that was stopped does not hear that it has to end
    for process in psutil.wait_procs(processes, timeout=TERMINATION_S)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


# ── SLURM ──────────────────────────────────────────────────────────────────────────────────────


def queued_jobs(folder: Path, *, users: Collection[str], slurm: bool) -> list[RunningJob]:
    """Jobs in SLURM's queue that a run in this folder has submitted.

    Args and Raises: as `find_running_jobs`.
    """
    if shutil.which("squeue") is None:
        if slurm:
            raise SchedulerSilentError(f"Runs in {folder} use SLURM, and there is no squeue here; go to a login node.")
        return []
    # %i id, %T state, %j name, %k comment, %Z working directory, which may hold any character.
    command = ["squeue", "--noheader", f"--users={','.join(sorted(users))}", "--format=%i|%T|%j|%k|%Z"]
    limit_s = ANSWER_LIMIT_S if slurm else OPTIONAL_ANSWER_LIMIT_S
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=True)
        return [job for line in answer.stdout.splitlines() if (job := _queued_job(line, folder))]
    except subprocess.SubprocessError as error:
        if not slurm:  # programs of SLURM without a cluster
            return []
        answer = (getattr(error, "stderr", None) or f"no answer within {limit_s} s").strip().splitlines()[-1]
        raise SchedulerSilentError(
            f"squeue failed ({answer}), so nobody knows whether jobs of an earlier run are in the queue; "
            "try again when SLURM answers."
        ) from None


def _queued_job(line: str, folder: Path) -> RunningJob | None:
    job_id, state, name, comment, place = line.split("|", 4)
    if not RUN_NAME.fullmatch(name) or not _is_same(place, folder):
        return None
    words = COMMENT.fullmatch(comment)
    return RunningJob(" ".join(filter(None, words.groups())) if words else "job", slurm_id=job_id, state=state)


def _is_same(place: str, folder: Path) -> bool:
    with suppress(OSError):
        return place == str(folder) or os.path.samefile(place, folder)
    return False


# ── this machine ───────────────────────────────────────────────────────────────────────────────


def _processes(folder: Path, *, known: Collection[str | None]) -> list[RunningJob]:
    """Marked processes that belong to none of the known jobs of SLURM, each with those that it has started."""
    import psutil

    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            environment = process.environ()
            mine = environment.get(MARK) == str(folder) and process.pid != os.getpid()
            if mine and environment.get("SLURM_JOB_ID") not in known and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = process
    return [_as_job(process) for process in found.values() if process.ppid() not in found]


def _as_job(process) -> RunningJob:
    import psutil

    name, pids = "job", (process.pid,)
    with suppress(psutil.Error):
        script = SCRIPT.search(" ".join(process.cmdline()))
        name = script[1] if script else process.name()
        pids += tuple(child.pid for child in process.children(recursive=True))
    return RunningJob(name, pids=pids)
