"""The jobs of a sweep as plain data: what the plan, the housekeeping and the archive know of the workflow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

Resources = Mapping[str, int | float | str]


def gpus_of(resources: Resources) -> int:
    """GPUs that a submission asks for."""
    return int(resources.get("gpu", 0) or 0)


def memory_of(resources: Resources) -> float:
    """Memory that a submission asks for, in MB; 0 where it leaves that to the cluster."""
    return float(resources.get("mem_mb", 0))


def runtime_of(resources: Resources) -> float:
    """Walltime that a submission asks for, in minutes; 0 where it leaves that to the cluster."""
    return float(resources.get("runtime", 0))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job is due, as Snakemake found it.

    forced: by the command or the profile, not by anything that changed.
    incomplete: products that were being written when their job was stopped.
    missing: products that are needed and not there. recorded: whether the job has been done before.
    updated_inputs: inputs whose content is newer. inputs_added, inputs_removed: against the last time.
    params_before: literals of the parameters that hold no longer; Snakemake records them without a name.
    params_after: name → literal of the parameters that are new.
    """

    forced: bool = False
    incomplete: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    recorded: bool = False
    updated_inputs: tuple[str, ...] = ()
    inputs_added: tuple[str, ...] = ()
    inputs_removed: tuple[str, ...] = ()
    params_before: tuple[str, ...] = ()
    params_after: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job of the workflow.

    dependencies: indices in `Dag.jobs`. reason: None unless it is due.
    resources: as requested of the scheduler (mem_mb, runtime in minutes, gpu, slurm_partition …); only of a due job.
    local: done by Snakemake itself, without a submission. group: of jobs that are submitted together.
    """

    index: int
    rule: str
    wildcards: Mapping[str, str]
    dependencies: tuple[int, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    log: str | None
    benchmark: str | None
    local: bool
    reason: Reason | None = None
    threads: int = 1
    resources: Resources = field(default_factory=dict)
    group: int | None = None

    @property
    def due(self) -> bool:
        return self.reason is not None

    @property
    def name(self) -> str:
        """The rule and its wildcards, such as 'run_md composition=LiAlCl4 temperature=500'."""
        return " ".join([self.rule, *(f"{key}={value}" for key, value in sorted(self.wildcards.items()))])


@dataclass(frozen=True, slots=True)
class Submission:
    """What a group of jobs asks of the scheduler together; its members share one submission."""

    jobs: tuple[int, ...]
    threads: int
    resources: Resources


@dataclass(frozen=True, slots=True)
class Dag:
    """Every job that a sweep is made of, done or due, without those that only name targets.

    directory: of the sweep. config: the configuration as merged. rules: name → docstring, in the order of the files.
    executor: where the profile runs jobs, such as 'slurm' or 'local'; executor_settings: of its plugin, by name.
    groups: group → its submission. max_jobs: in the queue at a time. max_submissions: (jobs, seconds) or None.
    local_cores: for jobs that Snakemake does itself.
    """

    directory: Path
    config: Mapping[str, object]
    rules: Mapping[str, str]
    jobs: tuple[PlannedJob, ...]
    groups: Mapping[int, Submission]
    executor: str
    executor_settings: Mapping[str, object]
    max_jobs: int | None
    max_submissions: tuple[int, float] | None
    local_cores: int | None

    @property
    def due(self) -> list[PlannedJob]:
        """The jobs to do, in the order of the workflow: what a job needs stands before it."""
        return [job for job in self.jobs if job.due]
