"""The campaign that all rules ask, and the patterns of their wildcards.

REQUIRED: the configuration, already loaded by the Snakefile.
DEFINES: campaign, the wildcard constraints, and the small functions that wire inputs and params.
"""

import atexit
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import apply_wildcards

# A folder with a space in its name: Snakemake does not quote the Python that runs scripts (snakemake#2645).
sys.executable = shlex.quote(sys.executable)

SCRIPTS = Path(workflow.basedir, "scripts")
sys.path.insert(0, str(SCRIPTS))

from saltflow.operations import workload
from saltflow.operations.attempts import count_out_of_memory, read_attempts, slurm_folder_of
from saltflow.operations.code_digest import code_digest
from saltflow.operations import run_lock as controller
from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings import MODES
from saltflow.operations.finished_jobs import finished_jobs
from saltflow.base.provenance import read_json
from saltflow.base.tables import SAFE_NAME
from saltflow.campaign.campaign import load_campaign
from saltflow.base.writable import check_writable

try:
    campaign = load_campaign(config, folders=[Path(), Path(workflow.basedir)])
except SaltflowError as error:
    raise WorkflowError(str(error)) from None


if workflow.is_main_process and (said := controller.notice(Path.cwd())):
    # Below what Snakemake says of the lock, which knows of nothing but --unlock.
    atexit.register(print, said, file=sys.stderr)


onstart:
    try:
        check_writable(Path("results"))
        controller.start(
            Path.cwd(),
            snakefile=Path(workflow.main_snakefile),
            slurm=not workflow.local_exec,
        )
    except SaltflowError as error:
        raise WorkflowError(str(error)) from None
    if workflow.executor_plugin.name == "slurm":
        from engine.patience import be_patient

        be_patient()


def stop(*, well):
    """Put the end of this run on record, with what its jobs have finished unseen."""
    from engine.records import record_finished

    here = Path.cwd()
    said = controller.stop(
        here,
        well=well,
        note=lambda since: record_finished(here, finished_jobs(here, since=since)),
    )
    if said:
        print(said, file=sys.stderr)


onsuccess:
    stop(well=True)


onerror:
    stop(well=False)


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
    mode=one_of(mode for mode in MODES if mode != "free"),
    replica=r"\d+",
    generation=r"\d+",
    chunk=r"\d+",
    member=r"\d+",
    excluded=SAFE_NAME.pattern,


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


def of_generation(pattern, *, back=0, first=0):
    """The file of a generation, or of one before it; one per member of the committee where the pattern has {member}.

    None before the generation `first`.
    """

    def paths(wildcards):
        generation = int(wildcards.generation) - back
        if generation < first:
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


def of_last_generation(pattern):
    """The file of the last generation, which holds those before it."""
    return lambda wildcards: pattern.format(
        potential=wildcards.potential,
        generation=campaign.generations(wildcards.potential)[-1],
    )


def of_last_committee(pattern):
    """The files of the last generation, one per member; and per composition where the pattern has {excluded}."""

    def paths(wildcards):
        name = wildcards.potential
        excluded = (
            {"excluded": campaign.loco_compositions(name)} if "{excluded}" in pattern else {}
        )
        last = {"potential": name, "generation": campaign.generations(name)[-1]}
        return expand(pattern, **last, **excluded, member=campaign.members(name))

    return paths


def unless_loco(paths):
    """Files that a training reads unless it leaves a composition out; then it passes nothing on."""
    return lambda wildcards: (
        [] if hasattr(wildcards, "excluded") else paths(wildcards)
    )


def of_released(pattern):
    """The file of the generation that was released for a composition, or one per member of its committee."""

    def paths(wildcards):
        name = campaign.row(wildcards.composition).potential
        last = {"potential": name, "generation": campaign.generations(name)[-1]}
        if "{member}" in pattern:
            return expand(pattern, **last, member=campaign.members(name))
        return pattern.format(**last)

    return paths


def in_chunks(pattern, *, first=0):
    """The files of all chunks of a generation; none before the generation `first`."""

    def paths(wildcards):
        generation = int(wildcards.generation)
        if generation < first:
            return []
        return expand(
            pattern,
            potential=wildcards.potential,
            generation=generation,
            chunk=campaign.chunks(wildcards.potential, generation),
        )

    return paths


def where_compared(paths):
    """Files that are read where diffusion in explorations is compared."""
    return lambda wildcards: (
        paths(wildcards) if campaign.compares_diffusion(wildcards.potential) else []
    )


def where_reference_md(paths):
    """Files that are read where the reference's own molecular dynamics is among the labels."""
    return lambda wildcards: (
        paths(wildcards) if campaign.has_reference_md(wildcards.potential) else []
    )


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


def for_forgetting_check(path):
    """A file of the foundation that is read where its crystals are compared."""
    return lambda wildcards: (
        path(wildcards) if campaign.forgetting_check(wildcards.potential) else []
    )


def of_foundation(part):
    """The training or held-out frames of the potential that another one starts from, if it does."""

    def path(wildcards):
        foundation = campaign.foundation(wildcards.potential)
        if foundation["kind"] != "potential":
            return []
        last = campaign.generations(foundation["name"])[-1]
        return f"results/potentials/{foundation['name']}/generation{last}/dataset/{part}.extxyz"

    return path


