"""Draw the pathways of one composition as a picture to turn."""

from saltflow.analysis.pathways.picture import write_picture
from saltflow.analysis.pathways.volumes import read_volume
from saltflow.base.provenance import identity, read_json, title
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

result = read_json(job.input.pathways)
write_picture(result, read_volume(job.input.volume), job.output.picture, title=title(result))
