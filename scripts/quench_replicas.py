"""Melt and quench all replicas of a composition in one batch."""

from functools import partial

from saltflow.base.provenance import identity, title, write_json
from saltflow.dynamics.quench_jobs import ReplicaFiles, quench_together
from saltflow.operations.job_log import start_job
from saltflow.potentials.drivers import load_driver

job = snakemake  # noqa: F821
where, params, execution = job.wildcards, job.params, job.config["execution"]
start_job(job, subject=title(identity(where)))

files, made = job.input, job.output
of_replicas = zip(files.cells, made.replicas, made.records, made.trajectories, strict=True)
statuses = quench_together(
    [ReplicaFiles(str(number), *paths) for number, paths in zip(params.replicas, of_replicas, strict=True)],
    partial(load_driver, files.model, files.release, config=job.config, dynamics=params.dynamics),
    model=files.model,
    release=files.release,
    params=params,
    checkpoint_ps=execution["checkpoint_ps"],
)
write_json(made.summary, identity(where) | {"replicas": statuses})
