"""Propose the first frames of a potential."""

from saltflow.base.provenance import identity, scratch, write_json
from saltflow.labels.frames import write_frames
from saltflow.learning.prescreening import prescreen_initial_frames
from saltflow.learning.sampling import propose_initial_frames
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_foundation

job = snakemake  # noqa: F821
start_job(job, subject=f"potential {job.wildcards.potential}, initial frames")

execution, dynamics = job.config["execution"], job.params.dynamics
committee = load_foundation(
    job.params.foundation,
    path=job.input.get("foundation"),
    release=job.input.get("foundation_release"),
    device=execution["device"],
    dynamics=dynamics,
)
settings = [job.params.compositions, job.params.initial_structures, job.params.cells, dynamics, job.params.foundation]
with scratch(job.output.frames, settings, inputs=job.input) as workdir:
    frames = propose_initial_frames(
        [Composition.from_identity(each) for each in job.params.compositions],
        committee,
        initial_structures=job.params.initial_structures,
        packing=job.params.cells,
        dynamics=dynamics,
        checkpoint_ps=execution["checkpoint_ps"],
        potential=job.wildcards.potential,
        seed=job.params.seed,
        workdir=workdir,
    )
    selection, device = job.params.prescreen, execution["device"]
    frames, explored = prescreen_initial_frames(frames, job.input, selection=selection, device=device)
    write_json(job.output.explored, identity(job.wildcards, generation=0) | {"compositions": explored})
    write_frames(job.output.frames, frames)
