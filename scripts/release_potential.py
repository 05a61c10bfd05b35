"""Release the driving model of a potential and pin its hash."""

from saltflow.base.provenance import copy_file, identity, provenance, read_json, sha256_of_file, title, write_json
from saltflow.learning.release import outcome_of_training, zero_shot_outcome
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

reference, model = dict(job.params.reference), job.output.model
assessments = [read_json(path) for path in job.input.assessments]
if job.input.get("model"):
    copy_file(job.input.model, model)
else:
    write_json(model, reference)
if assessments:
    outcome, inputs = outcome_of_training(assessments, read_json(job.input.check)), {"check": job.input.check}
else:
    outcome, inputs = zero_shot_outcome(model, reference), {"foundation": model}
release = {
    **identity(job.wildcards),
    **outcome,
    "sha256": sha256_of_file(model),
    "reference": reference,
    "dispersion": reference["dispersion"],
    "provenance": provenance(settings=reference, inputs=inputs),
}
write_json(job.output.release, release)
