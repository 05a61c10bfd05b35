"""Measure diffusion in the exploration of one generation."""

from saltflow.dataset import read_frames
from saltflow.explored_diffusion import measure_diffusion
from saltflow.joblog import start_job
from saltflow.provenance import write_json

job = snakemake  # noqa: F821
start_job(job, subject=f"potential {job.wildcards.potential}, generation {job.wildcards.generation}")

found = measure_diffusion(
    read_frames(job.input.frames),
    job.params.compositions,
    transport=job.params.transport,
    duration_ps=job.params.duration_ps,
)
write_json(job.output.diffusion, found)
