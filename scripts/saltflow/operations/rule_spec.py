"""What every part of saltflow knows of a rule: one `RuleSpec` for each.

The rule files, the plan, the status, the account, storage and housekeeping read the same row.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Literal, NamedTuple

from saltflow.campaign.campaign import Campaign

Wildcards = Mapping[str, str]
Count = Callable[[Campaign, Wildcards], float]
Size = Callable[[Campaign, Wildcards, Path], float]
Environment = Literal["workflow", "reference", "learning", "dynamics", "analysis"]
Stage = Literal["labels", "potential", "cells", "MD", "analysis", "studies", "summary"]
STAGES: tuple[Stage, ...] = ("labels", "potential", "cells", "MD", "analysis", "studies", "summary")
BENCHMARK_SUFFIX = ".benchmark.tsv"


class UpperBound(NamedTuple):
    """What no job should exceed: seconds before the work begins, and seconds per unit of it."""

    start_s: float
    per_unit_s: float


class Deletable(NamedTuple):
    """Products that need not stay.

    pattern: of their file names. title: what they are called. loss: what is lost with them.
    superseded: only those of a generation before the last.
    """

    pattern: str
    title: str
    loss: str
    when: Literal["may be deleted now", "only when archived"]
    superseded: bool = False


@dataclass(frozen=True)
class JobGroup:
    """Jobs that one submission runs one after another.

    pattern: of the group's name, by which a profile asks for it (`group-components`).
    members: the jobs that share a submission with one of them: rule and wildcards.
    fields: what the pattern is filled with, by default the wildcards of a job.
    """

    pattern: str
    members: Callable[[Campaign, Wildcards], list[tuple[str, Wildcards]]]
    fields: Callable[[Campaign, Wildcards], Wildcards] = lambda campaign, wildcards: wildcards

    def name(self, campaign: Campaign, wildcards: Wildcards) -> str:
        """The group of a job."""
        return self.pattern.format(**self.fields(campaign, wildcards))


@dataclass(frozen=True)
class RuleSpec:
    """One rule.

    name: of the rule, its script and its logs. stage: that it belongs to.
    product: what is there when a job of it is done. environment: that it runs in.
    jobs: the wildcards of all its jobs in a campaign.
    unit: of its work. work: of a job, at most. expected_share: part of it that is expected.
    memory_MB: of its script alone.
    upper_bounds: by device or reference code, '' where there is no choice.
    resumes: whether a job that reached its walltime goes on from there when it is submitted again.
    is_local: done by Snakemake itself, without a submission: a second or two.
    is_target: whether the sweep asks for it by itself, and not only where another rule reads it.
    passes_on: whether it has nothing to do in a generation after the one that converged.
    protocol: the setting that runs every job of it again when it is raised, if it follows one by itself.
    uses_device: whether a job runs on the configured device, and not on the CPU in any case.
    simulated_ps: picoseconds of production MD of one replica, equilibration included.
    cores: of a job. group: jobs that it shares a submission with.
    reads_velocities: whether it reads the frames with velocities of its trajectories.
    deletable: which of its products need not stay. sizes: file suffix → bytes of such a product.
    scratch: bytes that a job has on the disk only while it runs.
    """

    name: str
    stage: Stage
    product: str
    environment: Environment
    jobs: Callable[[Campaign], Iterable[Wildcards]]
    unit: str
    work: Count
    memory_MB: Count
    upper_bounds: Mapping[str, UpperBound]
    expected_share: Count = lambda campaign, wildcards: 1.0
    resumes: bool = False
    is_local: bool = False
    is_target: bool = False
    passes_on: bool = False
    protocol: str = ""
    uses_device: Callable[[Campaign, Wildcards], bool] = lambda campaign, wildcards: True
    simulated_ps: Count | None = None
    cores: Count = lambda campaign, wildcards: 1
    group: JobGroup | None = None
    reads_velocities: bool = False
    deletable: tuple[Deletable, ...] = ()
    sizes: Mapping[str, Size] = field(default_factory=dict)
    scratch: Size = lambda campaign, wildcards, folder: 0

    @cached_property
    def wildcards(self) -> list[str]:
        """Names of its wildcards, in the order in which Snakemake has them."""
        return list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(self.product) if name))

    @cached_property
    def fixed_generation(self) -> str | None:
        """The generation of all its jobs, where its product names one."""
        found = re.search(r"/generation(\d+)/", self.product)
        return found[1] if found else None

    def is_requested(self, campaign: Campaign) -> bool:
        """Whether a campaign has any job of it."""
        return next(iter(self.jobs(campaign)), None) is not None

    @cached_property
    def log(self) -> str:
        """Its log: logs mirror the folders of results, and carry the rule's name and the wildcards of the product's."""
        product = PurePosixPath(self.product)
        own = "".join(f".{name}{{{name}}}" for _, name, _, _ in Formatter().parse(product.name) if name)
        return f"{str(product.parent).replace('results', 'logs', 1)}/{self.name}{own}.log"

    @property
    def benchmark(self) -> str:
        """Where Snakemake notes what its last good attempt took."""
        return self.log.removesuffix(".log") + BENCHMARK_SUFFIX

    @cached_property
    def log_pattern(self) -> re.Pattern:
        """Matches the logs of its jobs, with a group per wildcard."""
        escaped = re.sub(r"\\{(\w+)\\}", r"{\1}", re.escape(self.log))
        seen: set[str] = set()

        def group(match: re.Match) -> str:
            name = match[1]
            if name in seen:
                return f"(?P={name})"
            seen.add(name)
            return f"(?P<{name}>[^/]+)"

        return re.compile(re.sub(r"{(\w+)}", group, escaped))
