"""What an archive of one composition holds: which jobs made it, and each of their files under its new name."""

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json, reduction_record
from saltflow.operations.archive.narrowing import Narrowed
from saltflow.operations.attempts import journal_path
from saltflow.operations.housekeeping import FileUse
from saltflow.operations.plan.dag import PlannedJob

SWEEP = "sweep"
WORKFLOW = "workflow"
SOURCES = (
    *("Snakefile", "rules", "scripts", "envs", "profiles/default", "profiles/local"),
    *("config/config.yaml", "config/expert.yaml", "config/references"),
    *("requirements", "pyproject.toml", "Makefile", "LICENSE", "CITATION.cff"),
)
NAME_LENGTH = 254  # Snakemake cuts the name of a record that is longer into folders


@dataclass(frozen=True)
class Item:
    """A file of the archive: its path there, and where its content comes from (a file, or the content itself)."""

    path: str
    source: Path | bytes


@dataclass(frozen=True)
class ArchivedRun:
    """How a composition was made.

    composition: its id. jobs: all jobs before its products, in the order of the workflow. targets: its last
    products, one per job that nothing of the composition follows.
    """

    composition: str
    jobs: tuple[PlannedJob, ...]
    targets: tuple[str, ...]


def archived_run(composition: str, jobs: Sequence[PlannedJob]) -> ArchivedRun:
    """How a composition was made, which must be done.

    Raises:
        SaltflowError: there is no such composition in the sweep, or some of its jobs are due.
    """
    own = {job.index for job in jobs if job.wildcards.get("composition") == composition}
    if not own:
        raise SaltflowError(f"'{composition}' is not a composition of this sweep; correct COMPOSITION or the sweep.")
    followed = {before for job in jobs if job.index in own for before in job.dependencies}
    before = own | _upstream(own, jobs)
    archived = ArchivedRun(
        composition,
        tuple(job for job in jobs if job.index in before),
        tuple(job.outputs[0] for job in jobs if job.index in own - followed),
    )
    if due := [job.name for job in archived.jobs if job.due]:
        shown = ", ".join(due[:5]) + (f" and {len(due) - 5} more" if len(due) > 5 else "")
        raise SaltflowError(
            f"'{composition}' is not complete, so it cannot be archived: {len(due)} of its {len(archived.jobs)} jobs "
            f"are due ({shown}); run the sweep first."
        )
    return archived


def _upstream(indices: Iterable[int], jobs: Sequence[PlannedJob]) -> set[int]:
    by_index = {job.index: job for job in jobs}
    found: set[int] = set()
    queue = list(indices)
    while queue:
        fresh = set(by_index[queue.pop()].dependencies) - found
        found |= fresh
        queue += fresh
    return found


def items(archived: ArchivedRun, narrowed: Narrowed, *, sweep: Path, repository: Path) -> list[Item]:
    """Every file of the archive, what a job reads before what it writes.

    Unpackers that do not restore times give later files later ones: in this order nothing becomes outdated.
    """
    return [
        *_sources(repository),
        *(Item(f"{SWEEP}/{path}", text.encode()) for path, text in narrowed.files.items()),
        *(Item(f"{SWEEP}/{new}", sweep / old) for old, new in sorted(narrowed.moved.items())),
        *_products(archived, sweep),
        *_records(archived, narrowed.moved, sweep),
    ]


def _sources(repository: Path) -> Iterator[Item]:
    """The workflow's own files, without what Python leaves beside them."""
    for name in SOURCES:
        top = repository / name
        found = [path for path in sorted(top.rglob("*")) if path.is_file()] if top.is_dir() else [top]
        for path in found:
            if path.is_file() and "__pycache__" not in path.parts:
                yield Item(f"{WORKFLOW}/{path.relative_to(repository).as_posix()}", path)


def _products(archived: ArchivedRun, sweep: Path) -> Iterator[Item]:
    """Products, reduced ones with their record, and the logs of their jobs.

    Those that may be deleted at any time are left out.
    """
    use = FileUse(archived.jobs)
    for job in archived.jobs:
        for path in kept_outputs(job, use, sweep):
            yield Item(f"{SWEEP}/{path}", sweep / path)
            if (record := reduction_record(sweep / path)).is_file():
                yield Item(f"{SWEEP}/{record.relative_to(sweep).as_posix()}", record)
        for path in _logs(job, sweep):
            yield Item(f"{SWEEP}/{path.relative_to(sweep).as_posix()}", path)


def kept_outputs(job: PlannedJob, use: FileUse, sweep: Path) -> list[str]:
    """Paths of a job's products that are there and worth keeping."""
    return sorted(
        path for path in job.outputs if use.kind(path).mark != "may be deleted now" and (sweep / path).is_file()
    )


def _logs(job: PlannedJob, sweep: Path) -> list[Path]:
    """The log of a job with its journal of attempts, and its benchmark."""
    named = [sweep / path for path in (job.log, job.benchmark) if path]
    journal = [journal_path(sweep / job.log)] if job.log else []
    return [path for path in (*named, *journal) if path.is_file()]


# ── Snakemake's records, by which it knows what was made with which settings ─────────────────────


def _records(archived: ArchivedRun, moved: Mapping[str, str], sweep: Path) -> Iterator[Item]:
    for path in sorted(path for job in archived.jobs for path in job.outputs):
        record = sweep / record_path(path)
        if record.is_file():
            content = renamed_record(read_json(record), moved)
            yield Item(f"{SWEEP}/{record_path(path)}", json.dumps(content).encode())


def record_path(product: str) -> str:
    """Where Snakemake keeps its record of a product, relative to the sweep."""
    name = base64.urlsafe_b64encode(product.encode()).decode()
    parts = [name[start : start + NAME_LENGTH] for start in range(0, len(name), NAME_LENGTH)]
    return os.path.join(".snakemake/metadata", *(f"@{part}" for part in parts[:-1]), parts[-1])


def renamed_record(record: Mapping, moved: Mapping[str, str]) -> dict:
    """A record of Snakemake's in which files from outside the sweep have the paths of the archive."""
    if not moved:
        return dict(record)
    quoted = {repr(old): repr(new) for old, new in moved.items()}
    pattern = re.compile("|".join(map(re.escape, quoted)))
    checksums = record["input_checksums"] or {}
    return dict(record) | {
        "input": sorted(moved.get(path, path) for path in record["input"]),
        "params": sorted(pattern.sub(lambda found: quoted[found[0]], text) for text in record["params"]),
        "input_checksums": {moved.get(path, path): checksum for path, checksum in checksums.items()},
    }
