"""Select the explored frames that are worth a label."""

from saltflow.dataset import read_frames, write_frames
from saltflow.joblog import start_job
from saltflow.potentials import load_checked_committee
from saltflow.provenance import derive_seed
from saltflow.selection import select_frames

job = snakemake  # noqa: F821
where = job.wildcards
start_job(job, subject=f"potential {where.potential}, generation {where.generation}")

candidates = read_frames(job.input.frames)
chosen = []
if candidates:
    device = job.config["execution"]["device"]
    committee = load_checked_committee(job.input.models, job.input.checks, device=device, dtype="float64")
    for name in sorted({frame.info["composition"] for frame in candidates}):
        chosen += select_frames(
            [frame for frame in candidates if frame.info["composition"] == name],
            committee,
            selection=job.params.selection,
            seed=derive_seed(job.params.seed, where.potential, where.generation, name),
        )
write_frames(job.output.frames, chosen)
