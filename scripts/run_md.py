"""Run all replicas of one composition at one temperature."""

from saltflow.analysis.transport.run_length import RunLength
from saltflow.base.long_job import LongJob
from saltflow.base.provenance import derive_seed, identity, numbered, title, write_json
from saltflow.dynamics.record import md_record
from saltflow.dynamics.runs import run_state_point
from saltflow.labels.frames import read_cell
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.drivers import load_driver

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))

execution, replicas = job.config["execution"], [read_cell(path) for path in job.input.replicas]
inputs = numbered("replica", job.input.replicas) | {"model": job.input.model}
settings = [*where, params.seed, params.dynamics, params.window, params.acceptance]
long_job = LongJob(job.output, settings, inputs=inputs.values())
if not long_job.is_done():
    product, record = md_record(where, job.input.release, params, settings=params.dynamics, inputs=inputs)
    seeds = [derive_seed(params.seed, where.composition, where.temperature, index) for index in range(len(replicas))]
    with long_job.scratch() as workdir:
        point = run_state_point(
            replicas,
            Composition.from_identity(params.composition),
            load_driver(job.input.model, job.input.release, config=job.config, dynamics=params.dynamics),
            temperature_K=float(where.temperature),
            dynamics=params.dynamics,
            acceptance=params.acceptance,
            checkpoint_ps=execution["checkpoint_ps"],
            seeds=seeds,
            workdir=workdir,
            trajectory_paths=job.output.trajectories,
            metadata=product | record,
            judge=RunLength.requested(params, temperature_K=float(where.temperature)),
        )
        write_json(job.output.record, product | point | {"provenance": record})
