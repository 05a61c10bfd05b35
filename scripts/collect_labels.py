"""Join the labels of all generations so far and split them by lineage."""

from saltflow.base.provenance import identity, title
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.dataset.importing import read_imported
from saltflow.labels.dataset.one_method import check_one_method
from saltflow.labels.dataset.splits import collect
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.ledger import check_failures, join_ledgers
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

check_failures(job.input.ledgers, max_failed_fraction=job.params.max_failed_fraction)
name = job.params.reference["name"]
reference = read_reference(job.config["references"], name)
imported = read_imported(
    job.params.imported,
    reference,
    reference_name=name,
    elements=job.params.elements,
    max_force_eV_A=job.params.max_force_eV_A,
)
new = [*imported, *(frame for path in job.input.frames for frame in read_frames(path))]
sets = ("train", "valid", "test")
previous = {each: read_frames(path) for each in sets if (path := job.input.get(f"previous_{each}"))}
check_one_method([*new, *(frame for each in previous.values() for frame in each)], reference, reference_name=name)
parts = collect(new, previous, valid_fraction=job.params.valid_fraction)
for each in sets:
    write_frames(job.output[each], parts[each])
join_ledgers(job.input.ledgers, job.output.ledger)
