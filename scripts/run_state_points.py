"""Run all replicas of a composition at all temperatures in one batch."""

from functools import partial

from saltflow.analysis.transport.run_length import RunLength
from saltflow.base.provenance import identity, title, write_json
from saltflow.dynamics.production_jobs import ProductionInputs, StatePointFiles, run_together
from saltflow.operations.job_log import start_job
from saltflow.potentials.drivers import load_driver

job = snakemake  # noqa: F821
where, params, execution = job.wildcards, job.params, job.config["execution"]
start_job(job, subject=title(identity(where)))

files, made = job.input, job.output
points = [
    StatePointFiles(
        str(temperature_K),
        record,
        made.trajectories[number :: len(params.temperatures_K)],  # replica by replica
        RunLength.requested(params, temperature_K=temperature_K),
    )
    for number, (temperature_K, record) in enumerate(zip(params.temperatures_K, made.records, strict=True))
]
stopped = run_together(
    points,
    partial(load_driver, files.model, files.release, config=job.config, dynamics=params.dynamics),
    ProductionInputs(files.replicas, files.model, files.release),
    params=params,
    checkpoint_ps=execution["checkpoint_ps"],
)
write_json(made.summary, identity(where) | {"stopped_because": stopped})
