"""Propose the first frames of a potential."""

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import identity, write_json
from saltflow.labels.frames import write_frames
from saltflow.learning.prescreening import prescreen_initial_frames
from saltflow.learning.sampling import propose_initial_frames
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.drivers import load_sampler

job = snakemake  # noqa: F821
start_job(job, subject=f"potential {job.wildcards.potential}, initial frames")

params, execution, dynamics = job.params, job.config["execution"], job.params.dynamics
settings = [*job.wildcards, params.seed, params.protocol, params.compositions, params.initial_structures, params.cells]
long_job = LongJob(job.output, [*settings, dynamics, params.foundation, params.prescreen], inputs=job.input)
if not long_job.is_done():
    path, release = job.input.get("foundation"), job.input.get("foundation_release")
    device, selection = execution["device"], params.prescreen
    committee = load_sampler(params.foundation, path=path, release=release, config=job.config, dynamics=dynamics)
    with long_job.scratch() as workdir:
        frames = propose_initial_frames(
            [Composition.from_identity(each) for each in params.compositions],
            committee,
            initial_structures=params.initial_structures,
            packing=params.cells,
            dynamics=dynamics,
            checkpoint_ps=execution["checkpoint_ps"],
            potential=job.wildcards.potential,
            seed=params.seed,
            workdir=workdir,
        )
        frames, explored = prescreen_initial_frames(frames, job.input, selection=selection, device=device)
        write_json(job.output.explored, identity(job.wildcards, generation=0) | {"compositions": explored})
        write_frames(job.output.frames, frames)
