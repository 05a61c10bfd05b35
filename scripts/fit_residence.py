"""Fit the activation energies of residence of one composition."""

from saltflow.analysis.residence.activation import fit_residence
from saltflow.analysis.residence.figures import plot_residence_activation
from saltflow.base.provenance import identity, provenance, read_json, title, write_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
fitted = read_json(job.input.arrhenius)
product = identity(job.wildcards, potential=job.params.potential, method=fitted.get("method"))
start_job(job, subject=title(product))

result = fit_residence(
    [read_json(path) for path in job.input.residence],
    diffusion=fitted["fits"]["D_cm2_s"],
    seed=job.params.seed,
    transition=fitted["glass_transition"],
    **job.params.arrhenius,
)
plot_residence_activation(result, job.output.figure, title=title(product))
inputs = {path: path for path in [*job.input.residence, job.input.arrhenius]}
result["provenance"] = provenance(settings=job.params.arrhenius, inputs=inputs)
write_json(job.output.residence, product | result)
