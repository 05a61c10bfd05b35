"""Analyse the transport of one composition at one temperature with some motion frozen."""

from saltflow.analysis.structure.first_minima import first_minima_A
from saltflow.analysis.transport.analysis import analyse_transport, no_transport
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
        **params.transport,
    )
else:
    result = no_transport(point.statuses, temperature_K=float(where.temperature))
result["replica_statuses"] = point.statuses
result["provenance"] = provenance(
    settings=params.transport, inputs=point.inputs | {"structure": job.input.structure}, composition=params.composition
)
write_json(job.output.transport, point.identity | result)
