"""Train one member of a committee, or copy the converged one."""

from pathlib import Path

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import copy_file, identity, read_json, title
from saltflow.campaign.assessment_state import has_converged
from saltflow.learning.foundations import read_foundation
from saltflow.learning.loco.training_sets import foundation_without, read_sets
from saltflow.learning.training import train_member
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
params, excluded, product = job.params, job.wildcards.get("excluded"), identity(job.wildcards)
start_job(job, subject=title(product))
settings = [params.seed, params.protocol, params.training, params.model, params.foundation]
passed_on = [job.input.get(f"previous_{name}") for name in ("assessment", "model", "check")]
learned_from = [path for path in job.input if path not in passed_on]
long_job = LongJob(job.output, [*job.wildcards, *settings], inputs=learned_from)
if has_converged(job.input.get("previous_assessment")):
    copy_file(job.input.previous_model, job.output.model)
    copy_file(job.input.previous_check, job.output.check)
elif not long_job.is_done():
    isolated_atoms_eV = {each["element"]: each["energy_eV"] for each in map(read_json, job.input.isolated_atoms)}
    foundation = read_foundation(params.foundation, job.input, training=params.training, elements=isolated_atoms_eV)
    with long_job.scratch() as workdir:
        train_member(
            *read_sets(job.input, excluded, valid_fraction=params.training["valid_fraction"]),
            product=product,
            isolated_atoms_eV=isolated_atoms_eV,
            foundation=foundation_without(foundation, excluded),
            model=params.model,
            training=params.training,
            device=job.config["execution"]["device"],
            seed=params.seed + product["member"],
            bootstrap=product["member"] > 1,
            workdir=workdir,
            model_path=Path(job.output.model),
            check_path=Path(job.output.check),
        )
