"""Rank a screened family, and write its part of the results page."""

from pathlib import Path

from saltflow.base.provenance import read_json, write_json
from saltflow.operations.job_log import start_job
from saltflow.studies.screening.family_screening import write_results
from saltflow.studies.survivors.family_jobs import ranked, survivors_of
from saltflow.studies.survivors.family_part import family_part

job = snakemake  # noqa: F821
start_job(job, subject="family")

record, folder = read_json(job.input.judged), Path(job.output.table).parent
settings = dict(job.params.screening) | {"potential": job.params.potential["name"]}
parts = [read_json(path)["crystals"] for path in job.input.get("parts", [])]
funnel = ranked(record, parts, settings=settings)
write_results(funnel, survivors_of(record), folder, settings=settings)
write_json(job.output.page, family_part(funnel, record, folder))
