"""What the sweep takes on a disk: real sizes of what is there, and sizes from the settings of what is not."""

import os
from pathlib import Path

from saltflow.campaign.campaign import Campaign
from saltflow.operations.plan.dag import Dag, PlannedJob
from saltflow.operations.rules import RULE
from saltflow.operations.storage_model import SMALL_BYTES, USUAL_BYTES

# Log, benchmark, journal of attempts; and Snakemake's record of every product.
NOTES_PER_JOB = 3
NOTE_BYTES = 3_000
# Wildcards on which the size of no product depends.
SAME_SIZE = ("replica", "member", "mode")


class Storage:
    """Bytes of every job's products, by what the campaign asks for.

    Args:
        campaign: the checked campaign.
        dag: its jobs; products of due ones are estimated, those of the others are looked at.
    """

    def __init__(self, campaign: Campaign, dag: Dag):
        self.campaign, self.dag = campaign, dag
        self._known: dict[tuple, float] = {}

    def bytes_of(self, job: PlannedJob) -> float:
        """Bytes that the products of a job, its notes included, will take."""
        notes = (NOTES_PER_JOB + len(job.outputs)) * NOTE_BYTES
        return notes + sum(self._product_bytes(job, path) for path in job.outputs)

    @property
    def files(self) -> int:
        """Files of the whole sweep when everything is done."""
        return sum(2 * len(job.outputs) + NOTES_PER_JOB for job in self.dag.jobs)

    def scratch_bytes(self, job: PlannedJob) -> float:
        """Bytes that a job has on the disk only while it runs."""
        return RULE[job.rule].scratch(self.campaign, job.wildcards, self.dag.directory)

    def _product_bytes(self, job: PlannedJob, path: str) -> float:
        if not job.due:
            try:
                return os.stat(self.dag.directory / path).st_size
            except OSError:
                return 0
        suffix = Path(path).suffix
        key = (job.rule, suffix, *(value for name, value in job.wildcards.items() if name not in SAME_SIZE))
        if key not in self._known:
            size = RULE[job.rule].sizes.get(suffix)
            usual = USUAL_BYTES.get(suffix, SMALL_BYTES)
            self._known[key] = size(self.campaign, job.wildcards, self.dag.directory) if size else usual
        return self._known[key]
