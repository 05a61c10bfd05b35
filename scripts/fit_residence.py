"""Fit the activation energies of residence of one composition."""

from saltflow.analysis.residence.activation import fit_residence
from saltflow.analysis.residence.figures import plot_residence_activation
from saltflow.base.provenance import provenance, read_json, write_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=job.wildcards.composition)

fitted = read_json(job.input.arrhenius)
result = fit_residence(
    [read_json(path) for path in job.input.residence],
    diffusion=fitted["fits"]["D_cm2_s"],
    seed=job.params.seed,
    transition=fitted["glass_transition"],
    **job.params.arrhenius,
)
plot_residence_activation(result, job.output.figure, title=job.wildcards.composition)
inputs = {path: path for path in [*job.input.residence, job.input.arrhenius]}
result["provenance"] = provenance(settings=job.params.arrhenius, inputs=inputs)
write_json(job.output.residence, {"composition": job.wildcards.composition, **result})
