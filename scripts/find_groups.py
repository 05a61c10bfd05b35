"""Find the groups of atoms that can be frozen at one point."""

import logging

from saltflow.base.provenance import provenance, read_json, write_json
from saltflow.materials.compositions import Composition
from saltflow.materials.groups.group_report import describe_groups
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=f"{where.composition}, {where.temperature} K")

found = describe_groups(
    job.input.trajectories,
    statuses=[replica["status"] for replica in read_json(job.input.record)["replicas"]],
    composition=Composition.from_identity(params.composition),
    wanted=params.constraints["groups"],
    max_exchanged_fraction=params.constraints["max_exchanged_fraction"],
)
for sentence in found["sentences"]:
    logging.getLogger(__name__).info("%s", sentence)
inputs = {f"replica{number}": path for number, path in enumerate(job.input.trajectories, start=1)}
write_json(job.output.groups, found | {"provenance": provenance(settings=params.constraints, inputs=inputs)})
