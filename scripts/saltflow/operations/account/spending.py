"""What each attempt of a job took: from the journals of the jobs, Snakemake's benchmark files and its own logs."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from saltflow.operations.account.snakemake_log import SnakemakeLog, SubmissionNote, read_snakemake_log
from saltflow.operations.attempts import SLURM_LOGS, Attempt, Reason, read_attempts, reason_in, slurm_folder_of
from saltflow.operations.jobs import Job, recorded_jobs
from saltflow.operations.rules import ORDER, RULES

_EVER = datetime.fromtimestamp(0, UTC)
_NUMBERS = ("generation", "chunk", "member", "replica", "temperature")


@dataclass(frozen=True)
class Spending:
    """One attempt of a job and what it took; None where nobody recorded it.

    elapsed_s: from the first line of the job to its end (by sacct: of its whole allocation). waiting_s: from
    submission to that start; of a group its first job's. cpu_s: CPU time of all its processes.
    cpus, gpus, memory_requested_MB, runtime_requested_min: what it asked for.
    alone: whether its SLURM job held no other job.
    """

    job: Job
    reason: Reason
    began: datetime | None = None
    ended: datetime | None = None
    elapsed_s: float | None = None
    waiting_s: float | None = None
    cpu_s: float | None = None
    cpus: int | None = None
    gpus: int | None = None
    memory_requested_MB: float | None = None
    memory_peak_MB: float | None = None
    runtime_requested_min: float | None = None
    sentence: str | None = None
    slurm_job_id: str | None = None
    alone: bool = True


def read_spending(folder: Path) -> list[Spending]:
    """Every recorded attempt of every job in a working directory, in the order of the flow.

    Args:
        folder: the working directory of the sweep.
    """
    told = read_snakemake_log(folder)
    found = [spent for job in recorded_jobs(folder) for spent in _spending_of(job, folder)]
    found += _never_began(found, told)
    found.sort(key=lambda spent: (ORDER[spent.job.rule], spent.job.log, spent.began or _EVER))
    return _with_waiting([_with_end(spent, told.ends) for spent in found], told.submissions)


def _spending_of(job: Job, folder: Path) -> Iterator[Spending]:
    slurm_folder = slurm_folder_of(job.rule, list(job.wildcards.values()))
    attempts = read_attempts(folder / job.log, slurm_logs=folder / SLURM_LOGS, slurm_folder=slurm_folder)
    measured = _read_benchmark(folder / job.benchmark)
    good = next((attempt for attempt in reversed(attempts) if attempt.reason == "done"), None)
    if measured and good is None:  # its journal was deleted
        yield _measured(Spending(job, "done"), measured)
    for attempt in attempts:
        spent = _of_attempt(job, attempt)
        yield _measured(spent, measured) if measured and attempt is good else spent


def _of_attempt(job: Job, attempt: Attempt) -> Spending:
    ended = attempt.ended
    if ended is None and attempt.reason == "running":
        ended = datetime.now(UTC)
    elif ended is None and attempt.slurm_log:  # its last line is the end of the job
        ended = _written(attempt.slurm_log)
    requested = attempt.requested
    said_so_itself = attempt.pid is not None
    return Spending(
        job,
        attempt.reason,
        began=attempt.began,
        ended=ended,
        elapsed_s=max(0.0, (ended - attempt.began).total_seconds()) if ended and said_so_itself else None,
        cpu_s=attempt.cpu_s,
        cpus=requested.cpus,
        gpus=requested.gpus,
        memory_requested_MB=requested.memory_MB,
        memory_peak_MB=attempt.peak_memory_MB,
        runtime_requested_min=requested.runtime_min,
        sentence=attempt.sentence,
        slurm_job_id=attempt.slurm_job_id,
    )


def _measured(spent: Spending, row: Mapping[str, str]) -> Spending:
    """With what Snakemake measured of the attempt, of all its processes together."""
    return replace(
        spent,
        elapsed_s=_number(row.get("s")) or spent.elapsed_s,
        cpu_s=max(_number(row.get("cpu_time")) or 0, spent.cpu_s or 0) or None,
        memory_peak_MB=max(_number(row.get("max_rss")) or 0, spent.memory_peak_MB or 0) or None,
    )


def _read_benchmark(path: Path) -> dict[str, str] | None:
    """The last row of a benchmark file; None where there is none yet."""
    try:
        with open(path, newline="", errors="replace") as table:
            return next(reversed(list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))), None)
    except FileNotFoundError:
        return None


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _number(text: str | None) -> float | None:
    with suppress(TypeError, ValueError):
        return float(text)
    return None


def _never_began(found: Sequence[Spending], told: SnakemakeLog) -> Iterator[Spending]:
    """SLURM jobs that ended before the first line of their job; of a group nobody knows which job it was."""
    known = {spent.slurm_job_id for spent in found}
    for job_id, reason in told.ends.items():
        submission = told.submissions.get(job_id)
        if job_id not in known and submission and (job := job_of_slurm_log(submission.slurm_log)):
            message = reason_in(Path(submission.slurm_log))
            yield Spending(job, message or reason, began=submission.submitted, slurm_job_id=job_id)


def _with_end(spent: Spending, ends: Mapping[str, Reason]) -> Spending:
    """A node that dies leaves no word in SLURM's log; what SLURM told Snakemake says why."""
    unclear = spent.reason in ("killed", "running") and spent.sentence is None
    return replace(spent, reason=ends[spent.slurm_job_id]) if unclear and spent.slurm_job_id in ends else spent


def job_of_slurm_log(path: str) -> Job | None:
    """The job whose SLURM log this is by its folder; None for a group, whose folder does not name its jobs."""
    for spec in RULES:
        parts = [r"(\d+)" if name in _NUMBERS else "(.+)" for name in spec.wildcards]
        if match := re.search(rf"/rule_{spec.name}/{'_'.join(parts)}/?\d+\.log$", path):
            return Job(spec, dict(zip(spec.wildcards, match.groups(), strict=True)))
    return None


def _with_waiting(found: Sequence[Spending], submissions: Mapping[str, SubmissionNote]) -> list[Spending]:
    """With the time between Snakemake's submission and the first line of a job in that SLURM job."""
    members: dict[str, list[Spending]] = {}
    for spent in found:
        if spent.slurm_job_id:
            members.setdefault(spent.slurm_job_id, []).append(spent)
    first = {job_id: min(group, key=lambda spent: spent.began) for job_id, group in members.items()}

    def completed(spent: Spending) -> Spending:
        group = members.get(spent.slurm_job_id, [spent])
        alone = len({(each.job.rule, each.job.log) for each in group}) == 1
        waiting_s = None
        began_here = spent is first.get(spent.slurm_job_id) and spent.elapsed_s is not None
        if began_here and spent.slurm_job_id in submissions:
            waiting_s = max(0.0, (spent.began - submissions[spent.slurm_job_id].submitted).total_seconds())
        return replace(spent, alone=alone, waiting_s=waiting_s)

    return [completed(spent) for spent in found]
