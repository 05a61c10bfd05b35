"""Analyse how long the mobile ion stays beside other ions at one composition and temperature."""

from saltflow.analysis.residence.analysis import analyse_residence, no_residence
from saltflow.analysis.residence.figures import plot_residence
from saltflow.analysis.structure.first_minima import first_minima_A
from saltflow.analysis.unphysical import judged
from saltflow.base.provenance import identity, provenance, read_json, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.trajectory.state_point import open_state_point

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))

point = open_state_point(job.input.record, job.input.trajectories)
if point.runs:
    result = analyse_residence(
        point.runs,
        charges=params.composition["oxidation_states"],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        first_minima_A=first_minima_A(read_json(job.input.structure)),
        **params.residence,
    )
else:
    result = no_residence(point.statuses, temperature_K=float(where.temperature))
result = judged(result, point.unphysical)
result["provenance"] = provenance(
    settings=params.residence, inputs=point.inputs | {"structure": job.input.structure}, composition=params.composition
)
plot_residence(result, job.output.figure, title=title(point.identity))
write_json(job.output.residence, point.identity | result)
