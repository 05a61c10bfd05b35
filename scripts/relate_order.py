"""Relate order with conductivity over the electrolytes of the sweep."""

from saltflow.analysis.conductivity_table import write_table
from saltflow.analysis.order.electrolytes import Electrolyte, collect, descriptors_of
from saltflow.analysis.order.figures import plot_order
from saltflow.analysis.order.note import design_note
from saltflow.analysis.order.order_relation import relate
from saltflow.base.provenance import provenance, read_json, write_json, write_text
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject="order and conductivity")

parts = zip(job.input.arrhenius, job.input.transport, job.input.structure, job.input.pathways, strict=True)
found = zip(job.params.hosts.items(), ([read_json(path) for path in paths] for paths in parts), strict=True)
table = collect([Electrolyte(name, host, *contents) for (name, host), contents in found])
shuffles = job.params.order["shuffles"]
relations = relate(table, descriptors=descriptors_of(table), shuffles=shuffles, seed=job.params.seed)
write_table(table, job.output.table)
write_text(job.output.note, design_note(relations))
plot_order(relations, table, job.output.figure)
settings = job.params.order | {"seed": job.params.seed}
inputs = dict(zip(job.params.hosts, job.input.arrhenius, strict=True))
write_json(job.output.relations, {"relations": relations, "provenance": provenance(settings=settings, inputs=inputs)})
