"""Label an isolated atom."""

import tempfile
from pathlib import Path

from saltflow.joblog import start_job
from saltflow.provenance import provenance, write_json
from saltflow.reference.labelling import label_isolated_atoms
from saltflow.reference.settings import read_reference

job = snakemake  # noqa: F821
start_job(job, subject=f"{job.wildcards.reference}, {job.wildcards.element}")

reference = read_reference(job.config["references"], job.wildcards.reference)
with tempfile.TemporaryDirectory() as workdir:
    energies = label_isolated_atoms([job.wildcards.element], reference, workdir=Path(workdir))
record = provenance(settings=job.params.reference, inputs={})
write_json(job.output.energy, {"energy_eV": energies[job.wildcards.element], "provenance": record})
