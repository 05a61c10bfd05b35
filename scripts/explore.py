"""Explore with the committee of the generation before."""

from saltflow.base.provenance import identity, scratch, title
from saltflow.campaign.assessment_state import has_converged
from saltflow.labels.frames import write_frames
from saltflow.learning.sampling import explore
from saltflow.materials.compositions import Composition
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_checked_committee

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

if has_converged(job.input.previous_assessment):
    write_frames(job.output.frames, [])
else:
    execution, dynamics = job.config["execution"], job.params.dynamics
    device, dispersion = execution["device"], dynamics["dispersion"]
    committee = load_checked_committee(
        job.input.models, job.input.checks, device=device, dtype=dynamics["dtype"], dispersion=dispersion
    )
    settings = [job.params.compositions, job.params.exploration, job.params.cells, dynamics]
    with scratch(job.output.frames, settings, inputs=job.input, keep=True) as workdir:
        frames = explore(
            [Composition.from_identity(each) for each in job.params.compositions],
            committee,
            exploration=job.params.exploration,
            density_scales=job.params.density_scales,
            packing=job.params.cells,
            dynamics=dynamics,
            checkpoint_ps=execution["checkpoint_ps"],
            potential=job.wildcards.potential,
            seed=job.params.seed,
            generation=int(job.wildcards.generation),
            workdir=workdir,
        )
        write_frames(job.output.frames, frames)
