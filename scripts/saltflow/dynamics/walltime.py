"""The walltime that is left to a job, and when a run should write a checkpoint because of it."""

import math
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import datetime

SHORTEST_SEGMENT_S = 10.0
SQUEUE_TIMEOUT_S = 20.0


class Walltime:
    """A segment takes at most half of the time left, so that a job at its walltime loses only seconds.

    Args:
        end_s: end of the job in seconds since 1970; None where it is unknown.
        clock: seconds since 1970.
    """

    def __init__(self, end_s: float | None, *, clock: Callable[[], float] = time.time):
        self.end_s, self._clock = end_s, clock
        self._segment_ends_s = math.inf

    def begin_segment(self) -> None:
        """Start the time of a segment."""
        now_s = self._clock()
        if self.end_s is not None:
            self._segment_ends_s = now_s + max(SHORTEST_SEGMENT_S, (self.end_s - now_s) / 2)

    def is_time_to_save(self) -> bool:
        """Whether the segment has used its share of the time."""
        return self.end_s is not None and self._clock() >= self._segment_ends_s


def walltime_of_job(environment: Mapping[str, str] = os.environ) -> Walltime:
    """The walltime of the SLURM job of this process; without an end outside SLURM.

    SLURM 23 and later set SLURM_JOB_END_TIME; older versions are asked by one call of squeue.
    """
    end, job = environment.get("SLURM_JOB_END_TIME", ""), environment.get("SLURM_JOB_ID")
    if end.isdigit():
        return Walltime(float(end))
    return Walltime(parse_end(_ask_slurm(job)) if job else None)


def parse_end(text: str) -> float | None:
    """Seconds since 1970 of an end in the format of squeue's %e, local time; None where it is no time."""
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        return None


def _ask_slurm(job: str) -> str:
    command = ["squeue", "--noheader", f"--job={job}", "--format=%e"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SQUEUE_TIMEOUT_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
