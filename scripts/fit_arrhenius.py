"""Fit the activation energies of one composition."""

from saltflow.arrhenius import fit_arrhenius, points_from_transport
from saltflow.joblog import start_job
from saltflow.plotting import plot_arrhenius
from saltflow.provenance import provenance, read_json, write_json

job = snakemake  # noqa: F821
start_job(job, subject=job.wildcards.composition)

transport = [read_json(path) for path in job.input.transport]
fits = {
    quantity: fit_arrhenius(
        points_from_transport(transport, quantity=quantity),
        quantity=quantity,
        seed=job.params.seed,
        **job.params.arrhenius,
    )
    for quantity in ("sigma_NE_mS_cm", "sigma_E_mS_cm", "D_cm2_s")
}
plot_arrhenius(fits, job.output.figure, title=job.wildcards.composition, literature=job.params.literature)
record = provenance(settings=job.params.arrhenius, inputs={path: path for path in job.input.transport})
write_json(job.output.arrhenius, {"composition": job.wildcards.composition, "fits": fits, "provenance": record})
