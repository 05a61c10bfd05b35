"""Tabulate every state point of the sweep."""

from saltflow.analysis.conductivity_table import format_conductivity_table, tabulate, write_table
from saltflow.base.provenance import read_json, write_text
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject="conductivity table")

releases = {release["potential"]: release for release in map(read_json, job.input.releases)}
transitions = {fit["composition"]: fit["glass_transition"] for fit in map(read_json, job.input.arrhenius)}
table = tabulate(
    [read_json(path) for path in job.input.transport],
    releases,
    transitions,
    dispersion=job.params.dispersion,
    domain={found["composition"]: found for found in map(read_json, job.input.get("domain", []))},
)
write_table(table, job.output.table)
write_text(job.output.text, format_conductivity_table(table))
