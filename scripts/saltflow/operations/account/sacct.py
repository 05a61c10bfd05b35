"""SLURM's accounting, where a site keeps one: `sacct --parsable2` to records, and records into what we know.

Fields and their spellings: the manual of sacct (Slurm 20 to 25).
"""

import csv
import io
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from saltflow.operations.account.spending import Spending
from saltflow.operations.attempts import REASON_OF_STATE, Reason

FIELDS = (
    *("JobIDRaw", "State", "Submit", "Start", "End", "ElapsedRaw", "TimelimitRaw"),
    *("AllocCPUS", "ReqMem", "TotalCPU", "MaxRSS", "AllocTRES"),
)
JOBS_PER_QUESTION = 400
TIME_LIMIT_S = 60
_MB_PER_UNIT = {"": 2.0**-20, "K": 2.0**-10, "M": 1.0, "G": 2.0**10, "T": 2.0**20}


@dataclass(frozen=True)
class Record:
    """One run of a SLURM job: a requeued job has several, under one id. None where SLURM does not say.

    reason: "running" for a job that waits, runs or is suspended. waiting_s: from submission to start.
    peak_memory_MB: largest of its steps. cpu_s: of all steps.
    """

    job_id: str
    reason: Reason
    began: datetime | None
    ended: datetime | None
    elapsed_s: float
    waiting_s: float | None
    runtime_requested_min: float | None
    cpus: int | None
    gpus: int
    memory_requested_MB: float | None
    memory_peak_MB: float | None
    cpu_s: float | None


def ask_sacct(job_ids: Iterable[str]) -> list[Record] | None:
    """Records of these jobs; None where there is no accounting or it does not answer in time.

    Without a database behind it sacct may wait for ever: it is asked once more only after it answered.
    """
    records, ids = [], sorted(set(job_ids), key=int)
    for first in range(0, len(ids), JOBS_PER_QUESTION):
        chosen = ",".join(ids[first : first + JOBS_PER_QUESTION])
        command = ["sacct", "--parsable2", "--duplicates", f"--format={','.join(FIELDS)}", f"--jobs={chosen}"]
        try:
            message = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=True).stdout
        except (OSError, subprocess.SubprocessError):
            return None
        records += parse_records(message)
    return records or None


def parse_records(text: str) -> list[Record]:
    """The records in what `sacct --parsable2` printed, header included.

    Rows with a dot in the id are steps and belong to the last row before them without one.
    """
    runs: list[list[Mapping[str, str]]] = []
    for row in csv.DictReader(io.StringIO(text), delimiter="|", quoting=csv.QUOTE_NONE):
        if "." not in row["JobIDRaw"]:
            runs.append([row])
        elif runs and row["JobIDRaw"].split(".")[0] == runs[-1][0]["JobIDRaw"]:
            runs[-1].append(row)
    return [_record(run[0], run[1:]) for run in runs]


def _record(job: Mapping[str, str], steps: Sequence[Mapping[str, str]]) -> Record:
    reason = REASON_OF_STATE.get(job["State"].split()[0] if job["State"].strip() else "", "running")
    submitted, began = _time(job["Submit"]), _time(job["Start"])
    cpus = int(job["AllocCPUS"]) if job["AllocCPUS"].isdigit() else 0
    peaks = [peak for step in (job, *steps) if (peak := megabytes(step["MaxRSS"], cpus=1))]
    limit = job["TimelimitRaw"]
    return Record(
        job_id=job["JobIDRaw"],
        reason=reason,
        began=began,
        ended=_time(job["End"]),
        elapsed_s=float(job["ElapsedRaw"] or 0),
        waiting_s=max(0.0, (began - submitted).total_seconds()) if began and submitted else None,
        runtime_requested_min=float(limit) if limit.isdigit() else None,  # else Partition_Limit or UNLIMITED
        cpus=cpus or None,
        gpus=_gpus(job["AllocTRES"]),
        memory_requested_MB=megabytes(job["ReqMem"], cpus=cpus),
        memory_peak_MB=max(peaks, default=None),
        cpu_s=_seconds(job["TotalCPU"]) if reason != "running" else None,
    )


def megabytes(text: str, *, cpus: int) -> float | None:
    """Memory in MiB: "4000M", "4G", "123456K", and as Slurm wrote it before 21.08, "4Gn" per node, "2000Mc" per core.

    A number without a unit is bytes, as sacct's MaxRSS with --noconvert.
    """
    match = re.fullmatch(r"([\d.]+)([KMGT]?)([cn]?)", text.strip())
    if not match or not float(match[1]):
        return None
    return float(match[1]) * _MB_PER_UNIT[match[2]] * (cpus if match[3] == "c" else 1)


def _gpus(resources: str) -> int:
    """GPUs in "billing=2,cpu=2,gres/gpu:h200=1,gres/gpu=1,mem=4000M,node=1"; types may stand without their sum."""
    counts = dict(entry.split("=", 1) for entry in resources.split(",") if "=" in entry)
    by_type = sum(int(count) for name, count in counts.items() if name.startswith("gres/gpu:"))
    return int(counts.get("gres/gpu", by_type))


def _time(text: str) -> datetime | None:
    """Local time of the cluster; None for Unknown and None."""
    with suppress(ValueError):
        return datetime.fromisoformat(text).astimezone(UTC)
    return None


def _seconds(text: str) -> float | None:
    """CPU time: [days-][hours:]minutes:seconds[.fraction]; None where nothing was measured."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):([\d.]+)", text.strip())
    if not match:
        return None
    days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
    return ((days * 24 + hours) * 60 + minutes) * 60 + float(match[4]) or None


# ── into what we know ──────────────────────────────────────────────────────────────────────────


def with_records(spending: Sequence[Spending], records: Sequence[Record]) -> list[Spending]:
    """What each attempt took, corrected by SLURM's records.

    The n-th attempt of a job under one SLURM id is its n-th record. Of a group of jobs only what is the whole
    group's is taken: how long it waited and how it was killed.
    """
    of_id: dict[str, list[Record]] = {}
    for record in records:
        of_id.setdefault(record.job_id, []).append(record)
    starts: dict[tuple, int] = {}
    corrected = []
    for spent in spending:
        key = (spent.slurm_job_id, spent.job.log)
        number = starts[key] = starts.get(key, -1) + 1
        runs = of_id.get(spent.slurm_job_id, [])
        corrected.append(_corrected(spent, runs[number]) if number < len(runs) else spent)
    return corrected


def _corrected(spent: Spending, record: Record) -> Spending:
    own = ("done", "failed", "running")
    # A kill that only we saw (the plugin for accounting calls it FAILED) stays; so does a job's own good end.
    reason = spent.reason if record.reason in own or spent.reason == "done" else record.reason
    waiting_s = record.waiting_s if spent.waiting_s is not None or spent.alone else None
    if not spent.alone:
        return replace(spent, reason=reason, waiting_s=waiting_s)
    return replace(
        spent,
        reason=reason,
        waiting_s=waiting_s,
        began=record.began or spent.began,
        ended=record.ended or spent.ended,
        elapsed_s=record.elapsed_s,
        cpu_s=record.cpu_s or spent.cpu_s,
        cpus=record.cpus or spent.cpus,
        gpus=record.gpus,
        memory_requested_MB=record.memory_requested_MB or spent.memory_requested_MB,
        memory_peak_MB=max(record.memory_peak_MB or 0, spent.memory_peak_MB or 0) or None,
        runtime_requested_min=record.runtime_requested_min or spent.runtime_requested_min,
    )
