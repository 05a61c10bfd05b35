"""Rank the electrolytes of the sweep."""

from saltflow.analysis.conductivity_table import write_table
from saltflow.analysis.ranking.figure import plot_ranking
from saltflow.analysis.ranking.ranking import format_ranking, rank, read_finished
from saltflow.base.provenance import write_text
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject="ranking")

finished = read_finished(
    job.input.arrhenius,
    domain=job.input.get("domain", []),
    transport=job.input.transport,
    structure=job.input.structure,
    releases=job.input.releases,
    dispersion=job.params.dispersion,
)
ranking = rank(finished, job.params.others, literature=job.params.literature)
write_table(ranking, job.output.table)
write_text(job.output.text, format_ranking(ranking))
plot_ranking(ranking, job.output.figure)
