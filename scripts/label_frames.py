"""Label one chunk of frames."""

from pathlib import Path

from saltflow.base.provenance import identity, title
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.label import Processes
from saltflow.labels.reference.ledger import label_chunk
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
where = job.wildcards
start_job(job, subject=title(identity(where)))

name, labels = job.params.reference["name"], job.params.labels
reference = read_reference(job.config["references"], name)
workdir = Path(job.output.frames).parent / f"chunk{where.chunk}.work"
workdir.mkdir(parents=True, exist_ok=True)
first = int(where.chunk) * labels["chunk_frames"]
frames = read_frames(job.input.frames)[first : first + labels["chunk_frames"]]
write_frames(workdir / "frames.extxyz", frames)
label_chunk(
    workdir / "frames.extxyz",
    job.output.frames,
    job.output.ledger,
    reference,
    reference_name=name,
    max_force_eV_A=labels["max_force_eV_A"],
    workdir=workdir,
    processes=Processes.on(job.threads, threads_per_rank=job.config["execution"]["labelling"]["threads_per_rank"]),
)
