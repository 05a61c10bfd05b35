"""Every start of a job and what became of it: a journal beside the job's log, `<log>.attempts.jsonl`.

A job writes one line when it starts and one when it ends. A job that is killed writes no end; why it was killed
is then read from SLURM's own log of that job. Snakemake empties a job's log before every attempt, so the sentence
(and the traceback, where there is one) of an earlier attempt is kept here too.

`saltflow.operations.recorder` writes the lines. Here is the standard library alone: rules ask while Snakemake plans.
"""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

SLURM_LOGS = Path(".snakemake/slurm_logs")
Reason = Literal[
    "done", "failed", "out of memory", "timeout", "cancelled", "node failure", "preempted", "killed", "running"
]
_OF_SLURM = re.compile(r"^(?:slurmstepd|slurmd|srun).*$", re.MULTILINE)
# In this order: a job killed for its memory, its time or its node is also reported as cancelled. The spellings
# are those of Slurm 20 to 25.
_KILLED_BY = (
    ("out of memory", re.compile(r"oom[-_ ]kill|exceeded (?:\w+ )?memory limit|Out Of Memory", re.IGNORECASE)),
    ("timeout", re.compile(r"DUE TO TIME LIMIT")),
    ("node failure", re.compile(r"DUE TO NODE FAIL|NODE FAILURE")),
    ("preempted", re.compile(r"DUE TO PREEMPTION")),
    ("cancelled", re.compile(r"CANCELLED")),
)
# How squeue and sacct name it.
REASON_OF_STATE: Mapping[str, Reason] = {
    "COMPLETED": "done",
    "FAILED": "failed",
    "OUT_OF_MEMORY": "out of memory",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
    "NODE_FAIL": "node failure",
    "BOOT_FAIL": "node failure",
    "PREEMPTED": "preempted",
    "REQUEUED": "killed",
}
_MEANT_BY_ERROR = {"MemoryError": "out of memory", "KeyboardInterrupt": "cancelled", "Interrupted": "cancelled"}


@dataclass(frozen=True)
class Requested:
    """What a job asked for; None where neither its rule nor the profile says anything."""

    cpus: int | None = None
    memory_MB: int | None = None
    gpus: int | None = None
    runtime_min: int | None = None


@dataclass(frozen=True)
class Attempt:
    """One start of a job.

    began, ended: times in UTC; ended is None where the job was killed or still runs.
    host, pid, slurm_job_id: where it ran; slurm_job_id is None without SLURM.
    requested: by this job, which may share its SLURM job with others of a group.
    reason: what became of it. sentence: its last word; traceback: of an unexpected error.
    peak_memory_MB: of the process or of its largest child, whichever is larger. cpu_s: of both together.
    slurm_log: SLURM's log of it, while that is kept.
    """

    began: datetime
    reason: Reason
    ended: datetime | None = None
    host: str | None = None
    pid: int | None = None
    slurm_job_id: str | None = None
    requested: Requested = Requested()
    sentence: str | None = None
    traceback: str | None = None
    peak_memory_MB: float | None = None
    cpu_s: float | None = None
    slurm_log: Path | None = None


def journal_path(log_path: str | os.PathLike) -> Path:
    """The journal of the job that has this log."""
    return Path(f"{os.fspath(log_path)}.attempts.jsonl")


def read_attempts(
    log_path: str | os.PathLike,
    *,
    slurm_logs: Path = SLURM_LOGS,
    slurm_folder: str | None = None,
    is_alive: Callable[[Mapping], bool] | None = None,
) -> list[Attempt]:
    """All attempts of the job that has this log, in the order of their start; none where there is no journal.

    Args:
        log_path: the job's log, relative to the working directory.
        slurm_logs: where the executor keeps SLURM's logs.
        slurm_folder: the job's folder in there (`slurm_folder_of`); with it, attempts that were killed before
            they could write a line are found too.
        is_alive: whether the process of a start line still runs; None asks SLURM or this machine.
    """
    lines = list(read_journal(journal_path(log_path)).values())
    last = lines[-1] if lines else None
    attempts = [_attempt(line, slurm_logs, is_alive or _is_alive if line is last else _never) for line in lines]
    attempts = [_requeued(each, attempts[number + 1 :]) for number, each in enumerate(attempts)]
    early = _killed_early(slurm_logs / slurm_folder, attempts) if slurm_folder else []
    return sorted(attempts + early, key=lambda attempt: attempt.began)


def count_out_of_memory(
    log_path: str | os.PathLike, *, slurm_logs: Path = SLURM_LOGS, slurm_folder: str | None = None
) -> int:
    """How many attempts of a job were killed for their memory; asks neither SLURM nor the process table.

    Args: as `read_attempts`.
    """
    attempts = read_attempts(log_path, slurm_logs=slurm_logs, slurm_folder=slurm_folder, is_alive=_never)
    return sum(attempt.reason == "out of memory" for attempt in attempts)


