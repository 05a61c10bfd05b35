"""Melt and quench one replica."""

from pathlib import Path

from saltflow.base.provenance import derive_seed, identity, provenance, read_json, scratch, title, write_json
from saltflow.campaign.dispersion_switch import method_of
from saltflow.dynamics.runs import quench
from saltflow.labels.frames import read_frames, write_frames
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_released

job = snakemake  # noqa: F821
where, params, execution = job.wildcards, job.params, job.config["execution"]
start_job(job, subject=title(identity(where)))

inputs = {"cell": job.input.cell, "model": job.input.model}
release = read_json(job.input.release)
product = identity(where, potential=release["potential"])
method = method_of(release, params.dynamics)
record = provenance(settings=params.dynamics, inputs=inputs, composition=params.composition, **method)
settings = [params.dynamics, params.acceptance]
with scratch(job.output.replica, settings, inputs=inputs.values(), keep=True) as workdir:
    replica, verdict = quench(
        read_frames(job.input.cell)[0],
        Composition.from_identity(params.composition),
        load_released(job.input.model, job.input.release, device=execution["device"], dynamics=params.dynamics),
        dynamics=params.dynamics,
        acceptance=params.acceptance,
        checkpoint_ps=execution["checkpoint_ps"],
        seed=derive_seed(params.seed, where.composition, "quench", where.replica),
        workdir=workdir,
        trajectory_path=Path(job.output.trajectory),
        metadata=product | record,
    )
    write_json(job.output.record, product | verdict | {"provenance": record})
    write_frames(job.output.replica, [replica])
