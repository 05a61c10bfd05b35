"""Run all replicas of one composition at one temperature."""

from functools import partial

from saltflow.analysis.transport.run_length import RunLength
from saltflow.base.provenance import identity, title
from saltflow.dynamics.production_jobs import ProductionInputs, StatePointFiles, run_together
from saltflow.operations.job_log import start_job
from saltflow.potentials.drivers import load_driver

job = snakemake  # noqa: F821
where, params, execution = job.wildcards, job.params, job.config["execution"]
start_job(job, subject=title(identity(where)))

files, made = job.input, job.output
judge = RunLength.requested(params, temperature_K=float(where.temperature))
run_together(
    [StatePointFiles(where.temperature, made.record, made.trajectories, judge)],
    partial(load_driver, files.model, files.release, config=job.config, dynamics=params.dynamics),
    ProductionInputs(files.replicas, files.model, files.release),
    params=params,
    checkpoint_ps=execution["checkpoint_ps"],
)
