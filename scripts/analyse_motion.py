"""Analyse how the mobile ion moves at one composition and temperature."""

from saltflow.joblog import start_job
from saltflow.motion.analysis import analyse_motion, no_motion
from saltflow.motion.figures import plot_hops, plot_residence_map, plot_van_hove
from saltflow.provenance import provenance, read_json, write_json
from saltflow.trajectory import open_sound

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=f"{where.composition}, {where.temperature} K")

statuses = [glass["status"] for glass in read_json(job.input.record)["glasses"]]
trajectories = open_sound(job.input.trajectories, statuses=statuses)
if trajectories:
    result = analyse_motion(
        trajectories,
        charges=params.composition["oxidation_states"],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        **params.motion,
    )
else:
    result = no_motion(statuses, temperature_K=float(where.temperature))
inputs = {f"glass{number}": path for number, path in enumerate(job.input.trajectories, start=1)}
result["provenance"] = provenance(settings=params.motion, inputs=inputs, composition=params.composition)
title = f"{where.composition} at {where.temperature} K"
plot_van_hove(result, job.output.van_hove, title=title)
plot_hops(result, job.output.hops, title=title)
plot_residence_map(result, job.output.residence_map, title=title)
write_json(job.output.motion, result)
