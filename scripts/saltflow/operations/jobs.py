"""Every rule by its files: stage, log and main product, and which jobs a campaign has.

The commands that look at a sweep from outside (`make status`, `make account`) know jobs by these files, without
Snakemake: they answer at once, while the sweep runs. The patterns are those of the rule files.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from string import Formatter

from saltflow.campaign.campaign import Campaign

BENCHMARK_SUFFIX = ".benchmark.tsv"


@dataclass(frozen=True)
class RuleFiles:
    """A rule: the stage that it belongs to, its log and the product that is there when a job of it is done."""

    rule: str
    stage: str
    log: str
    product: str

    @cached_property
    def wildcards(self) -> list[str]:
        """Names of the wildcards, in the order in which Snakemake has them."""
        return list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(self.product) if name))

    @cached_property
    def log_pattern(self) -> re.Pattern:
        """Matches the logs of this rule's jobs, with a group per wildcard."""
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.log)))


_POTENTIAL = "potentials/{potential}"
_GENERATION = f"{_POTENTIAL}/generation{{generation}}"
_LOCO = f"{_GENERATION}/loco/{{excluded}}"
_REPLICA = "{composition}/replica{replica}"
_POINT = "{composition}/md/{temperature}K"
_GROUPS = "{composition}/coupling/groups/{temperature}K"
_CONSTRAINED = "{composition}/coupling/{mode}/{temperature}K"

