"""Relate the diffusion of one composition to the motions of its polyanions."""

from saltflow.analysis.coupling.coupling_relation import relate_coupling
from saltflow.analysis.coupling.figures import plot_coupling
from saltflow.analysis.coupling.reading import read_state_points
from saltflow.base.provenance import identity, provenance, read_json, title, write_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
files, params = job.input, job.params
product = identity(job.wildcards, potential=params.potential, method=read_json(files.free[0]).get("method"))
start_job(job, subject=title(product))

state_points = read_state_points(
    trajectories=files.trajectories, groups=files.groups, free=files.free, frozen=files.frozen
)
result = relate_coupling(
    state_points,
    modes=params.modes,
    mobile_ion=params.composition["mobile_ion"],
    arrhenius=params.arrhenius,
    seed=params.seed,
    **params.coupling,
)
record = provenance(settings=params.coupling, inputs={path: path for path in job.input}, composition=params.composition)
plot_coupling(result, job.output.figure, title=title(product))
write_json(job.output.coupling, product | result | {"provenance": record})
