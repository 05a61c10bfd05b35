"""Measure diffusion in the exploration of one generation."""

from saltflow.base.provenance import identity, title, write_json
from saltflow.labels.frames import read_frames
from saltflow.learning.exploration_diffusion import measure_diffusion
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

found = measure_diffusion(
    read_frames(job.input.frames),
    job.params.compositions,
    transport=job.params.transport,
    duration_ps=job.params.duration_ps,
)
write_json(job.output.diffusion, identity(job.wildcards) | {"compositions": found})
