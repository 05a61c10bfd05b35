"""Analyse the pathways of the mobile ion of one composition at one temperature."""

from saltflow.analysis.pathways.analysis import analyse_pathways, no_pathways
from saltflow.analysis.pathways.figures import plot_pathways
from saltflow.analysis.pathways.volumes import write_volume
from saltflow.analysis.unphysical import judged
from saltflow.base.provenance import identity, provenance, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.trajectory.state_point import open_state_point

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))

point = open_state_point(job.input.record, job.input.trajectories)
volume = None
if point.runs:
    result, volume = analyse_pathways(
        point.runs,
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        **params.pathways,
    )
else:
    result = no_pathways(point.statuses, temperature_K=float(where.temperature))
result = judged(result, point.unphysical)
result["provenance"] = provenance(settings=params.pathways, inputs=point.inputs)
plot_pathways(result, volume, job.output.figure, title=title(point.identity))
write_volume(volume, job.output.volume)
write_json(job.output.pathways, point.identity | result)
