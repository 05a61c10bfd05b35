"""Analyse how long the mobile ion stays beside other ions at one composition and temperature."""

from saltflow.joblog import start_job
from saltflow.provenance import provenance, read_json, write_json
from saltflow.residence.analysis import analyse_residence, no_residence
from saltflow.residence.figures import plot_residence
from saltflow.trajectory import open_sound

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=f"{where.composition}, {where.temperature} K")

statuses = [glass["status"] for glass in read_json(job.input.record)["glasses"]]
trajectories = open_sound(job.input.trajectories, statuses=statuses)
if trajectories:
    result = analyse_residence(
        trajectories,
        charges=params.composition["oxidation_states"],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        **params.residence,
    )
else:
    result = no_residence(statuses, temperature_K=float(where.temperature))
inputs = {f"glass{number}": path for number, path in enumerate(job.input.trajectories, start=1)}
result["provenance"] = provenance(settings=params.residence, inputs=inputs, composition=params.composition)
plot_residence(result, job.output.figure, title=f"{where.composition} at {where.temperature} K")
write_json(job.output.residence, result)
