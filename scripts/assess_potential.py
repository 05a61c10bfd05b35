"""Assess a committee and that of the generation before on held-out frames."""

from saltflow.base.provenance import identity, read_json, title, write_json
from saltflow.labels.frames import read_frames
from saltflow.learning.assessment.assessment import assess, passed_on
from saltflow.learning.assessment.figure import plot_assessment
from saltflow.learning.assessment.predictions import predict, predict_before
from saltflow.learning.diffusion_agreement import compare_files
from saltflow.learning.forgetting_check import compare_with_foundation
from saltflow.learning.reference_md import compare_structure_of_files
from saltflow.learning.zero_shot import zero_shot_errors
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_checked_committee

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))
frames = read_frames(job.input.test)
committee = load_checked_committee(job.input.models, job.input.checks, device="cpu", dtype="float64")
now, (before, new_labels) = predict(frames, committee), predict_before(frames, job.input)
assessment = assess(
    now,
    before,
    generation=int(where.generation),
    convergence=params.convergence,
    explored=read_json(job.input.explored)["compositions"],
    new_labels=new_labels,
    diffusion=compare_files(job.input, packed=params.packed, limits=params.convergence.get("diffusion")),
    zero_shot=zero_shot_errors(frames, job.input, compositions=params.zero_shot),
    structure=compare_structure_of_files(job.input),
    forgetting=compare_with_foundation(committee, job.input, foundation=params.foundation, check=params.forgetting),
)
assessment = passed_on(assessment, job.input.get("previous_assessment"))
plot_assessment(now, assessment, job.output.figure)
write_json(job.output.assessment, identity(where) | assessment)
