"""Analyse the transport of one composition at one temperature with some motion frozen."""

from saltflow.joblog import start_job
from saltflow.provenance import provenance, read_json, write_json
from saltflow.trajectory import open_sound
from saltflow.transport.analysis import analyse_transport, no_transport

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=f"{where.composition}, {where.mode} frozen, {where.temperature} K")

statuses = [glass["status"] for glass in read_json(job.input.record)["glasses"]]
trajectories = open_sound(job.input.trajectories, statuses=statuses)
if trajectories:
    result = analyse_transport(
        trajectories,
        charges=params.composition["oxidation_states"],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        **params.transport,
    )
else:
    result = no_transport(statuses, temperature_K=float(where.temperature))
inputs = {f"glass{number}": path for number, path in enumerate(job.input.trajectories, start=1)}
result |= {"mode": where.mode, "glass_statuses": statuses}
result["provenance"] = provenance(settings=params.transport, inputs=inputs, composition=params.composition)
write_json(job.output.transport, result)
