"""Rank the electrolytes of the sweep."""

from saltflow.joblog import start_job
from saltflow.plotting import plot_ranking
from saltflow.provenance import read_json
from saltflow.summary import rank, write_table

job = snakemake  # noqa: F821
start_job(job, subject="ranking")

ranking = rank([read_json(path) for path in job.input.arrhenius], literature=job.params.literature)
write_table(ranking, job.output.table)
plot_ranking(ranking, job.output.figure)
