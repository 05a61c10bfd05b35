"""Label an isolated atom."""

import tempfile
from pathlib import Path

from saltflow.base.provenance import identity, provenance, title, write_json
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.reference.isolated_atoms import isolated_atom_energy_eV
from saltflow.labels.reference.store import LabelStore
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
product = identity(job.wildcards)
start_job(job, subject=title(product))

reference = read_reference(job.config["references"], job.wildcards.reference)
store = LabelStore(job.config["labels"]["store_path"], reference, protocol=job.params.protocol)
with tempfile.TemporaryDirectory() as workdir:
    energy_eV = isolated_atom_energy_eV(job.wildcards.element, reference, store=store, workdir=Path(workdir))
record = provenance(settings=job.params.reference, inputs={})
write_json(job.output.energy, product | {"energy_eV": energy_eV, "provenance": record})
