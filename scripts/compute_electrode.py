"""Compute the electrode of one host."""

from pathlib import Path

from saltflow.base.provenance import identity, provenance, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.studies.electrodes.host_file import study_host_file
from saltflow.studies.given_potential import potential_of

job = snakemake  # noqa: F821
params, record = job.params, Path(job.output.record)
start_job(job, subject=title(identity(job.wildcards)))

potential, weights = potential_of(params.potential, model=job.input.model, release=job.input.release, config=job.config)
settings = dict(params.options) | {"potential": params.electrode["potential"], "potential_sha256": weights}
found = study_host_file(
    job.input.structure, potential, ion=params.electrode["mobile_ion"], settings=settings, folder=record.parent
)
recorded = provenance(
    settings=settings | {"protocol": params.protocol},
    inputs={"structure": job.input.structure},
    potential_sha256=weights,
)
write_json(record, identity(job.wildcards) | params.electrode | found | {"provenance": recorded})
