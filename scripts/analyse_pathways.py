"""Analyse the pathways of the mobile ion of one composition at one temperature."""

from saltflow.joblog import start_job
from saltflow.pathways import analyse_pathways, no_pathways
from saltflow.pathways.figures import plot_pathways
from saltflow.pathways.volumes import write_volume
from saltflow.provenance import provenance, read_json, write_json
from saltflow.trajectory import open_sound

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=f"{where.composition}, {where.temperature} K")

statuses = [glass["status"] for glass in read_json(job.input.record)["glasses"]]
trajectories, volume = open_sound(job.input.trajectories, statuses=statuses), None
if trajectories:
    result, volume = analyse_pathways(
        trajectories,
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        **params.pathways,
    )
else:
    result = no_pathways(statuses, temperature_K=float(where.temperature))
inputs = {f"glass{number}": path for number, path in enumerate(job.input.trajectories, start=1)}
result["provenance"] = provenance(settings=params.pathways, inputs=inputs)
plot_pathways(result, volume, job.output.figure, title=f"{where.composition} at {where.temperature} K")
write_volume(volume, job.output.volume)
write_json(job.output.pathways, result)
