"""Build the members of a family and what they compete with."""

from pathlib import Path

from saltflow.base.provenance import provenance, write_json
from saltflow.campaign.family import read_family
from saltflow.operations.job_log import start_job
from saltflow.studies.given_potential import potential_of
from saltflow.studies.screening.built_family import build_family

job = snakemake  # noqa: F821
start_job(job, subject="family")

potential, weights = potential_of(
    job.params.potential, model=job.input.model, release=job.input.release, config=job.config
)
built = build_family(read_family(Path(job.input.files[0])), potential)
inputs = {Path(name).stem: name for name in job.input.files}
recorded = provenance(settings={"code": job.params.code}, inputs=inputs, potential_sha256=weights)
write_json(job.output.family, built.record() | {"provenance": recorded})