def for_prescreening(pattern):
    """The file of a foundation's last generation that says which seeds it knows, or one per member."""
    return of_last_foundation(
        pattern,
        where=lambda wildcards: campaign.prescreen(wildcards.potential) is not None,
    )


def for_zero_shot(pattern):
    """The same, for the first generation of a potential with compositions that its foundation has not met."""
    return of_last_foundation(
        pattern,
        where=lambda wildcards: (
            wildcards.generation == "0" and campaign.zero_shot_compositions(wildcards.potential)
        ),
    )


def of_last_foundation(pattern, *, where):
    """The file of a foundation's last generation, one per member where the pattern has {member}, if it is asked for."""

    def paths(wildcards):
        if not where(wildcards):
            return []
        name = campaign.foundation(wildcards.potential)["name"]
        last = {"potential": name, "generation": campaign.generations(name)[-1]}
        if "{member}" in pattern:
            return expand(pattern, **last, member=campaign.members(name))
        return pattern.format(**last)

    return paths


def replayed_frames(wildcards):
    """What a potential learns again, if it does: frames of its foundation, or structures that a file labels."""
    if structures := campaign.replay_structures(wildcards.potential):
        return ancient(structures["path"])
    if campaign.replays(wildcards.potential):
        return of_foundation("train")(wildcards)
    return []


def released(kind):
    """The released model (or its record) of the potential of a composition."""
    return (
        lambda wildcards: f"results/potentials/{campaign.row(wildcards.composition).potential}/released.{kind}"
    )


def at_temperature_of_order(**patterns):
    """Files of every composition at the temperature where its order is compared with others'."""
    return {
        name: expand(
            pattern,
            composition=campaign.swept,
            temperature=campaign.temperature_of_order_K,
        )
        for name, pattern in patterns.items()
    }


# Rules with nothing to do in a generation after the one that converged, and the memory of doing that.
PASSED_ON = ("explore", "select_frames", "label_frames", "fine_tune")
PASSING_MB = 1500


def passes_on(rulename, wildcards):
    """Whether a job only passes on what an earlier generation of its potential has reached."""
    if rulename not in PASSED_ON or wildcards.generation == "0":
        return False
    before = int(wildcards.generation) - 1
    assessment = Path(
        f"results/potentials/{wildcards.potential}/generation{before}/assessment.json"
    )
    return assessment.is_file() and read_json(assessment)["converged"]


def nodes_of(rulename, wildcards):
    """The kind of nodes that a job runs on, asked again right before it is submitted."""
    if passes_on(rulename, wildcards):
        return "cpu"
    return workload.place(campaign, rulename, dict(wildcards.items()))


def log_of(rulename, wildcards):
    """The log of a job, which its journal of attempts lies beside."""
    return apply_wildcards(workflow.get_rule(rulename).log[0], wildcards)


def shared(submission, *, rulename):
    """The submission that a job shares with others; a job that failed by itself is then tried alone.

    Snakemake takes a submission for failed, with all that it has finished, when one job of it fails.
    """

    def group(wildcards):
        tried = read_attempts(log_of(rulename, wildcards), is_alive=lambda line: False)
        if tried and tried[-1].reason == "failed":
            return None
        name = apply_wildcards(submission, wildcards)
        # As Snakemake does for a pattern: the profile's group-components go by it.
        workflow.parent_groupids[name] = submission
        return name

    return group


def memory(wildcards, rulename):
    """Memory of a job in MB: what it has to do, doubled after each attempt of this very job that ran out of it."""
    named = dict(wildcards.items())
    log = log_of(rulename, named)
    folder = slurm_folder_of(rulename, list(wildcards))
    return workload.escalated_MB(
        (
            PASSING_MB
            if passes_on(rulename, wildcards)
            else workload.memory_MB(campaign, rulename, named)
        ),
        out_of_memory=count_out_of_memory(log, slurm_folder=folder),
    )


def cores(wildcards):
    """Cores of a labelling job; no result depends on them."""
    if passes_on("label_frames", wildcards):
        return 1
    return workload.cores(campaign, "label_frames", dict(wildcards.items()))


def runtime(wildcards, rulename):
    """Walltime of a job in minutes; after a timeout the job resumes and asks for no more than before."""
    if passes_on(rulename, wildcards):
        return workload.SHORTEST_MIN
    return workload.runtime_min(campaign, rulename, dict(wildcards.items()))


def gpus(wildcards, rulename):
    """GPUs of a job."""
    return int(nodes_of(rulename, wildcards) == "gpu")


def asked_of_site(name):
    """One of the requests that a site wants, for the nodes that a job runs on."""
    return lambda wildcards, rulename: workload.site_requests(
        campaign, nodes_of(rulename, wildcards)
    ).get(name)


# Partition, account and what else a site wants: resources of every rule that is submitted.
on_site = {
    name: asked_of_site(name)
    for where in ("cpu", "gpu")
    for name in workload.site_requests(campaign, where)
}
