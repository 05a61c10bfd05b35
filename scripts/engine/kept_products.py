"""Snakemake's jobs, made to leave earlier products where they are until new ones replace them.

Left alone (snakemake 9.27), Snakemake deletes the products of a job before it runs it again, and once more when it
fails: whatever went wrong, the earlier products were gone. Every script of saltflow writes a product as a whole or not
at all, so nothing needs to be deleted. A job that fails stays marked as begun, so that it is due whatever is done next.
"""

import os
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.jobs import Job

_postprocess = Job.postprocess


def keep_products() -> None:
    """Make every job of this process keep what it made before."""
    Job.remove_existing_output = _remember_existing_output
    Job.postprocess = _postprocess_without_loss


async def _remember_existing_output(job: Job) -> None:
    """In place of the deletion: note which products are there, and delete the log alone."""
    job.products_before = {path: found for path in job.output if (found := _version(path))}
    for path in job.log:
        await path.remove(remove_non_empty_dir=False)


async def _postprocess_without_loss(job: Job, *args: Any, error: bool = False, **settings: Any) -> None:
    """As Snakemake's own where a job has succeeded; nothing where it has failed.

    Raises:
        WorkflowError: the job ended well without having written one of its products.
    """
    if error:
        return
    for path, before in getattr(job, "products_before", {}).items():
        if _version(path) == before:
            raise WorkflowError(f"{job.rule.name} ended without writing {path}; its earlier version is still there.")
    await _postprocess(job, *args, **settings)


def _version(path: str) -> tuple[int, int] | None:
    """What changes when a file is written again or is made new as it is; None of a file that is gone."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
