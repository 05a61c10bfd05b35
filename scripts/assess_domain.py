"""Compare the simulated environments of a composition with those that its potential was trained on."""

from saltflow.base.provenance import identity, provenance, read_json, title, write_json
from saltflow.learning.domain.domain_assessment import assess_domain
from saltflow.learning.domain.figure import plot_domain
from saltflow.learning.domain.states import simulated_states
from saltflow.learning.domain.training_environments import read_training_environments
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_checked_committee

job = snakemake  # noqa: F821
files, params = job.input, job.params
start_job(job, subject=title(identity(job.wildcards)))

assessment = read_json(files.assessment)
result, distances = assess_domain(
    job.wildcards.composition,
    simulated_states(files, frames_per_replica=params.domain["frames_per_replica"]),
    read_training_environments(files.environments),
    load_checked_committee(files.models, files.checks, device="cpu", dtype="float64"),
    assessment["calibration"],
    in_domain_percentile=params.domain["in_domain_percentile"],
    max_out_of_domain_fraction=params.domain["max_out_of_domain_fraction"],
)
inputs = {"environments": files.environments, "assessment": files.assessment}
result["provenance"] = provenance(settings=params.domain, inputs=inputs)
plot_domain(result, distances, job.output.figure)
write_json(job.output.domain, identity(job.wildcards, potential=assessment["potential"]) | result)
