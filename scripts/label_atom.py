"""Label an isolated atom."""

import tempfile
from pathlib import Path

from saltflow.base.provenance import identity, provenance, title, write_json
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.reference.labelling import label_isolated_atoms
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
product = identity(job.wildcards)
start_job(job, subject=title(product))

reference = read_reference(job.config["references"], job.wildcards.reference)
with tempfile.TemporaryDirectory() as workdir:
    energies = label_isolated_atoms([job.wildcards.element], reference, workdir=Path(workdir))
record = provenance(settings=job.params.reference, inputs={})
write_json(job.output.energy, product | {"energy_eV": energies[job.wildcards.element], "provenance": record})
