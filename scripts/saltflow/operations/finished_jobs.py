"""What the products of a job were made from, as the job itself knew it; it stands in the journal beside the log.

Snakemake notes this in .snakemake when it sees a job end. What nobody saw end, because Snakemake
was gone, is known only from here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from saltflow.operations.attempts import read_journal

JOURNALS = "logs/**/*.attempts.jsonl"
# The types that Snakemake keeps track of in `params`.
TRACKED = (int, float, complex, str, bytes, bytearray, range, list, tuple, dict, set, frozenset, type(None))


class JobDescription(Protocol):
    """Snakemake's object `snakemake` in an entry script, as far as it is needed here."""

    rule: str
    log: Sequence[str]
    input: Sequence[str]
    output: Sequence[str]
    params: Sequence[object]
    threads: int
    resources: object


@dataclass(frozen=True)
class FinishedJob:
    """The last attempt of a job, which ended well.

    rule: its name. log: its log. inputs, params: sorted, as Snakemake records them. outputs: path → bytes.
    """

    rule: str
    log: str
    began: datetime
    inputs: tuple[str, ...]
    params: tuple[str, ...]
    outputs: Mapping[str, int]

    def __str__(self) -> str:
        return self.log.removeprefix("logs/").removesuffix(".log")

    def is_whole(self, folder: Path) -> bool:
        """Whether every product is still there at its full size."""
        paths = {folder / path: size for path, size in self.outputs.items()}
        return all(path.is_file() and path.stat().st_size == size for path, size in paths.items())


def made_from(job: JobDescription) -> dict:
    """Rule, inputs and parameters of a job, sorted and spelt as Snakemake records them."""
    return {
        "rule": job.rule,
        "inputs": sorted(job.input),
        "params": sorted(repr(value) for value in job.params if isinstance(value, TRACKED)),
    }


def finished_jobs(folder: Path, *, since: datetime | None = None) -> Iterator[FinishedJob]:
    """The jobs of a working directory whose last attempt ended well.

    Args:
        folder: the working directory.
        since: leave out jobs that have written nothing into their journal from then on.
    """
    for journal in sorted(folder.glob(JOURNALS)):
        if since is None or journal.stat().st_mtime >= since.timestamp():
            attempts = list(read_journal(journal).values())
            if attempts and attempts[-1].get("outcome") == "done" and "outputs" in attempts[-1]:
                yield _finished(attempts[-1], journal.relative_to(folder))


def _finished(attempt: Mapping, journal: Path) -> FinishedJob:
    return FinishedJob(
        rule=attempt["rule"],
        log=str(journal).removesuffix(".attempts.jsonl"),
        began=datetime.fromisoformat(attempt["began"]),
        inputs=tuple(attempt["inputs"]),
        params=tuple(attempt["params"]),
        outputs=attempt["outputs"],
    )
