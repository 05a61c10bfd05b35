"""Fit the activation energies of one composition."""

from saltflow.analysis.arrhenius.figures import plot_arrhenius, plot_glass_transition
from saltflow.analysis.arrhenius.fit import fit_arrhenius, points_from_transport
from saltflow.analysis.arrhenius.glass_transition import curves_from_quenches, find_glass_transition, side_of
from saltflow.base.provenance import provenance, read_json, write_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=job.wildcards.composition)

transport = [read_json(path) for path in job.input.transport]
curves = curves_from_quenches([read_json(path) for path in job.input.quenches])
transition = find_glass_transition(curves, seed=job.params.seed)
transition["sides"] = {
    f"{point['temperature_K']:g}": side_of(point["temperature_K"], transition) for point in transport
}
fits = {
    quantity: fit_arrhenius(
        points_from_transport(transport, quantity=quantity),
        quantity=quantity,
        seed=job.params.seed,
        transition=transition,
        **job.params.arrhenius,
    )
    for quantity in ("sigma_NE_mS_cm", "sigma_E_mS_cm", "D_cm2_s")
}
literature, title = job.params.literature, job.wildcards.composition
plot_arrhenius(fits, job.output.figure, title=title, literature=literature, transition=transition)
plot_glass_transition(transition, job.output.cooling, title=title)
record = provenance(settings=job.params.arrhenius, inputs={path: path for path in job.input})
content = {"composition": job.wildcards.composition, "fits": fits, "glass_transition": transition}
write_json(job.output.arrhenius, content | {"provenance": record})
