"""Leave-one-composition-out validation: errors on compositions that were excluded from training."""

from saltflow.base.provenance import identity, title
from saltflow.labels.frames import read_frames
from saltflow.learning.loco.figure import plot_loco
from saltflow.learning.loco.loco_errors import compare_committees, write_rows
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_checked_committee

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

trusted = {"device": "cpu", "dtype": "float64"}
released = load_checked_committee(job.input.models, job.input.checks, **trusted)
size, (models, checks) = len(released.models), (job.input.models_without, job.input.checks_without)
others = (
    (name, load_checked_committee(models[first : first + size], checks[first : first + size], **trusted))
    for name, first in zip(job.params.seen_by_ancestors, range(0, len(models), size), strict=True)
)
rows = compare_committees(read_frames(job.input.test), released, others, seen_by_ancestors=job.params.seen_by_ancestors)
write_rows(rows, job.output.table)
plot_loco(rows, job.output.figure, title=f"potential {job.wildcards.potential}: leave-one-composition-out validation")
