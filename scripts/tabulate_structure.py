"""Tabulate the order of every point of the sweep."""

from pathlib import Path

from saltflow.joblog import start_job
from saltflow.provenance import read_json
from saltflow.structure.table import tabulate_structure
from saltflow.summary import write_table

job = snakemake  # noqa: F821
start_job(job, subject="structure table")

paths = [Path(path) for path in job.input.structures]
points = [(path.parents[2].name, float(path.parent.name.removesuffix("K")), read_json(path)) for path in paths]
write_table(tabulate_structure(points), job.output.table)
