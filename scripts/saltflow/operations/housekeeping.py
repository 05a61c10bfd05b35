"""What of a sweep may be deleted, what must stay, and what is lost with it.

Every file that the workflow wrote gets one of four marks, decided from the plan: which job made it, which jobs
read it, and whether these are due. A missing intermediate whose readers are up to date is not made again.
`saltflow.operations.quota` says it to a reader.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from saltflow.base.errors import SaltflowError
from saltflow.base.long_job import is_record
from saltflow.operations.rules import RULE
from saltflow.operations.run_lock import jobs_of_last_run, read_run_lock, refusal
from saltflow.operations.running_jobs import name_them

Mark = Literal["may be deleted now", "only when archived", "still needed", "never delete"]
MARKS: tuple[Mark, ...] = ("may be deleted now", "only when archived", "still needed", "never delete")
FOLDERS = ("results", "labels", "logs", ".snakemake", "archives")


class FileMaker(Protocol):
    """What housekeeping needs of a job of the plan; paths are relative to the sweep."""

    rule: str
    wildcards: Mapping[str, str]
    due: bool
    inputs: Sequence[str]
    outputs: Sequence[str]


@dataclass(frozen=True)
class FileKind:
    """A kind of files: its mark, what it is called in the table, and what is lost with it."""

    mark: Mark
    title: str
    loss: str


FINISHED_WORK = FileKind("may be deleted now", "work folders of finished jobs", "nothing")
HALF_WRITTEN = FileKind("may be deleted now", "half-written files of killed jobs", "nothing")
INPUTS_OF_DUE = FileKind("still needed", "inputs of jobs that are due", "the time to make them again")
MADE_AGAIN = FileKind("still needed", "products of jobs that are due", "what was there before they run")
CHECKPOINTS = FileKind("still needed", "checkpoints of jobs that are due", "the time that these jobs have run")
LEARNED = FileKind("never delete", "labels, datasets, potentials", "the costliest part of the sweep")
RESULTS = FileKind("never delete", "cells, replicas, results, tables", "the sweep")
ACCOUNT = FileKind("never delete", "logs, attempts, benchmarks", "the account")
RECORDS = FileKind("never delete", "Snakemake's records", "why nothing is due: everything would run again")
MADE_FROM = FileKind("never delete", "records of what long jobs were made from", "a repeated job would compute anew")
ARCHIVES = FileKind("never delete", "archives", "the archive; move it to another disk")
FOREIGN = FileKind("never delete", "files that this plan does not know", "not known: of other settings, or yours")
LINKS = FileKind("never delete", "links", "not known: what they point to is elsewhere")


@dataclass(frozen=True)
class Entry:
    """A file of the sweep. path: relative to it. archive: which of its archives holds the file, if one does."""

    path: str
    size_bytes: int
    modified_ns: int
    kind: FileKind
    archive: str = ""


class FileUse:
    """Which jobs make and read the files of a sweep.

    Args:
        jobs: every job of the plan, done or due.
    """

    def __init__(self, jobs: Iterable[FileMaker]):
        jobs = list(jobs)
        self.made_by = {path: job for job in jobs for path in job.outputs}
        self.needed = {path for job in jobs if job.due for path in job.inputs}
        self.busy_folders = {str(PurePosixPath(path).parent) for job in jobs if job.due for path in job.outputs}
        self.last_generation: dict[str, int] = {}
        for job in jobs:
            if "generation" in job.wildcards:
                potential, generation = job.wildcards["potential"], int(job.wildcards["generation"])
                self.last_generation[potential] = max(generation, self.last_generation.get(potential, 0))

    def kind(self, path: str) -> FileKind:
        """What a file under results is."""
        if path not in self.made_by:
            return self._kind_of_remains(path)
        if path in self.needed:
            return INPUTS_OF_DUE
        return MADE_AGAIN if self.made_by[path].due else self._kind_of_product(path)

    def _kind_of_remains(self, path: str) -> FileKind:
        """What a file is that is no product: of a work folder, half-written, or not ours."""
        owner = self.made_by.get(work_owner(path) or "")
        if owner:
            return CHECKPOINTS if owner.due else FINISHED_WORK
        if is_record(path):
            return MADE_FROM
        if PurePosixPath(path).name.startswith(".writing-") and not work_owner(path):
            busy = str(PurePosixPath(path).parent) in self.busy_folders
            return CHECKPOINTS if busy else HALF_WRITTEN
        return FOREIGN

    def _kind_of_product(self, path: str) -> FileKind:
        job = self.made_by[path]
        for product in RULE[job.rule].deletable:
            matches = fnmatch(PurePosixPath(path).name, product.pattern)
            if matches and (not product.superseded or self._is_superseded(job)):
                return FileKind(product.when, product.title, product.loss)
        return LEARNED if RULE[job.rule].stage in ("labels", "potential") else RESULTS

    def _is_superseded(self, job: FileMaker) -> bool:
        """Whether a job belongs to a generation before the last of its potential."""
        return int(job.wildcards["generation"]) < self.last_generation[job.wildcards["potential"]]


def work_owner(path: str) -> str | None:
    """The product whose job works in the folder that holds a file: `.NAME.work`."""
    for part in PurePosixPath(path).parents:
        if part.name.startswith(".") and part.name.endswith(".work"):
            return str(part.parent / part.name[1:-5])
    return None


def mark_files(sweep: Path, jobs: Iterable[FileMaker], *, archived: Mapping[str, str]) -> list[Entry]:
    """Every file that the workflow wrote into a sweep, with its kind, in the order of the paths.

    Args:
        sweep: the working directory of the sweep.
        jobs: every job of its plan.
        archived: path → name of the archive that holds it.

    Raises:
        SaltflowError: a folder of the sweep is a link.
    """
    use = FileUse(jobs)
    entries = []
    for path in sorted(path for folder in FOLDERS for path in _files(sweep, folder)):
        with suppress(FileNotFoundError):  # a run that goes on renames and removes files
            entries.append(_entry(sweep, path, use, archived))
    return entries


def _files(sweep: Path, folder: str) -> Iterator[str]:
    """Relative paths of everything in a folder that is no folder; links are not followed."""
    if (sweep / folder).is_symlink():
        raise SaltflowError(
            f"{sweep / folder} is a link, and nothing outside the sweep is touched; keep the whole sweep on the "
            "other disk and name its folder there with --directory."
        )
    for parent, folders, names in os.walk(sweep / folder):
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *linked):
            yield Path(parent, name).relative_to(sweep).as_posix()


def _entry(sweep: Path, path: str, use: FileUse, archived: Mapping[str, str]) -> Entry:
    status = (sweep / path).lstat()
    kind = LINKS if (sweep / path).is_symlink() else _kind(path, use)
    return Entry(path, status.st_size, status.st_mtime_ns, kind, archived.get(path, ""))


def _kind(path: str, use: FileUse) -> FileKind:
    top = path.split("/")[0]
    if top == "results":
        return use.kind(path)
    return {"labels": LEARNED, "logs": ACCOUNT, ".snakemake": RECORDS, "archives": ARCHIVES}[top]


def check_idle(sweep: Path) -> None:
    """Make sure that nothing works in a sweep, and that no run was killed there whose jobs may still write.

    Raises:
        SaltflowError: a run lives or has not ended, its jobs live, SLURM does not answer, or Snakemake's lock is there.
    """
    seen = read_run_lock(sweep)
    if seen and seen.state == "running":
        raise SaltflowError(f"Nothing was deleted or reduced. {refusal(sweep, seen)}")
    if jobs := jobs_of_last_run(sweep, seen):
        raise SaltflowError(
            f"Nothing was deleted or reduced: {name_them(jobs)} still work in {sweep}; wait for their end."
        )
    if any((sweep / ".snakemake/locks").glob("*")):
        raise SaltflowError(
            f"Nothing was deleted or reduced: {sweep} is locked; if no Snakemake runs there, type `saltflow resume`."
        )


def delete(sweep: Path, entries: Iterable[Entry]) -> list[str]:
    """Delete the files that may be deleted now, each only if it is still the file that was marked.

    Args:
        sweep: the working directory of the sweep, in which nothing may be running.
        entries: its files, freshly marked.

    Returns:
        the paths that were deleted.
    """
    root = sweep.resolve()
    deleted = []
    for entry in entries:
        if entry.kind.mark == "may be deleted now" and is_unchanged(root, entry):
            (root / entry.path).unlink()
            _remove_empty_work_folders(root, entry.path)
            deleted.append(entry.path)
    return deleted


def is_unchanged(root: Path, entry: Entry) -> bool:
    """Whether a path is still the file that was marked, and no link on the way leads elsewhere."""
    path = root / entry.path
    if path.is_symlink() or not path.is_file() or path.parent.resolve() != path.parent:
        return False
    status = path.lstat()
    return (status.st_size, status.st_mtime_ns) == (entry.size_bytes, entry.modified_ns)


def _remove_empty_work_folders(root: Path, path: str) -> None:
    in_work = [folder for folder in PurePosixPath(path).parents if work_owner(str(folder / "any"))]
    for folder in in_work:
        if any((root / folder).iterdir()):
            return
        (root / folder).rmdir()
