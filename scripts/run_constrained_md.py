"""Run all replicas of one composition at one temperature with some motion of their groups frozen."""

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import derive_seed, identity, numbered, read_json, title, write_json
from saltflow.dynamics.constrained_runs import run_constrained_state_point
from saltflow.dynamics.record import md_record
from saltflow.labels.frames import read_cell
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.drivers import load_driver
from saltflow.trajectory.h5md import open_trajectory

job = snakemake  # noqa: F821
where, params, execution = job.wildcards, job.params, job.config["execution"]
start_job(job, subject=title(identity(where)))
inputs = numbered("replica", job.input.replicas) | numbered("free replica", job.input.trajectories)
inputs |= {"model": job.input.model, "groups": job.input.groups}
settings = {"dynamics": params.dynamics, "constraints": params.constraints, "mode": where.mode}
long_job = LongJob(job.output, [*where, params.seed, settings, params.acceptance], inputs=inputs.values())
if not long_job.is_done():
    product, record = md_record(where, job.input.release, params, settings=settings, inputs=inputs)
    with long_job.scratch() as workdir:
        point = run_constrained_state_point(
            [read_cell(path) for path in job.input.replicas],
            [open_trajectory(path) for path in job.input.trajectories],
            read_json(job.input.groups),
            Composition.from_identity(params.composition),
            load_driver(job.input.model, job.input.release, config=job.config, dynamics=params.dynamics),
            motions=where.mode,
            temperature_K=float(where.temperature),
            constraints=params.constraints,
            dynamics=params.dynamics,
            acceptance=params.acceptance,
            checkpoint_ps=execution["checkpoint_ps"],
            seeds=[derive_seed(params.seed, *where, index) for index in range(len(job.input.replicas))],
            workdir=workdir,
            trajectory_paths=job.output.trajectories,
            metadata=product | record,
        )
        write_json(job.output.record, product | point | {"provenance": record})
