"""Melt and quench one replica."""

from functools import partial

from saltflow.base.provenance import identity, title
from saltflow.dynamics.quench_jobs import ReplicaFiles, quench_together
from saltflow.operations.job_log import start_job
from saltflow.potentials.drivers import load_driver

job = snakemake  # noqa: F821
where, params, execution = job.wildcards, job.params, job.config["execution"]
start_job(job, subject=title(identity(where)))

files, made = job.input, job.output
quench_together(
    [ReplicaFiles(where.replica, files.cell, made.replica, made.record, made.trajectory)],
    partial(load_driver, files.model, files.release, config=job.config, dynamics=params.dynamics),
    model=files.model,
    release=files.release,
    params=params,
    checkpoint_ps=execution["checkpoint_ps"],
)
