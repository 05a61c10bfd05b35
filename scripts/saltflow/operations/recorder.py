"""A job writes its journal (`saltflow.operations.attempts`): one line when it starts, one when it ends.

Nothing that goes wrong with the journal makes the job fail.
"""

import atexit
import json
import os
import platform
import resource
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from saltflow.operations.attempts import birth_of_process, find_slurm_log, journal_path, read_journal, reason_in


class Recorder:
    """Writes the attempt that this process is.

    Args:
        log_path: the job's log. One that is no file (a terminal, /dev/null) has no journal.
        about: what the job asked for (`requested_by`) and what its products are made from
            (`saltflow.operations.finished_jobs`).
        outputs: the job's products, whose sizes are noted when all is done.
    """

    def __init__(self, log_path: str | os.PathLike, about: Mapping, outputs: Sequence[str]):
        self.path = journal_path(log_path)
        self._id, self._pid = uuid.uuid4().hex[:12], os.getpid()
        self._outputs = list(outputs)
        self._end: dict = {"outcome": "done"}
        if Path(log_path).is_file():
            self._settle_the_killed(log_path)
            self._append(_start_line() | dict(about))
            atexit.register(self._finish)

    def fail(self, error: type[BaseException], *, sentence: str, traceback: str | None = None) -> None:
        """Note why the process is about to end."""
        self._end = {"outcome": "failed", "error": error.__name__, "sentence": sentence, "traceback": traceback}

    def _finish(self) -> None:
        if os.getpid() == self._pid:  # not in a fork of the job
            spent = {"peak_memory_MB": peak_memory_MB(), "cpu_s": round(sum(os.times()[:4]), 2)}
            end = {"ended": _now()} | self._end | spent
            with suppress(OSError):
                end |= {"outputs": {path: os.path.getsize(path) for path in self._outputs}}
            self._append(end)

    def _settle_the_killed(self, log_path: str | os.PathLike) -> None:
        """Keep why earlier attempts were killed: SLURM's logs are deleted after some days."""
        for line in read_journal(self.path).values():
            unclear = line.get("outcome", "failed") == "failed"
            if unclear and (reason := reason_in(find_slurm_log(line["slurm_job_id"]))):
                self._append({"attempt": line["attempt"], "outcome": reason})

    def _append(self, content: Mapping) -> None:
        with suppress(OSError), open(self.path, "a+b") as journal:
            journal.seek(-min(1, journal.tell()), os.SEEK_END)
            torn = journal.read() not in (b"", b"\n")  # a line that a full disk cut short
            line = json.dumps({"attempt": self._id} | dict(content))
            journal.write(b"\n" * torn + line.encode() + b"\n")


def peak_memory_MB() -> float | None:
    """Largest resident memory so far of this process or of a child of it that ended, whichever is larger, in MiB.

    The kernel hands the mark of getrusage on to a program that a process starts, so this process's own comes
    from /proc; None where there is none.
    """
    with suppress(OSError, ValueError, StopIteration):
        status = Path("/proc/self/status").read_text().splitlines()
        own_kB = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        return round(max(own_kB, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024, 1)
    return None


def _start_line() -> dict:
    return {
        "began": _now(),
        "host": platform.node(),
        "pid": os.getpid(),
        "born": birth_of_process(os.getpid()),
        "slurm_job_id": os.environ.get("SLURM_JOB_ID"),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def requested_by(job: object) -> dict[str, int | None]:
    """What a job asked for, as a `Requested` spells it; None where the rules and the profile say nothing, but no GPU.

    Args:
        job: Snakemake's object `snakemake` in an entry script, with `threads` and `resources`.
    """
    return {
        "cpus": job.threads,
        "memory_MB": getattr(job.resources, "mem_mb", None),
        "gpus": getattr(job.resources, "gpu", 0),
        "runtime_min": getattr(job.resources, "runtime", None),
    }
