"""Run all replicas of one composition at one temperature with some motion of their groups frozen."""

from saltflow.base.provenance import derive_seed, identity, numbered, provenance, read_json, scratch, title, write_json
from saltflow.campaign.dispersion_switch import method_of
from saltflow.dynamics.constrained_runs import run_constrained_state_point
from saltflow.labels.frames import read_frames
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_released
from saltflow.trajectory.h5md import open_trajectory

job = snakemake  # noqa: F821
where, params, execution = job.wildcards, job.params, job.config["execution"]
start_job(job, subject=title(identity(where)))

inputs = numbered("replica", job.input.replicas) | numbered("free replica", job.input.trajectories)
inputs |= {"model": job.input.model, "groups": job.input.groups}
settings = {"dynamics": params.dynamics, "constraints": params.constraints, "mode": where.mode}
release = read_json(job.input.release)
product, method = identity(where, potential=release["potential"]), method_of(release, params.dynamics)
record = provenance(settings=settings, inputs=inputs, composition=params.composition, **method)
with scratch(job.output.record, [settings, params.acceptance], inputs=inputs.values()) as workdir:
    point = run_constrained_state_point(
        [read_frames(path)[0] for path in job.input.replicas],
        [open_trajectory(path) for path in job.input.trajectories],
        read_json(job.input.groups),
        Composition.from_identity(params.composition),
        load_released(job.input.model, job.input.release, device=execution["device"], dynamics=params.dynamics),
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
