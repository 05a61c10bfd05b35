"""Snakemake's records of what was made from what, written for jobs that it has not seen end.

On success a job of SLURM clears Snakemake's mark "incomplete", but only Snakemake's main process notes parameters
and inputs. Without that note Snakemake takes a product for good whatever is changed later; with a mark left behind it
makes a finished product again. The notes written here say what the job itself knew, so that Snakemake decides as
always.
"""

import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path

from snakemake.persistence import RECORD_FORMAT_VERSION, MetadataRecord
from snakemake.persistence.file import FilePersistence

from saltflow.operations.finished_jobs import FinishedJob

# As max-checksum-file-size in profiles/default.
MAX_CHECKSUM_BYTES = 10_000_000


def record_finished(folder: Path, jobs: Iterable[FinishedJob]) -> list[FinishedJob]:
    """Make Snakemake's records say what these jobs have made; those that were not on record.

    Args:
        folder: the working directory, which no run uses at the moment.
        jobs: whose last attempt ended well. One with a product gone or cut short is left alone.
    """
    persistence = FilePersistence(path=folder.resolve() / ".snakemake")
    unseen = [job for job in jobs if job.outputs and job.is_whole(folder) and not _is_recorded(persistence, job)]
    for job in unseen:
        for path in job.outputs:
            persistence._write_record(path, _record(folder, job, path))
            persistence._unmark_incomplete(path)
    return unseen


def unlock(folder: Path) -> None:
    """Remove the lock of a run that is gone."""
    FilePersistence(path=folder.resolve() / ".snakemake").cleanup_locks()


def _is_recorded(persistence: FilePersistence, job: FinishedJob) -> bool:
    records = [persistence._read_record(path) for path in job.outputs]
    same = all(record and record.params == list(job.params) and record.input == list(job.inputs) for record in records)
    return same and not persistence._filter_incomplete_keys(job.outputs)


def _record(folder: Path, job: FinishedJob, path: str) -> MetadataRecord:
    ended = (folder / path).stat().st_mtime
    return MetadataRecord(
        record_format_version=RECORD_FORMAT_VERSION,
        rule=job.rule,
        log=[job.log],
        input=list(job.inputs),
        params=list(job.params),
        starttime=job.began.timestamp(),
        endtime=ended,
        incomplete=False,
        job_hash=zlib.crc32(job.log.encode()),  # one of its own: the report counts jobs by it
        input_checksums={name: digest for name in job.inputs if (digest := _checksum(folder / name, ended))},
    )


def _checksum(path: Path, ended: float) -> str | None:
    """As Snakemake writes it; none of a large input, nor of one that was changed after the job had ended."""
    if not path.is_file() or path.stat().st_size > MAX_CHECKSUM_BYTES or path.stat().st_mtime > ended:
        return None
    with path.open("rb") as handle:
        return f"sha256:{hashlib.file_digest(handle, 'sha256').hexdigest()}"
