"""Compare the environments of a composition with those that labels taught its potential."""

from saltflow.base.provenance import provenance, read_json, write_json
from saltflow.learning.domain.analysis import cover_glass
from saltflow.learning.domain.figure import plot_coverage
from saltflow.learning.domain.states import simulated
from saltflow.learning.domain.training_environments import read_taught
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_checked_committee

job = snakemake  # noqa: F821
files, params = job.input, job.params
start_job(job, subject=job.wildcards.composition)

result, distances = cover_glass(
    job.wildcards.composition,
    simulated(files, frames_per_glass=params.coverage["frames_per_glass"]),
    read_taught(files.environments),
    load_checked_committee(files.models, files.checks, device="cpu", dtype="float64"),
    read_json(files.assessment)["calibration"],
    heldout_percentile=params.coverage["heldout_percentile"],
    max_uncovered_share=params.coverage["max_uncovered_share"],
)
inputs = {"environments": files.environments, "assessment": files.assessment}
result["provenance"] = provenance(settings=params.coverage, inputs=inputs)
plot_coverage(result, distances, job.output.figure)
write_json(job.output.coverage, result)
