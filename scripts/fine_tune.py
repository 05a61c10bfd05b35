"""Train one member of a committee, or copy the converged one."""

import shutil
from pathlib import Path

from saltflow.base.provenance import atomic_write, identity, read_json, scratch, title
from saltflow.campaign.assessment_state import has_converged
from saltflow.learning.foundations import read_foundation
from saltflow.learning.loco.training_sets import foundation_without, read_sets
from saltflow.learning.training import train_member
from saltflow.operations.job_log import start_job

job = snakemake  # noqa: F821
params, excluded, product = job.params, job.wildcards.get("excluded"), identity(job.wildcards)
start_job(job, subject=title(product))

if has_converged(job.input.get("previous_assessment")):
    for source, target in ((job.input.previous_model, job.output.model), (job.input.previous_check, job.output.check)):
        with atomic_write(target) as temporary:
            shutil.copyfile(source, temporary)
else:
    atoms = [read_json(path) for path in job.input.isolated_atoms]
    isolated_atoms_eV = {each["element"]: each["energy_eV"] for each in atoms}
    foundation = read_foundation(params.foundation, job.input, training=params.training, elements=isolated_atoms_eV)
    settings = [params.training, params.model, params.foundation, product["member"]]
    with scratch(job.output.model, settings, inputs=job.input) as workdir:
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
