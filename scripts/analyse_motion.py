"""Analyse how the mobile ion moves at one composition and temperature."""

from saltflow.analysis.motion.analysis import analyse_motion, no_motion
from saltflow.analysis.motion.figures import plot_hops, plot_residence_map, plot_van_hove
from saltflow.analysis.unphysical import judged
from saltflow.base.provenance import identity, provenance, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.trajectory.state_point import open_state_point

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))

drawn_map = job.output.get("residence_map")
point = open_state_point(job.input.record, job.input.trajectories)
if point.runs:
    result = analyse_motion(
        point.runs,
        charges=params.composition["oxidation_states"],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        strings=params.strings,
        residence_maps=drawn_map is not None,
        **params.motion,
    )
else:
    result = no_motion(point.statuses, temperature_K=float(where.temperature))
result = judged(result, point.unphysical)
result["provenance"] = provenance(settings=params.motion, inputs=point.inputs, composition=params.composition)
heading = title(point.identity)
plot_van_hove(result, job.output.van_hove, title=heading)
plot_hops(result, job.output.hops, title=heading)
if drawn_map:
    plot_residence_map(result, drawn_map, title=heading)
write_json(job.output.motion, point.identity | result)
