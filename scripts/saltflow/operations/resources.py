"""What a job asks of a machine: memory, walltime, cores, and the kind of node.

Requests are upper bounds that no job should exceed. The rule files, the plan and the executor read them here.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from saltflow.base.errors import InputError
from saltflow.campaign.assessment_state import has_converged
from saltflow.campaign.campaign import Campaign
from saltflow.operations.attempts import count_out_of_memory, read_attempts, slurm_folder_of
from saltflow.operations.cost_model import driver_of, reference_of
from saltflow.operations.rule_spec import Wildcards
from saltflow.operations.rules import RULE

Place = Literal["cpu", "gpu"]

SNAKEMAKE_MB = 300  # two Snakemake processes run beside the script in every job of a cluster
PASSING_MB = 1500  # of a job that only passes on what an earlier generation has reached
SHORTEST_MIN = 10  # a shared file system may be slow
# A job that resumes is submitted so often, each time it reaches its walltime; then it makes no headway.
MOST_SUBMISSIONS = 100


class Work(NamedTuple):
    """An amount of work and its unit, which is that of config/calibration.tsv."""

    amount: float
    unit: str


def work_of(campaign: Campaign, rule: str, wildcards: Wildcards) -> Work:
    """The most work that a job can have."""
    return Work(RULE[rule].work(campaign, wildcards), RULE[rule].unit)


def done_by(campaign: Campaign, rule: str, wildcards: Wildcards) -> str:
    """What does the work of a job: a device (cpu, cuda), the code of a reference (cp2k, tblite …), or ''.

    Seconds per unit of one are no measure of another.
    """
    known = RULE[rule].upper_bounds
    if "" in known:
        return ""
    if "universal" in known and "cuda" in known and driver_of(campaign, wildcards):
        return "universal"
    if "cuda" in known:
        return campaign.settings.execution.device
    return reference_of(campaign, wildcards).code


def cores(campaign: Campaign, rule: str, wildcards: Wildcards) -> int:
    """Cores of a job; no result depends on them."""
    return int(RULE[rule].cores(campaign, wildcards))


def speedup(campaign: Campaign, rule: str, wildcards: Wildcards) -> float:
    """How much faster a job is on its cores than on one; each after the first adds 0.7 (assumed)."""
    return 1 + 0.7 * (cores(campaign, rule, wildcards) - 1)


def memory_MB(campaign: Campaign, rule: str, wildcards: Wildcards) -> int:
    """Memory for a first attempt, the Snakemake processes inside the job included, in full hundreds."""
    return 100 * math.ceil((RULE[rule].memory_MB(campaign, wildcards) + SNAKEMAKE_MB) / 100)


def place(campaign: Campaign, rule: str, wildcards: Wildcards) -> Place:
    """The nodes that a job runs on while its generation has work to do: with a GPU or without."""
    device = done_by(campaign, rule, wildcards)
    if device == "universal":
        device = (driver_of if "cuda" in RULE[rule].upper_bounds else reference_of)(campaign, wildcards).device
    return "gpu" if device == "cuda" and RULE[rule].uses_device(campaign, wildcards) else "cpu"


def job_group(campaign: Campaign, rule: str, wildcards: Wildcards) -> list[tuple[str, Wildcards]]:
    """The jobs that one submission runs one after another when all of them are due; often one alone."""
    group = RULE[rule].group
    return group.members(campaign, wildcards) if group else [(rule, wildcards)]


def needed_min(campaign: Campaign, rule: str, wildcards: Wildcards) -> int:
    """Minutes that a job stays below in one go, whatever a site allows."""
    start_s, per_unit_s = RULE[rule].upper_bounds[done_by(campaign, rule, wildcards)]
    work = work_of(campaign, rule, wildcards).amount / speedup(campaign, rule, wildcards)
    return max(SHORTEST_MIN, math.ceil((start_s + per_unit_s * work) / 60))


def runtime_min(campaign: Campaign, rule: str, wildcards: Wildcards) -> int:
    """Walltime to ask for, at most what the site allows to the whole submission.

    Jobs that resume share what is left to them, and take as many attempts as they need.

    Raises:
        InputError: jobs of the submission that cannot resume may need longer.
    """
    where, needed = place(campaign, rule, wildcards), needed_min(campaign, rule, wildcards)
    longest = longest_min(campaign, where)
    group = job_group(campaign, rule, wildcards)
    every = [(RULE[name].resumes, needed_min(campaign, name, of)) for name, of in group]
    if longest is None or sum(minutes for _, minutes in every) <= longest:
        return needed
    unbroken, resumed = (sum(minutes for resumes, minutes in every if resumes is which) for which in (False, True))
    if unbroken >= longest:
        requested = f"{' '.join([rule, *wildcards.values()])} may take {unbroken} min in one job and cannot resume"
        limit = f"execution.site.{where}.longest_min is {longest}"
        raise InputError([f"{requested}, but {limit}; raise it, or give the job less to do."])
    return max(1, (longest - unbroken) * needed // resumed) if RULE[rule].resumes else needed


def longest_min(campaign: Campaign, where: Place) -> int | None:
    """The longest walltime of a site, in minutes; None where nothing limits it."""
    return getattr(campaign.settings.execution.site, where).longest_min


def escalated_MB(base_MB: int, *, out_of_memory: int) -> int:
    """Memory of a further attempt: twice as much after each that ran out of it; nothing else makes it grow."""
    return base_MB * 2**out_of_memory


def site_requests(campaign: Campaign, where: Place) -> dict[str, str]:
    """What the site wants to be told besides cores, memory and time, by the names of the executor plugin."""
    site = campaign.settings.execution.site
    nodes = getattr(site, where)
    requested = {"slurm_account": site.account, "slurm_partition": nodes.partition, "qos": nodes.qos}
    requested |= {"constraint": nodes.constraint, "gpu_model": getattr(nodes, "model", None)}
    return {name: value for name, value in requested.items() if value is not None}


def request_names(campaign: Campaign) -> list[str]:
    """Names of all that a job may request of a scheduler, by the names of Snakemake and its executor plugin."""
    site = {name: None for place in ("cpu", "gpu") for name in site_requests(campaign, place)}
    return ["mem_mb", "runtime", "gpu", *site]


class JobRequest:
    """What one job requests right before it is submitted: its files and its earlier attempts count.

    Args:
        campaign: the checked campaign.
        rule: of the job.
        wildcards: of the job, in Snakemake's order.
    """

    def __init__(self, campaign: Campaign, rule: str, wildcards: Mapping[str, str]):
        self.campaign, self.rule, self.wildcards = campaign, rule, dict(wildcards)
        self.log = RULE[rule].log.format(**self.wildcards)

    def __getitem__(self, name: str) -> int | str | None:
        """One of `request_names`; None where the site does not ask for it."""
        own = {"mem_mb": self.memory_MB, "runtime": self.runtime_min, "gpu": self.gpus}
        return own[name]() if name in own else site_requests(self.campaign, self.place()).get(name)

    def passes_on(self) -> bool:
        """Whether the job only passes on what an earlier generation of its potential has reached."""
        if not RULE[self.rule].passes_on or self.wildcards["generation"] == "0":
            return False
        potential = self.campaign.potential(self.wildcards["potential"])
        return has_converged(potential.generation(int(self.wildcards["generation"]) - 1).assessment)

    def place(self) -> Place:
        """The nodes that it runs on."""
        return "cpu" if self.passes_on() else place(self.campaign, self.rule, self.wildcards)

    def gpus(self) -> int:
        """GPUs."""
        return int(self.place() == "gpu")

    def cores(self) -> int:
        """Cores."""
        return 1 if self.passes_on() else cores(self.campaign, self.rule, self.wildcards)

    def memory_MB(self) -> int:
        """Memory, doubled after each attempt of this very job that ran out of it."""
        base_MB = PASSING_MB if self.passes_on() else memory_MB(self.campaign, self.rule, self.wildcards)
        folder = slurm_folder_of(self.rule, list(self.wildcards.values()))
        return escalated_MB(base_MB, out_of_memory=count_out_of_memory(self.log, slurm_folder=folder))

    def runtime_min(self) -> int:
        """Walltime; after a timeout the job resumes and asks for no more than before."""
        return SHORTEST_MIN if self.passes_on() else runtime_min(self.campaign, self.rule, self.wildcards)

    def group(self) -> str | None:
        """The submission that it shares with others; None for a job that failed by itself, which is tried alone.

        Snakemake takes a submission for failed, with all that it has finished, when one job of it fails.
        """
        tried = read_attempts(self.log, is_alive=lambda line: False)
        if tried and tried[-1].reason == "failed":
            return None
        return RULE[self.rule].group.name(self.campaign, self.wildcards)
