"""Select explored frames for labelling."""

from saltflow.base.provenance import derive_seed, identity, read_json, title, write_json
from saltflow.labels.frames import read_frames, write_frames
from saltflow.learning.selection import count_explored, select_frames, with_uncertainty
from saltflow.learning.stability import with_stability
from saltflow.materials.frame_info import FrameInfo
from saltflow.operations.job_log import start_job
from saltflow.potentials.mace import load_checked_committee

job = snakemake  # noqa: F821
where = job.wildcards
start_job(job, subject=title(identity(where)))

calibration = read_json(job.input.previous_assessment)["calibration"]
candidates = with_uncertainty(read_frames(job.input.frames), calibration)
chosen = []
if candidates:
    device = job.config["execution"]["device"]
    committee = load_checked_committee(job.input.models, job.input.checks, device=device, dtype="float64")
    for name in sorted({FrameInfo.of(frame).composition for frame in candidates}):
        chosen += select_frames(
            [frame for frame in candidates if FrameInfo.of(frame).composition == name],
            committee,
            selection=job.params.selection,
            seed=derive_seed(job.params.seed, where.potential, where.generation, name),
        )
write_frames(job.output.frames, chosen)
explored = with_stability(count_explored(candidates, selection=job.params.selection), candidates)
write_json(job.output.explored, identity(where) | {"compositions": explored})
