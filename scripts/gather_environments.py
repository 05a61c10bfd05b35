"""Gather the training environments of a potential."""

from saltflow.base.provenance import identity, title
from saltflow.labels.frames import read_frames
from saltflow.learning.domain.training_environments import gather, write_training_environments
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_checked_committee

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

environments = gather(
    {name: read_frames(path) for name, path in zip(job.params.training_potentials, job.input.train, strict=True)},
    read_frames(job.input.test),
    load_checked_committee([job.input.model], [job.input.check], device="cpu", dtype="float64"),
    environments_per_element=job.params.environments_per_element,
    seed=job.params.seed,
)
write_training_environments(environments, job.output.environments)