# In the order of the flow; where a log fits two patterns, the first one holds.
RULES = (
    RuleFiles(
        "label_atom",
        "labels",
        "logs/references/{reference}/{element}.log",
        "results/references/{reference}/{element}.json",
    ),
    RuleFiles(
        "propose_initial_frames",
        "labels",
        f"logs/{_POTENTIAL}/generation0/propose_initial_frames.log",
        f"results/{_POTENTIAL}/generation0/frames.extxyz",
    ),
    RuleFiles("explore", "labels", f"logs/{_GENERATION}/explore.log", f"results/{_GENERATION}/exploration.extxyz"),
    RuleFiles(
        "select_frames", "labels", f"logs/{_GENERATION}/select_frames.log", f"results/{_GENERATION}/frames.extxyz"
    ),
    RuleFiles(
        "measure_diffusion",
        "analysis",
        f"logs/{_GENERATION}/measure_diffusion.log",
        f"results/{_GENERATION}/diffusion.json",
    ),
    RuleFiles(
        "label_frames",
        "labels",
        f"logs/{_GENERATION}/label_frames{{chunk}}.log",
        f"results/{_GENERATION}/labels/chunk{{chunk}}.extxyz",
    ),
    RuleFiles(
        "collect_labels",
        "labels",
        f"logs/{_GENERATION}/collect_labels.log",
        f"results/{_GENERATION}/dataset/ledger.tsv",
    ),
    RuleFiles(
        "fine_tune",
        "potential",
        f"logs/{_GENERATION}/fine_tune{{member}}.log",
        f"results/{_GENERATION}/committee/member{{member}}.model",
    ),
    RuleFiles(
        "assess_potential",
        "potential",
        f"logs/{_GENERATION}/assess_potential.log",
        f"results/{_GENERATION}/assessment.json",
    ),
    RuleFiles(
        "release_potential",
        "potential",
        f"logs/{_POTENTIAL}/release_potential.log",
        f"results/{_POTENTIAL}/released.model",
    ),
    RuleFiles(
        "describe_dataset",
        "potential",
        f"logs/{_POTENTIAL}/describe_dataset.log",
        f"results/{_POTENTIAL}/dataset.json",
    ),
    RuleFiles(
        "gather_environments",
        "potential",
        f"logs/{_POTENTIAL}/gather_environments.log",
        f"results/{_POTENTIAL}/training_environments.npz",
    ),
    RuleFiles(
        "fine_tune_loco",
        "potential",
        f"logs/{_LOCO}/fine_tune_loco{{member}}.log",
        f"results/{_LOCO}/member{{member}}.model",
    ),
    RuleFiles(
        "assess_loco",
        "potential",
        f"logs/{_POTENTIAL}/assess_loco.log",
        f"results/{_POTENTIAL}/loco.tsv",
    ),
    RuleFiles("build_cell", "cells", f"logs/{_REPLICA}/build_cell.log", f"results/{_REPLICA}/cell.extxyz"),
    RuleFiles("quench_cell", "cells", f"logs/{_REPLICA}/quench_cell.log", f"results/{_REPLICA}/quenched.extxyz"),
    RuleFiles("run_md", "MD", f"logs/{_POINT}/run_md.log", f"results/{_POINT}/md.json"),
    RuleFiles(
        "analyse_transport", "analysis", f"logs/{_POINT}/analyse_transport.log", f"results/{_POINT}/transport.json"
    ),
    RuleFiles(
        "analyse_structure", "analysis", f"logs/{_POINT}/analyse_structure.log", f"results/{_POINT}/structure.json"
    ),
    RuleFiles(
        "analyse_residence", "analysis", f"logs/{_POINT}/analyse_residence.log", f"results/{_POINT}/residence.json"
    ),
    RuleFiles("analyse_motion", "analysis", f"logs/{_POINT}/analyse_motion.log", f"results/{_POINT}/motion.json"),
    RuleFiles("analyse_pathways", "analysis", f"logs/{_POINT}/analyse_pathways.log", f"results/{_POINT}/pathways.json"),
    RuleFiles("analyse_spectra", "analysis", f"logs/{_POINT}/analyse_spectra.log", f"results/{_POINT}/spectra.json"),
    RuleFiles("assess_domain", "analysis", "logs/{composition}/assess_domain.log", "results/{composition}/domain.json"),
    RuleFiles(
        "draw_pathways", "analysis", "logs/{composition}/draw_pathways.log", "results/{composition}/pathways.html"
    ),
    RuleFiles(
        "fit_arrhenius", "analysis", "logs/{composition}/fit_arrhenius.log", "results/{composition}/arrhenius.json"
    ),
    RuleFiles("find_groups", "analysis", f"logs/{_GROUPS}/find_groups.log", f"results/{_GROUPS}/groups.json"),
    RuleFiles(
        "run_constrained_md", "MD", f"logs/{_CONSTRAINED}/run_constrained_md.log", f"results/{_CONSTRAINED}/md.json"
    ),
    RuleFiles(
        "analyse_constrained_md",
        "analysis",
        f"logs/{_CONSTRAINED}/analyse_constrained_md.log",
        f"results/{_CONSTRAINED}/transport.json",
    ),
    RuleFiles(
        "relate_coupling",
        "analysis",
        "logs/{composition}/coupling/relate_coupling.log",
        "results/{composition}/coupling/coupling.json",
    ),
    RuleFiles(
        "fit_residence", "analysis", "logs/{composition}/fit_residence.log", "results/{composition}/residence.json"
    ),
    RuleFiles(
        "tabulate_conductivity", "summary", "logs/summary/tabulate_conductivity.log", "results/summary/conductivity.csv"
    ),
    RuleFiles("tabulate_structure", "summary", "logs/summary/tabulate_structure.log", "results/summary/structure.csv"),
    RuleFiles(
        "relate_order",
        "summary",
        "logs/summary/relate_order.log",
        "results/summary/order.csv",
    ),
    RuleFiles("rank_electrolytes", "summary", "logs/summary/rank_electrolytes.log", "results/summary/ranking.csv"),
)
EXPLORING = ("explore", "select_frames", "measure_diffusion")  # from the first generation on
LOCO = ("fine_tune_loco", "assess_loco")
STAGES = tuple(dict.fromkeys(files.stage for files in RULES))


@dataclass(frozen=True)
class Job:
    """One job of a campaign, by its rule and what it is about; paths are relative to the working directory."""

    files: RuleFiles
    wildcards: Mapping[str, str]

    @property
    def rule(self) -> str:
        """Name of its rule."""
        return self.files.rule

    @property
    def log(self) -> str:
        """Its log."""
        return self.files.log.format(**self.wildcards)

    @property
    def product(self) -> str:
        """What is there when it is done."""
        return self.files.product.format(**self.wildcards)

    @property
    def benchmark(self) -> str:
        """What Snakemake measured of its last good attempt."""
        return self.log.removesuffix(".log") + BENCHMARK_SUFFIX

    @property
    def subject(self) -> str:
        """What it is about, in words for a table."""
        return ", ".join(f"{name} {value}" for name, value in self.wildcards.items())


