"""What Snakemake's own logs tell of the jobs that it gave to SLURM."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from saltflow.operations.attempts import REASON_OF_STATE, Reason

_CLOCK = re.compile(r"\[(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\]")
_SUBMITTED = re.compile(r".*has been submitted with SLURM jobid (\d+) \(log: (.+)\)\.")
_FAILED = re.compile(r".*SLURM-job '(\d+)' failed.* SLURM status is: '(\w+)'")


@dataclass(frozen=True)
class SubmissionNote:
    """A SLURM job: when it was submitted and where SLURM writes its log."""

    submitted: datetime
    slurm_log: str


@dataclass
class SnakemakeLog:
    """Of all runs in a folder; both by SLURM's id of a job.

    submissions: of every job. ends: why SLURM ended a job, as it told Snakemake; only of jobs that did not end well.
    """

    submissions: dict[str, SubmissionNote] = field(default_factory=dict)
    ends: dict[str, Reason] = field(default_factory=dict)


def read_snakemake_log(folder: Path) -> SnakemakeLog:
    """Read all of Snakemake's logs in a working directory.

    Snakemake stamps what it says with the local time, in whole seconds.
    """
    told = SnakemakeLog()
    for path in sorted((folder / ".snakemake/log").glob("*.snakemake.log")):
        clock = datetime.fromtimestamp(0, UTC)
        with open(path, errors="replace") as log:
            for line in map(str.rstrip, log):
                if stamp := _CLOCK.fullmatch(line):
                    clock = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y").astimezone(UTC)
                elif submitted := _SUBMITTED.fullmatch(line):
                    told.submissions[submitted[1]] = SubmissionNote(clock, submitted[2])
                elif failed := _FAILED.match(line):
                    told.ends[failed[1]] = REASON_OF_STATE.get(failed[2], "failed")
    return told
