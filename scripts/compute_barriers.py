"""Compute the migration barriers of one crystal."""

from pathlib import Path

from saltflow.base.provenance import identity, provenance, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.studies.barriers.crystal_study import study_file
from saltflow.studies.given_potential import potential_of

job = snakemake  # noqa: F821
params, record = job.params, Path(job.output.record)
start_job(job, subject=title(identity(job.wildcards)))

potential, weights = potential_of(params.potential, model=job.input.model, release=job.input.release, config=job.config)
settings = dict(params.barriers) | {"protocol": params.protocol}
found = study_file(
    job.input.structure,
    potential,
    mobile=params.crystal["mobile_ion"],
    settings=settings | {"potential_sha256": weights},
    folder=record.parent,
)
settings |= params.crystal
recorded = provenance(settings=settings, inputs={"structure": job.input.structure}, potential_sha256=weights)
write_json(record, identity(job.wildcards) | params.crystal | found | {"provenance": recorded})
