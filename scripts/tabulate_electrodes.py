"""Tabulate the electrodes of a sweep."""

from pathlib import Path

from saltflow.base.provenance import read_json, write_json, write_text
from saltflow.operations.job_log import start_job
from saltflow.studies.electrodes.electrode_table import host_rows, plot_hosts, table_text
from saltflow.studies.electrodes.part_of_hosts import part_of_hosts

job = snakemake  # noqa: F821
params = job.params
start_job(job, subject="electrodes")

records = {record["electrode"]: record for record in map(read_json, job.input.records)}
folders = {
    record["electrode"]: Path(path).parent for record, path in zip(records.values(), job.input.records, strict=True)
}
rows = host_rows(records, params.electrodes)
write_text(job.output.table, table_text(rows))
plot_hosts(records, job.output.figure)
write_json(job.output.page, part_of_hosts(rows, records, folders, most=params.hosts_shown))
