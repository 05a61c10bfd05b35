"""Explore with the committee of the generation before."""

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import identity, title
from saltflow.campaign.assessment_state import has_converged
from saltflow.labels.frames import write_frames
from saltflow.learning.sampling import explore
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_checked_committee

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

params, execution, dynamics = job.params, job.config["execution"], job.params.dynamics
settings = [*job.wildcards, params.seed, params.compositions, params.exploration, params.density_scales, params.cells]
long_job = LongJob(job.output, [*settings, dynamics], inputs=job.input.models)
if has_converged(job.input.previous_assessment):
    write_frames(job.output.frames, [])
elif not long_job.is_done():
    device, dispersion = execution["device"], dynamics["dispersion"]
    committee = load_checked_committee(
        job.input.models, job.input.checks, device=device, dtype=dynamics["dtype"], dispersion=dispersion
    )
    with long_job.scratch() as workdir:
        frames = explore(
            [Composition.from_identity(each) for each in params.compositions],
            committee,
            exploration=params.exploration,
            density_scales=params.density_scales,
            packing=params.cells,
            dynamics=dynamics,
            checkpoint_ps=execution["checkpoint_ps"],
            potential=job.wildcards.potential,
            seed=params.seed,
            generation=int(job.wildcards.generation),
            workdir=workdir,
        )
        write_frames(job.output.frames, frames)
