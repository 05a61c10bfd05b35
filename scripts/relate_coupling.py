"""Relate the diffusion of one composition to the motions of its polyanions."""

from saltflow.analysis.coupling.figures import plot_coupling
from saltflow.analysis.coupling.reading import read_state_points
from saltflow.analysis.coupling.relation import relate_coupling
from saltflow.base.provenance import provenance, write_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
params, composition = job.params, job.wildcards.composition
start_job(job, subject=composition)

sources = {name: list(getattr(job.input, name)) for name in ("trajectories", "groups", "free", "frozen")}
result = relate_coupling(
    read_state_points(params.temperatures_K, params.modes, **sources),
    modes=params.modes,
    mobile_ion=params.composition["mobile_ion"],
    arrhenius=params.arrhenius,
    seed=params.seed,
    **params.coupling,
)
record = provenance(settings=params.coupling, inputs={path: path for path in job.input}, composition=params.composition)
plot_coupling(result, job.output.figure, title=composition)
write_json(job.output.coupling, {"composition": composition, **result, "provenance": record})
