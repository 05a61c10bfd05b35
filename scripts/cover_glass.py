"""Compare the environments of a composition with those that labels taught its potential."""

from saltflow.coverage.analysis import cover_glass
from saltflow.coverage.figure import plot_coverage
from saltflow.coverage.states import simulated
from saltflow.coverage.taught import read_taught
from saltflow.joblog import start_job
from saltflow.potentials import load_checked_committee
from saltflow.provenance import provenance, read_json, write_json

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
