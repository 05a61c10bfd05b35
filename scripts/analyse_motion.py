"""Analyse how the mobile ion moves at one composition and temperature."""

from saltflow.analysis.motion.analysis import analyse_motion, no_motion
from saltflow.analysis.motion.figures import plot_hops, plot_residence_map, plot_van_hove
from saltflow.base.provenance import provenance, write_json
from saltflow.operations.job_log import start_job
from saltflow.trajectory import open_state_point

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=f"{where.composition}, {where.temperature} K")

point = open_state_point(job.input.record, job.input.trajectories)
if point.runs:
    result = analyse_motion(
        point.runs,
        charges=params.composition["oxidation_states"],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        **params.motion,
    )
else:
    result = no_motion(point.statuses, temperature_K=float(where.temperature))
result["provenance"] = provenance(settings=params.motion, inputs=point.inputs, composition=params.composition)
title = f"{where.composition} at {where.temperature} K"
plot_van_hove(result, job.output.van_hove, title=title)
plot_hops(result, job.output.hops, title=title)
plot_residence_map(result, job.output.residence_map, title=title)
write_json(job.output.motion, result)
