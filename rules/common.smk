"""What all rules share: the campaign, the patterns of wildcards, and how a rule asks about its job.

REQUIRED: the configuration, already loaded by the Snakefile.
DEFINES: campaign; spec, the row of each rule in the registry; composition("…"), potential("…"), generation("…"),
         which ask about the subject of a job; resources and group("…"), what it requests.
"""

import re
import sys
from pathlib import Path

from snakemake.io import apply_wildcards

SCRIPTS = Path(workflow.basedir, "scripts")
sys.path.insert(0, str(SCRIPTS))

from engine.reporting import shown
from engine.lifecycle import end_run, read_campaign, start_run
from saltflow.base.tables import SAFE_NAME
from saltflow.campaign.questions import answer
from saltflow.campaign.settings import MODES
from saltflow.operations.code_digest import code_digest
from saltflow.operations.jobs import targets
from saltflow.operations.resources import JobRequest, request_names
from saltflow.operations.rules import RULE as spec

campaign = read_campaign(workflow, config)


onstart:
    start_run(workflow)


onsuccess:
    end_run(well=True)


onerror:
    end_run(well=False)


wildcard_constraints:
    # Not the ids one by one: with hundreds of them Snakemake would plan a fifth more slowly.
    composition=SAFE_NAME.pattern,
    excluded=SAFE_NAME.pattern,
    potential="|".join(map(re.escape, campaign.potentials)),
    reference="|".join(map(re.escape, campaign.settings.references)),
    element="[A-Z][a-z]?",
    mode="|".join(mode for mode in MODES if mode != "free"),
    temperature=r"\d+",
    replica=r"\d+",
    generation=r"\d+",
    chunk=r"\d+",
    member=r"\d+",


# ── what a rule asks about its job ─────────────────────────────────────────────────────────────


def composition(question):
    """What the composition of a job answers, such as "production_dynamics"."""
    return lambda wildcards: answer(
        campaign.composition(wildcards.composition), question
    )


def section(name):
    """A section of the settings for the composition of a job."""
    return composition(f"sections.{name}")


def its_potential(question):
    """What the potential of the composition of a job answers."""
    return lambda wildcards: answer(
        campaign.potential_of(wildcards.composition), question
    )


def potential(question):
    """What the potential of a job answers, such as "learning.selection" or "last_generation.models"."""
    return lambda wildcards: answer(campaign.potential(wildcards.potential), question)


def generation(question, *, back=0):
    """A file of the generation of a job, or of one before it; none before the first."""
    return lambda wildcards: answer(
        campaign.potential(wildcards.potential).generation(
            int(wildcards.generation) - back
        ),
        question,
    )


def where(asked, files):
    """Files that a job reads only where its potential asks for it."""
    return lambda wildcards: files(wildcards) if potential(asked)(wildcards) else []


def only_with(analysis, **files):
    """Files of a rule that are there only where an analysis is asked for."""
    return files if analysis in campaign.analyses else {}


def pinned(files):
    """Files whose hash is pinned by the settings: those from elsewhere may get a new date."""

    def marked(wildcards):
        found = files(wildcards)
        return found if not found or found.startswith("results/") else ancient(found)

    return marked


def code_of(rule_name):
    """Digest of the code behind a cheap rule: it reruns when that changes."""
    return code_digest(SCRIPTS / f"{rule_name}.py")


# ── what a job requests ────────────────────────────────────────────────────────────────────────


def requested(name):
    """One request of a job, asked again right before it is submitted."""
    return lambda wildcards, rulename: JobRequest(campaign, rulename, wildcards)[name]


resources = {name: requested(name) for name in request_names(campaign)}


def group(rule_name):
    """The submission that a job shares with others; a job that failed by itself is then tried alone."""

    def name(wildcards):
        found = JobRequest(campaign, rule_name, wildcards).group()
        if found:
            # As Snakemake does for a pattern: the profile's group-components go by it.
            workflow.parent_groupids[found] = spec[rule_name].group.pattern
        return found

    return name


def all_products():
    """Every product of the jobs that a sweep asks for."""
    return [
        apply_wildcards(pattern, job.wildcards)
        for job in targets(campaign)
        for pattern in getattr(rules, job.rule).output
    ]
