"""Release the driving model of a potential and pin its hash."""

import shutil

from saltflow.base.provenance import atomic_write, identity, provenance, read_json, sha256_of_file, title, write_json
from saltflow.learning.convergence import ended_because
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

assessments = [read_json(path) for path in job.input.assessments]
assessment = assessments[-1]
with atomic_write(job.output.model) as temporary:
    shutil.copyfile(job.input.model, temporary)
release = identity(job.wildcards) | {
    "generation": assessment["generation"],
    "converged": assessment["converged"],
    "ended_because": ended_because(assessments),
    "criteria": assessment["criteria"],
    "heldout": assessment["heldout"],
    "sha256": sha256_of_file(job.output.model),
    "reference": dict(job.params.reference),
    "dispersion": job.params.reference["dispersion"],
    "provenance": provenance(settings=job.params.reference, inputs={"check": job.input.check}),
}
write_json(job.output.release, release)
