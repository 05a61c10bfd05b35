"""Label one chunk of frames."""

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import identity, title
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.label import Processes
from saltflow.labels.reference.ledger import label_chunk
from saltflow.labels.reference.store import LabelStore
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
where = job.wildcards
start_job(job, subject=title(identity(where)))

name, labels, execution = job.params.reference["name"], job.params.labels, job.config["execution"]["labelling"]
reference = read_reference(job.config["references"], name)
long_job = LongJob(job.output, [reference.model_dump(mode="json"), name, labels, where.chunk], inputs=job.input)
if not long_job.is_done():
    first = int(where.chunk) * labels["chunk_frames"]
    frames = read_frames(job.input.frames)[first : first + labels["chunk_frames"]]
    store = LabelStore(job.config["labels"]["store_path"], reference, protocol=labels["protocol"])
    with long_job.scratch() as workdir:
        write_frames(workdir / "frames.extxyz", frames)
        label_chunk(
            workdir / "frames.extxyz",
            job.output.frames,
            job.output.ledger,
            reference,
            reference_name=name,
            max_force_eV_A=labels["max_force_eV_A"],
            store=store,
            workdir=workdir,
            processes=Processes.on(job.threads, threads_per_rank=execution["threads_per_rank"]),
        )