def slurm_folder_of(rule: str, wildcards: Sequence[str]) -> str:
    """Where the executor plugin puts SLURM's logs of a job that is not in a group, below its folder of logs."""
    return f"rule_{rule}/" + "_".join(wildcards).replace("/", "_")


def find_slurm_log(job_id: str | None, slurm_logs: Path = SLURM_LOGS) -> Path | None:
    """SLURM's log of a job, if it is still there (the plugin deletes those of jobs that succeeded)."""
    if job_id is None:
        return None
    known = _index(slurm_logs, int(time.monotonic() // 5))
    return known.get(job_id)


@lru_cache(maxsize=2)
def _index(slurm_logs: Path, _tick: int) -> dict[str, Path]:
    """Job id → log; read anew every few seconds, not for each of a thousand jobs."""
    return {path.stem: path for path in slurm_logs.rglob("*.log")}


def read_journal(journal: Path) -> dict[str, dict]:
    """Attempt → its start line with what its end line adds, in the order of their start.

    Lines that were cut short are passed over.
    """
    attempts: dict[str, dict] = {}
    try:
        content = journal.read_text(errors="replace")
    except OSError:
        return attempts
    for text in content.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            line = json.loads(text)
            if "began" in line or line["attempt"] in attempts:
                attempts[line["attempt"]] = attempts.get(line["attempt"], {}) | line
    return attempts


def _attempt(line: Mapping, slurm_logs: Path, is_alive: Callable[[Mapping], bool]) -> Attempt:
    slurm_log = find_slurm_log(line["slurm_job_id"], slurm_logs)
    return Attempt(
        began=datetime.fromisoformat(line["began"]),
        ended=datetime.fromisoformat(line["ended"]) if line.get("ended") else None,
        host=line["host"],
        pid=line["pid"],
        slurm_job_id=line["slurm_job_id"],
        requested=Requested(**line["requested"]),
        reason=_reason(line, slurm_log, is_alive),
        sentence=line.get("sentence"),
        traceback=line.get("traceback"),
        peak_memory_MB=line.get("peak_memory_MB"),
        cpu_s=line.get("cpu_s"),
        slurm_log=slurm_log,
    )


def _reason(line: Mapping, slurm_log: Path | None, is_alive: Callable[[Mapping], bool]) -> Reason:
    """What became of an attempt; where SLURM says why, its word counts more than the job's own."""
    outcome = line.get("outcome")
    if outcome == "done" or outcome in get_args(Reason) and outcome != "failed":
        return outcome
    if reason := reason_in(slurm_log):
        return reason
    if outcome == "failed":
        return _MEANT_BY_ERROR.get(line.get("error"), "failed")
    return "running" if is_alive(line) else "killed"


def reason_in(slurm_log: Path | None) -> Reason | None:
    """Why SLURM ended a job, by SLURM's own lines in the log."""
    try:
        answer = "\n".join(_OF_SLURM.findall(slurm_log.read_text(errors="replace"))) if slurm_log else ""
    except OSError:
        return None
    return next((reason for reason, pattern in _KILLED_BY if pattern.search(answer)), None)


def _requeued(attempt: Attempt, later: Sequence[Attempt]) -> Attempt:
    """SLURM starts a requeued job under the same id and overwrites its log, which then tells of the later start."""
    again = attempt.slurm_job_id and attempt.slurm_job_id in {each.slurm_job_id for each in later}
    if not again or attempt.ended:
        return attempt
    return replace(attempt, reason="killed", sentence="SLURM put the job back into the queue.", slurm_log=None)


def _killed_early(folder: Path, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Attempts that SLURM killed while they still imported their libraries: there is only SLURM's log of them."""
    known = {attempt.slurm_job_id for attempt in attempts}
    logs = [path for path in folder.glob("*.log") if path.stem not in known]
    reasons = {path: reason for path in logs if (reason := reason_in(path))}
    return [
        Attempt(
            began=datetime.fromtimestamp(path.stat().st_mtime, UTC),
            reason=reason,
            slurm_job_id=path.stem,
            slurm_log=path,
        )
        for path, reason in reasons.items()
    ]


# ── is it still there? ─────────────────────────────────────────────────────────────────────────


def _never(_line: Mapping) -> bool:
    return False


def _is_alive(line: Mapping) -> bool:
    """Whether an attempt still runs; where SLURM cannot be asked, a job of it is taken for running."""
    if line["slurm_job_id"] is not None:
        queued = _queued_jobs(int(time.monotonic() // 10))
        return queued is None or line["slurm_job_id"] in queued
    return (
        line["host"] == platform.node() and line["born"] is not None and birth_of_process(line["pid"]) == line["born"]
    )


@lru_cache(maxsize=1)
def _queued_jobs(_tick: int) -> frozenset[str] | None:
    """Ids of the user's jobs that have not ended: one question to SLURM for all attempts; None without an answer."""
    command = ["squeue", "--me", "--noheader", "--format=%A", "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return frozenset(answer.stdout.split())


def birth_of_process(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine did: a number given again later is told apart."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return None
