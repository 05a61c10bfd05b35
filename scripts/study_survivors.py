"""Pass a share of the crystals near the hull through the stages that follow it."""

from pathlib import Path

from saltflow.base.provenance import provenance, read_json, write_json
from saltflow.operations.job_log import start_job
from saltflow.studies.given_potential import potential_of
from saltflow.studies.survivors.family_jobs import studied_part

job = snakemake  # noqa: F821
params, part = job.params, Path(job.output.part)
start_job(job, subject=f"family, share {job.wildcards.part}")

potential, weights = potential_of(params.potential, model=job.input.model, release=job.input.release, config=job.config)
settings = dict(params.screening) | {"protocol": params.protocol, "potential": params.potential["name"]}
found = studied_part(
    read_json(job.input.judged),
    potential,
    part=int(job.wildcards.part),
    parts=params.parts,
    mobile=params.mobile,
    settings=settings | {"potential_sha256": weights},
    folder=part.parent,
)
recorded = provenance(settings=settings, inputs={"judged": job.input.judged}, potential_sha256=weights)
write_json(part, {"crystals": found, "provenance": recorded})
