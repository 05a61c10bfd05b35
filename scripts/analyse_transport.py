"""Analyse the transport of one composition at one temperature."""

from saltflow.analysis.structure.first_minima import first_minima_A
from saltflow.analysis.transport.analysis import analyse_transport, no_transport
from saltflow.analysis.transport.curves import no_curves
from saltflow.analysis.transport.figures import plot_conductivity, plot_correlation, plot_transport
from saltflow.analysis.unphysical import judged
from saltflow.base.provenance import identity, provenance, read_json, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.trajectory.state_point import open_state_point

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))

point = open_state_point(job.input.record, job.input.trajectories)
if point.runs:
    result = analyse_transport(
        point.runs,
        charges=params.composition["oxidation_states"],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        first_minima_A=first_minima_A(read_json(job.input.structure)),
        curves_path=job.output.curves,
        **params.transport,
    )
else:
    no_curves(job.output.curves)
    result = no_transport(point.statuses, temperature_K=float(where.temperature))
result = judged(result, point.unphysical)
result["replica_statuses"] = point.statuses
result["provenance"] = provenance(
    settings=params.transport, inputs=point.inputs | {"structure": job.input.structure}, composition=params.composition
)
heading = title(point.identity)
plot_transport(result, job.output.figure, title=heading)
plot_conductivity(result, job.output.conductivity, title=heading)
plot_correlation(result, job.output.correlation, title=heading)
write_json(job.output.transport, point.identity | result)
