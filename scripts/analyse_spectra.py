"""Analyse the spectra of one composition at one temperature."""

from saltflow.joblog import start_job
from saltflow.provenance import provenance, read_json, write_json
from saltflow.spectra import analyse_spectra, no_spectra
from saltflow.spectra.figures import plot_spectra
from saltflow.trajectory import open_sound, open_velocities

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=f"{where.composition}, {where.temperature} K")

statuses = [glass["status"] for glass in read_json(job.input.record)["glasses"]]
trajectories = open_sound(job.input.trajectories, statuses=statuses)
if trajectories:
    result = analyse_spectra(
        trajectories,
        [open_velocities(run.path) for run in trajectories],
        mobile_ion=params.composition["mobile_ion"],
        temperature_K=float(where.temperature),
        **params.spectra,
    )
else:
    result = no_spectra(statuses, temperature_K=float(where.temperature))
inputs = {f"glass{number}": path for number, path in enumerate(job.input.trajectories, start=1)}
result["provenance"] = provenance(settings=params.spectra, inputs=inputs)
figures = (job.output.vibrations, job.output.dynamic_structure, job.output.orientation)
plot_spectra(result, figures, title=f"{where.composition} at {where.temperature} K")
write_json(job.output.spectra, result)
