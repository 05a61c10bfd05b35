"""Tabulate the order of every state point of the sweep."""

from saltflow.analysis.conductivity_table import write_table
from saltflow.analysis.structure.table import tabulate_structure
from saltflow.base.provenance import read_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject="structure table")

points = [read_json(path) for path in job.input.structures]
write_table(tabulate_structure(points), job.output.table)
