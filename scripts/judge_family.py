"""Judge the relaxed crystals of a family by the hull and by their anions."""

from pathlib import Path

from saltflow.base.provenance import provenance, read_json, write_json
from saltflow.operations.job_log import start_job
from saltflow.studies.screening.built_family import of_record
from saltflow.studies.survivors.family_jobs import cells_of, judged

job = snakemake  # noqa: F821
start_job(job, subject="family")

parts = list(map(read_json, job.input.parts))
settings = dict(job.params.screening) | {"potential": job.params.potential["name"]}
screening, funnel = judged(of_record(read_json(job.input.family)), parts, settings=settings)
screening.plot_hulls(Path(job.output.judged).parent / "hulls")
found = screening.record(funnel) | {"cells": cells_of(screening, funnel.left)}
recorded = provenance(settings=settings, inputs={"family": job.input.family})
write_json(job.output.judged, found | {"evaluated_by": parts[0]["evaluated_by"], "provenance": recorded})
