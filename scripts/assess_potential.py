"""Assess a committee on held-out frames, beside the committee before."""

from saltflow.assessment import assess, predict
from saltflow.assessment_figure import plot_assessment
from saltflow.dataset import read_frames
from saltflow.joblog import start_job
from saltflow.potentials import load_checked_committee
from saltflow.provenance import read_json, write_json

job = snakemake  # noqa: F821
where = job.wildcards
start_job(job, subject=f"potential {where.potential}, generation {where.generation}")


def predictions(models, checks):
    committee = load_checked_committee(models, checks, device="cpu", dtype="float64")
    return predict(frames, committee)


frames = read_frames(job.input.test)
now = predictions(job.input.models, job.input.checks)
before = None
if job.input.get("previous_models"):
    before = predictions(job.input.previous_models, job.input.previous_checks)
assessment = assess(now, before, generation=int(where.generation), convergence=job.params.convergence)
if before and read_json(job.input.previous_assessment)["converged"]:
    assessment["generation"] = read_json(job.input.previous_assessment)["generation"]
plot_assessment(now, assessment, job.output.figure)
write_json(job.output.assessment, assessment)
