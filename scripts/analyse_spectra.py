"""Analyse the spectra of one composition at one temperature."""

from saltflow.analysis.spectra.analysis import analyse_spectra, no_spectra
from saltflow.analysis.spectra.figures import plot_spectra
from saltflow.analysis.unphysical import judged
from saltflow.base.provenance import identity, provenance, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.trajectory.h5md import open_velocities
from saltflow.trajectory.state_point import open_state_point

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))

point = open_state_point(job.input.record, job.input.trajectories)
if point.runs:
    result = analyse_spectra(
        point.runs,
        [open_velocities(run.path) for run in point.runs],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        **params.spectra,
    )
else:
    result = no_spectra(point.statuses, temperature_K=float(where.temperature))
result = judged(result, point.unphysical)
result["provenance"] = provenance(settings=params.spectra, inputs=point.inputs)
figures = (job.output.vibrations, job.output.dynamic_structure, job.output.orientation)
plot_spectra(result, figures, title=title(point.identity))
write_json(job.output.spectra, point.identity | result)
