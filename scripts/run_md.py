"""Run all replicas of one composition at one temperature."""

from saltflow.base.provenance import derive_seed, identity, numbered, provenance, read_json, scratch, title, write_json
from saltflow.campaign.dispersion_switch import method_of
from saltflow.dynamics.runs import run_state_point
from saltflow.labels.frames import read_frames
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_released

job = snakemake  # noqa: F821
where, params = job.wildcards, job.params
start_job(job, subject=title(identity(where)))

execution, replicas = job.config["execution"], [read_frames(path)[0] for path in job.input.replicas]
inputs = numbered("replica", job.input.replicas) | {"model": job.input.model}
release = read_json(job.input.release)
product, method = identity(where, potential=release["potential"]), method_of(release, params.dynamics)
record = provenance(settings=params.dynamics, inputs=inputs, composition=params.composition, **method)
with scratch(job.output.record, [params.dynamics, params.acceptance], inputs=inputs.values()) as workdir:
    point = run_state_point(
        replicas,
        Composition.from_identity(params.composition),
        load_released(job.input.model, job.input.release, device=execution["device"], dynamics=params.dynamics),
        temperature_K=float(where.temperature),
        dynamics=params.dynamics,
        acceptance=params.acceptance,
        checkpoint_ps=execution["checkpoint_ps"],
        seeds=[derive_seed(params.seed, where.composition, where.temperature, index) for index in range(len(replicas))],
        workdir=workdir,
        trajectory_paths=job.output.trajectories,
        metadata=product | record,
    )
    write_json(job.output.record, product | point | {"provenance": record})
