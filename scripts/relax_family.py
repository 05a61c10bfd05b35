"""Relax a share of the crystals of a family."""

from pathlib import Path

from saltflow.base.provenance import provenance, read_json, write_json
from saltflow.operations.job_log import start_job
from saltflow.studies.given_potential import potential_of
from saltflow.studies.screening.built_family import of_record
from saltflow.studies.survivors.family_jobs import relaxed_part

job = snakemake  # noqa: F821
params, part = job.params, Path(job.output.part)
start_job(job, subject=f"family, share {job.wildcards.part}")

potential, weights = potential_of(params.potential, model=job.input.model, release=job.input.release, config=job.config)
settings = dict(params.relaxing) | {"protocol": params.protocol, "potential": params.potential["name"]}
found = relaxed_part(
    of_record(read_json(job.input.family)),
    potential,
    part=int(job.wildcards.part),
    parts=params.parts,
    settings=settings | {"potential_sha256": weights},
    folder=part.parent / "kept",
)
recorded = provenance(settings=settings, inputs={"family": job.input.family}, potential_sha256=weights)
write_json(part, found | {"evaluated_by": potential.evaluated_by, "provenance": recorded})
