"""Rank the crystals of the study of migration barriers."""

from pathlib import Path

from saltflow.base.provenance import read_json, write_json, write_text
from saltflow.operations.job_log import start_job
from saltflow.studies.barriers.barrier_ranking import ranking_rows, ranking_text
from saltflow.studies.barriers.ranking_figure import plot_ranking
from saltflow.studies.barriers.results_part import results_part

job = snakemake  # noqa: F821
start_job(job, subject="migration barriers")

records = [read_json(path) for path in job.input.records]
md = {found["structure"]: found for found in map(read_json, job.input.get("md", []))}
rows = ranking_rows(records, job.params.crystals, md)
write_text(job.output.table, ranking_text(rows))
plot_ranking(rows, job.output.figure)
folders = {record["structure"]: Path(path).parent for record, path in zip(records, job.input.records, strict=True)}
write_json(job.output.page, results_part(rows, records, folders, md=md, most=job.params.shown))
