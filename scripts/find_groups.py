"""Find the groups of atoms that can be frozen at one state point."""

import logging

from saltflow.base.provenance import identity, numbered, provenance, read_json, title, write_json
from saltflow.materials.compositions import Composition
from saltflow.materials.groups.group_report import describe_groups
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))

record = read_json(job.input.record)
found = describe_groups(
    job.input.trajectories,
    statuses=[replica["status"] for replica in record["replicas"]],
    composition=Composition.from_identity(params.composition),
    wanted=params.constraints["groups"],
    max_exchanged_fraction=params.constraints["max_exchanged_fraction"],
)
for sentence in found["sentences"]:
    logging.getLogger("saltflow").info("%s", sentence)
product = identity(where, potential=record["potential"])
made_from = provenance(settings=params.constraints, inputs=numbered("replica", job.input.trajectories))
write_json(job.output.groups, product | found | {"provenance": made_from})
