"""Analyse the structure of one composition at one temperature."""

from saltflow.analysis.structure.analysis import analyse_structure, no_structure
from saltflow.analysis.structure.figures import plot_angles, plot_network, plot_polyhedra, plot_scattering
from saltflow.analysis.structure.rdf_figure import plot_structure
from saltflow.analysis.unphysical import judged
from saltflow.base.provenance import identity, provenance, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.trajectory.state_point import open_state_point

job = snakemake  # noqa: F821
where, params, output = job.wildcards, job.params, job.output
start_job(job, subject=title(identity(where)))

point = open_state_point(job.input.record, job.input.trajectories)
charges, mobile_ion = params.composition["oxidation_states"], params.composition["mobile_ion"]
result = no_structure(point.statuses)
if point.runs:
    result = analyse_structure(point.runs, charges=charges, mobile_ion=mobile_ion, **params.structure)
result = judged(result, point.unphysical)
result["provenance"] = provenance(settings=params.structure, inputs=point.inputs, charges=charges)
heading = title(point.identity)
plot_structure(result, output.figure, mobile_ion=mobile_ion, title=heading)
plot_scattering(result, output.scattering, title=heading)
plot_polyhedra(result, output.polyhedra, title=heading)
plot_network(result, output.network, title=heading)
plot_angles(result, output.angles, title=heading)
write_json(output.structure, point.identity | result)
