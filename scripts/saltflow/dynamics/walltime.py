"""The walltime that a scheduler leaves to a job, and when a run should save itself because of it."""

import math
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import datetime

SHORTEST_SEGMENT_S = 10.0
PATIENCE_S = 20.0


class Walltime:
    """No segment takes more than half of what is left, so that only seconds are lost where a job is cut off.

    Args:
        end_s: when the job ends, in seconds since 1970; None where nothing is known of an end.
        clock: seconds since 1970.
    """

    def __init__(self, end_s: float | None, *, clock: Callable[[], float] = time.time):
        self.end_s, self._clock = end_s, clock
        self._segment_ends_s = math.inf

    def begin_segment(self) -> None:
        """A segment begins now."""
        now_s = self._clock()
        if self.end_s is not None:
            self._segment_ends_s = now_s + max(SHORTEST_SEGMENT_S, (self.end_s - now_s) / 2)

    def is_time_to_save(self) -> bool:
        """Whether the segment has had its share of the time."""
        return self.end_s is not None and self._clock() >= self._segment_ends_s


def walltime_of_job(environment: Mapping[str, str] = os.environ) -> Walltime:
    """The walltime of the SLURM job that this process is part of; one without an end elsewhere.

    SLURM 23 and later say it in SLURM_JOB_END_TIME; older ones are asked by one call of squeue.
    """
    said, job = environment.get("SLURM_JOB_END_TIME", ""), environment.get("SLURM_JOB_ID")
    if said.isdigit():
        return Walltime(float(said))
    return Walltime(parse_end(_ask_slurm(job)) if job else None)


def parse_end(text: str) -> float | None:
    """Seconds since 1970 of an end as squeue's %e writes it, in local time; None where it names none."""
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        return None


def _ask_slurm(job: str) -> str:
    command = ["squeue", "--noheader", f"--job={job}", "--format=%e"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
