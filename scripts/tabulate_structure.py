"""Tabulate the order of every point of the sweep."""

from pathlib import Path

from saltflow.analysis.conductivity_table import write_table
from saltflow.analysis.structure.table import tabulate_structure
from saltflow.base.provenance import read_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject="structure table")

paths = [Path(path) for path in job.input.structures]
points = [(path.parents[2].name, float(path.parent.name.removesuffix("K")), read_json(path)) for path in paths]
write_table(tabulate_structure(points), job.output.table)
