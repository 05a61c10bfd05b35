"""The jobs of a campaign, by their rule and what they are about.

Commands that look at a sweep from outside (`saltflow status`, `saltflow account`) know jobs by their files, without
Snakemake: they answer at once, while the sweep runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from saltflow.campaign.campaign import Campaign
from saltflow.operations.rule_spec import RuleSpec
from saltflow.operations.rules import ORDER, RULES


@dataclass(frozen=True)
class Job:
    """One job of a campaign, by its rule and what it is about; paths are relative to the working directory."""

    spec: RuleSpec
    wildcards: Mapping[str, str]

    @property
    def rule(self) -> str:
        """Name of its rule."""
        return self.spec.name

    @property
    def log(self) -> str:
        """Its log."""
        return self.spec.log.format(**self.wildcards)

    @property
    def product(self) -> str:
        """What is there when it is done."""
        return self.spec.product.format(**self.wildcards)

    @property
    def benchmark(self) -> str:
        """What Snakemake measured of its last good attempt."""
        return self.spec.benchmark.format(**self.wildcards)

    @property
    def subject(self) -> str:
        """What it is about, for a table."""
        return ", ".join(f"{name} {value}" for name, value in self.wildcards.items())


def jobs_of(campaign: Campaign) -> Iterator[Job]:
    """Every job of a campaign, in the order of the flow."""
    return (Job(spec, wildcards) for spec in RULES for wildcards in spec.jobs(campaign))


def targets(campaign: Campaign) -> Iterator[Job]:
    """The jobs that a sweep asks for by themselves; the others are what these need."""
    return (job for job in jobs_of(campaign) if job.spec.is_target)


def job_of_log(log_path: str) -> Job | None:
    """The job that has this log; None where no rule has.

    Args:
        log_path: relative to the working directory.
    """
    for spec in RULES:
        if match := spec.log_pattern.fullmatch(log_path):
            return Job(spec, {name: match[name] for name in spec.wildcards})
    return None


def recorded_jobs(folder: Path) -> Iterator[Job]:
    """Jobs that left a benchmark file or a journal of attempts in a working directory, in the order of the flow."""
    paths = (path.relative_to(folder).as_posix() for path in (folder / "logs").rglob("*.*"))
    logs = {re.sub(r"(\.benchmark\.tsv|\.log\.attempts\.jsonl)$", ".log", path) for path in paths}
    jobs = [job for log in sorted(logs) if (job := job_of_log(log))]
    yield from sorted(jobs, key=lambda job: ORDER[job.rule])
