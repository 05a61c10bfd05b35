"""Map the hops of molecular dynamics of one crystal onto its graph of hops."""

from saltflow.base.provenance import identity, provenance, read_json, title, write_json
from saltflow.operations.job_log import start_job
from saltflow.studies.barriers.md_comparison import compare_with_md

job = snakemake  # noqa: F821
start_job(job, subject=title(identity(job.wildcards)))

found = compare_with_md(
    job.input.structure,
    read_json(job.input.record),
    points=job.input.points,
    trajectories=job.input.trajectories,
    arrhenius=read_json(job.input.arrhenius[0]),
    mobile=job.params.crystal["mobile_ion"],
    seed=job.params.barriers["seed"],
)
inputs = {"structure": job.input.structure, "record": job.input.record}
recorded = provenance(settings=job.params.barriers, inputs=inputs)
write_json(job.output.hops, identity(job.wildcards) | found | {"provenance": recorded})
