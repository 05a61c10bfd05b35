"""The campaign that all rules ask, and the patterns of their wildcards.

REQUIRED: the configuration, already loaded by the Snakefile.
DEFINES: campaign, the wildcard constraints, and the small functions that wire inputs and params.
"""

import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# A folder with a space in its name: Snakemake does not quote the Python that runs scripts (snakemake#2645).
sys.executable = shlex.quote(sys.executable)

SCRIPTS = Path(workflow.basedir, "scripts")
sys.path.insert(0, str(SCRIPTS))

from saltflow.errors import SaltflowError
from saltflow.provenance import code_digest, read_json
from saltflow.tables import SAFE_NAME
from saltflow.targets import load_campaign
from saltflow.workplace import check_writable

try:
    campaign = load_campaign(config, folders=[Path(), Path(workflow.basedir)])
except SaltflowError as error:
    raise WorkflowError(str(error)) from None


onstart:
    try:
        check_writable(Path("results"))
    except SaltflowError as error:
        raise WorkflowError(str(error)) from None


def one_of(names):
    """A regular expression that matches these names literally."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    # Not the ids one by one: with hundreds of them Snakemake would plan a fifth more slowly.
    composition=SAFE_NAME.pattern,
    potential=one_of(campaign.potentials),
    reference=one_of(campaign.settings.references),
    element="[A-Z][a-z]?",
    temperature=r"\d+",
    glass=r"\d+",
    generation=r"\d+",
    chunk=r"\d+",
    member=r"\d+",


def section(name):
    """A section of the settings for the composition of a job."""
    return lambda wildcards: campaign.section(name, composition=wildcards.composition)


def potential_section(name):
    """A section of the settings for the potential of a job."""
    return lambda wildcards: campaign.potential_section(
        name, potential=wildcards.potential
    )


def identity(wildcards):
    """What the composition of a job is, without its literature."""
    return campaign.identity(wildcards.composition)


def code_of(rule_name):
    """Digest of the code behind a cheap rule: it reruns when that changes."""
    return code_digest(SCRIPTS / f"{rule_name}.py")


def of_generation(pattern, *, back=0):
    """The file of a generation, or of one before it; one per member of the committee where the pattern has {member}."""

    def paths(wildcards):
        generation = int(wildcards.generation) - back
        if generation < 0:
            return []
        member = getattr(wildcards, "member", None)
        if "{member}" in pattern and member is None:
            members = campaign.members(wildcards.potential)
            return expand(
                pattern,
                potential=wildcards.potential,
                generation=generation,
                member=members,
            )
        return pattern.format(
            potential=wildcards.potential, generation=generation, member=member
        )

    return paths


def foundation_model(wildcards):
    """The model file that a potential starts from, if it has one."""
    foundation = campaign.foundation(wildcards.potential)
    if foundation["kind"] == "file":
        return ancient(foundation["path"])
    if foundation["kind"] == "potential":
        return f"results/potentials/{foundation['name']}/released.model"
    return []


def foundation_release(wildcards):
    """The record that pins the hash of a foundation trained by this workflow."""
    foundation = campaign.foundation(wildcards.potential)
    if foundation["kind"] == "potential":
        return f"results/potentials/{foundation['name']}/released.json"
    return []


def released(kind):
    """The released model (or its record) of the potential of a composition."""
    return (
        lambda wildcards: f"results/potentials/{campaign.row(wildcards.composition).potential}/released.{kind}"
    )


def still_learning(assessment):
    """Whether a generation has work to do: the one before, if assessed, has not converged."""
    path = Path(str(assessment)) if assessment else None
    if path is None or not path.is_file():
        return True
    return not read_json(path)["converged"]


def on_gpu(wildcards, input):
    """GPUs of a job of learning: none when its generation only passes on what converged."""
    return campaign.gpus * still_learning(input.get("previous_assessment"))
