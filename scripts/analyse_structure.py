"""Analyse the local structure of one composition at one temperature."""

from saltflow.joblog import start_job
from saltflow.plotting import plot_structure
from saltflow.provenance import provenance, read_json, write_json
from saltflow.structure.rdf import pair_distributions
from saltflow.trajectory import open_sound

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=f"{where.composition}, {where.temperature} K")

point = read_json(job.input.record)
trajectories = open_sound(job.input.trajectories, statuses=[glass["status"] for glass in point["glasses"]])
result = pair_distributions(trajectories, **params.structure_analysis) if trajectories else {"pairs": {}}
result["glasses"] = len(trajectories)
inputs = {f"glass{number}": path for number, path in enumerate(job.input.trajectories, start=1)}
result["provenance"] = provenance(settings=params.structure_analysis, inputs=inputs)
mobile_ion = params.composition["mobile_ion"]
plot_structure(result, job.output.figure, mobile_ion=mobile_ion, title=f"{where.composition} at {where.temperature} K")
write_json(job.output.structure, result)
