"""Fit the activation energies of one composition."""

from saltflow.analysis.arrhenius.figures import plot_arrhenius, plot_glass_transition
from saltflow.analysis.arrhenius.fit import fit_arrhenius, points_from_transport
from saltflow.analysis.arrhenius.glass_transition import curves_from_quenches, find_glass_transition, side_of
from saltflow.base.provenance import identity, provenance, read_json, title, write_json
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
transport = [read_json(path) for path in job.input.transport]
product = identity(job.wildcards, potential=job.params.potential, method=transport[0].get("method"))
start_job(job, subject=title(product))

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
heading, literature = title(product), job.params.literature
plot_arrhenius(fits, job.output.figure, title=heading, literature=literature, transition=transition)
plot_glass_transition(transition, job.output.cooling, title=heading)
record = provenance(settings=job.params.arrhenius, inputs={path: path for path in job.input})
write_json(job.output.arrhenius, product | {"fits": fits, "glass_transition": transition, "provenance": record})
