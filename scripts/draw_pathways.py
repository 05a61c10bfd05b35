"""Draw the pathways of one composition as a picture to turn."""

from saltflow.analysis.pathways.picture import write_picture
from saltflow.analysis.pathways.volumes import read_volume
from saltflow.base.provenance import read_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
where, result = job.wildcards, read_json(job.input.pathways)
start_job(job, subject=where.composition)

title = f"{where.composition} at {result['temperature_K']:g} K"
write_picture(result, read_volume(job.input.volume), job.output.picture, title=title)