def job_of_log(log_path: str) -> Job | None:
    """The job that has this log; None where no rule has.

    Args:
        log_path: relative to the working directory.
    """
    for files in RULES:
        if match := files.log_pattern.fullmatch(log_path):
            return Job(files, {name: match[name] for name in files.wildcards})
    return None


def recorded_jobs(folder: Path) -> Iterator[Job]:
    """Jobs that left a benchmark file or a journal of attempts in a working directory, in the order of the flow."""
    paths = (path.relative_to(folder).as_posix() for path in (folder / "logs").rglob("*.*"))
    logs = {re.sub(r"(\.benchmark\.tsv|\.log\.attempts\.jsonl)$", ".log", path) for path in paths}
    jobs = [job for log in sorted(logs) if (job := job_of_log(log))]
    yield from sorted(jobs, key=lambda job: RULES.index(job.files))


def jobs_of_potential(campaign: Campaign, name: str) -> Iterator[Job]:
    """All jobs that make a potential, in every generation that it may go through; not those of single atoms."""
    numbers = {
        "chunk": lambda generation: campaign.chunks(name, generation),
        "member": lambda _: campaign.members(name),
    }
    for files in RULES:
        if "potential" not in files.wildcards:
            continue
        if files.rule == "gather_environments" and name not in campaign.driving_potentials:
            continue
        if files.rule in LOCO and not campaign.loco_compositions(name):
            continue
        if "excluded" in files.wildcards:
            yield from _loco_jobs(campaign, name, files)
            continue
        if "generation" not in files.wildcards:
            yield Job(files, {"potential": name})
            continue
        if files.rule == "measure_diffusion" and not campaign.compares_diffusion(name):
            continue
        for generation in campaign.generations(name)[files.rule in EXPLORING :]:
            place = {"potential": name, "generation": str(generation)}
            inner = next((key for key in numbers if key in files.wildcards), None)
            for number in numbers[inner](generation) if inner else [None]:
                yield Job(files, place | ({inner: str(number)} if inner else {}))


def _loco_jobs(campaign: Campaign, name: str, files: RuleFiles) -> Iterator[Job]:
    """The trainings without a composition: every member of a committee, on the labels of the last generation."""
    last = {"potential": name, "generation": str(campaign.generations(name)[-1])}
    for excluded, member in product(campaign.loco_compositions(name), campaign.members(name)):
        yield Job(files, last | {"excluded": excluded, "member": str(member)})


def jobs_of_composition(campaign: Campaign, name: str) -> Iterator[Job]:
    """All jobs of one composition, from its cells to its Arrhenius fit."""
    free = {"composition": [name], "replica": campaign.replicas, "temperature": campaign.temperatures_K}
    frozen = {
        "composition": [name] * bool(campaign.frozen_modes(name)),
        "mode": campaign.frozen_modes(name),
        "temperature": campaign.coupling_temperatures_K(name),
    }
    for files in RULES:
        if "composition" in files.wildcards:
            values = frozen if "/coupling/" in files.product else free
            for chosen in product(*(values[wildcard] for wildcard in files.wildcards)):
                yield Job(files, dict(zip(files.wildcards, map(str, chosen), strict=True)))


def shared_jobs(campaign: Campaign) -> Iterator[Job]:
    """Jobs that belong to no composition and no potential: single atoms and the tables of the sweep."""
    references = {campaign.potentials[name].reference: {} for name in campaign.needed_potentials}
    for name in campaign.needed_potentials:
        references[campaign.potentials[name].reference] |= dict.fromkeys(campaign.elements(name))
    for files in RULES:
        if files.rule == "label_atom":
            for reference, elements in references.items():
                yield from (Job(files, {"reference": reference, "element": element}) for element in elements)
        elif not files.wildcards:
            yield Job(files, {})
