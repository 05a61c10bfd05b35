"""Join the labels of a generation with those of the generations before, split by lineage."""

from saltflow.dataset import collect, read_frames, write_frames
from saltflow.joblog import start_job
from saltflow.reference.ledger import check_failures, join_ledgers

job = snakemake  # noqa: F821
start_job(job, subject=f"potential {job.wildcards.potential}, generation {job.wildcards.generation}")

check_failures(job.input.ledgers, max_failed_fraction=job.params.max_failed_fraction)
new = [frame for path in job.input.frames for frame in read_frames(path)]
names = ("train", "valid", "test")
previous = {name: read_frames(path) for name in names if (path := job.input.get(f"previous_{name}"))}
parts = collect(new, previous, valid_fraction=job.params.valid_fraction)
for name in names:
    write_frames(job.output[name], parts[name])
join_ledgers(job.input.ledgers, job.output.ledger)
