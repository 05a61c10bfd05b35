"""What jobs are expected to take, and at most: calibration × work, corrected by the finished jobs of the sweep."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor, log10
from pathlib import Path
from statistics import median

from saltflow.campaign.campaign import Campaign
from saltflow.operations.attempts import journal_path, read_journal
from saltflow.operations.plan.calibration import SUBMITTED, Rate
from saltflow.operations.plan.dag import Dag, PlannedJob, gpus_of
from saltflow.operations.plan.expected_learning import ExpectedLearning
from saltflow.operations.resources import done_by, needed_min, speedup, work_of
from saltflow.operations.rules import RULE

# Enough finished jobs of a rule for a median; reading thousands of files would take longer than planning.
SAMPLE = 50
DIGITS = 3
# Wildcards on which no job's work depends.
ALIKE = ("replica", "mode", "member", "element")


@dataclass(frozen=True)
class Correction:
    """How much longer (or shorter) finished jobs of this sweep took than the calibration says; of how many jobs."""

    factor: float
    jobs: int


class Estimator:
    """Seconds of every due job, expected and at most.

    Expected: start and work by the calibration, times the median of what finished jobs of the same rule and device
    took in this sweep. A generation of learning that comes after the one which has converged, or is expected to by the
    learning curves (`expected_learning`), only passes it on.
    At most: the walltime that is requested, or what the work needs over several submissions where that is more.

    Args:
        campaign: what is to be done.
        dag: its jobs.
        rates: the calibration.
    """

    def __init__(self, campaign: Campaign, dag: Dag, rates: Mapping[tuple[str, str], Rate]):
        self.campaign, self.dag, self.rates = campaign, dag, rates
        self._known: dict[tuple, tuple[float, str, float]] = {}

    def expected_s(self, job: PlannedJob) -> float:
        """Expected seconds of a job, with those of Snakemake inside it where it is submitted."""
        seconds = self._calibrated_s(job)
        if correction := self.corrections.get(self._kind(job)):
            seconds *= correction.factor
        submitted = not job.local and self.dag.executor != "local"
        return seconds + submitted * self.rates[SUBMITTED, ""].seconds_per_unit

    def upper_s(self, job: PlannedJob) -> float:
        """Seconds that a job cannot exceed if it succeeds at once."""
        needed_s = 0 if self.passes_on(job) else 60 * self._work(job)[2]
        return max(60 * float(job.resources.get("runtime", 0)), needed_s, self.expected_s(job))

    def hours(self, jobs: Iterable[PlannedJob], *, gpu: bool) -> dict[str, float]:
        """Core-hours or GPU-hours that the due ones of some jobs reserve, expected and at most."""
        expected = upper = 0.0
        for job in jobs:
            if job.due and (number := gpus_of(job.resources) if gpu else job.threads):
                expected += number * self.expected_s(job) / 3600
                upper += number * self.upper_s(job) / 3600
        return {"expected": rounded(expected), "upper": rounded(upper)}

    def rate(self, job: PlannedJob) -> Rate:
        """The calibration that holds for a job."""
        return self.rates[self._kind(job)]

    def basis(self, job: PlannedJob) -> str:
        """Where the estimate of a job comes from, for a reader."""
        correction = self.corrections.get(self._kind(job))
        if correction:
            jobs = "1 finished job" if correction.jobs == 1 else f"{correction.jobs} finished jobs"
            return f"{jobs} of this sweep"
        return self.rate(job).source

    def seconds_per_unit(self, job: PlannedJob) -> float:
        """Seconds per unit of work, corrected."""
        correction = self.corrections.get(self._kind(job))
        return self.rate(job).seconds_per_unit * (correction.factor if correction else 1)

    def passes_on(self, job: PlannedJob) -> bool:
        """Whether the generation of a job comes after one that has converged."""
        converged = self.learning.converged.get(job.wildcards.get("potential", ""))
        return converged is not None and self._is_after(job, converged)

    def _is_expected_to_pass_on(self, job: PlannedJob) -> bool:
        outlook = self.learning.outlooks.get(job.wildcards.get("potential", ""))
        return outlook is not None and self._is_after(job, outlook.last_generation)

    @staticmethod
    def _is_after(job: PlannedJob, generation: int) -> bool:
        if "excluded" in job.wildcards:  # it trains what the converged generation has released
            return False
        return int(job.wildcards.get("generation", 0)) > generation

    @cached_property
    def learning(self) -> ExpectedLearning:
        """How many generations potentials are expected to need."""
        return ExpectedLearning(self.campaign, self.dag)

    @cached_property
    def corrections(self) -> Mapping[tuple[str, str], Correction]:
        """Rule and what does its work → median ratio of measured to calibrated seconds of finished jobs."""
        finished: dict[str, list[PlannedJob]] = defaultdict(list)
        for job in self.dag.jobs:
            if not job.due and job.benchmark and not self.passes_on(job):
                finished[job.rule].append(job)
        ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
        for jobs in finished.values():
            for job in _spread(jobs):
                if (seconds := self._measured_s(job)) is not None:
                    ratios[self._kind(job)].append(seconds / self._calibrated_s(job))
        return {kind: Correction(median(found), len(found)) for kind, found in ratios.items()}

    def _measured_s(self, job: PlannedJob) -> float | None:
        """Seconds that a finished job took; None where that says nothing about the next one.

        A job that was resumed has measured only its last submission; one on another device measures something else.
        """
        attempts = list(read_journal(self.dag.directory / journal_path(job.log)).values()) if job.log else []
        if len(attempts) > 1 or _on_other_device(attempts, gpu=self._kind(job)[1] == "cuda"):
            return None
        return read_seconds(self.dag.directory / job.benchmark)

    def _calibrated_s(self, job: PlannedJob) -> float:
        idle = self.passes_on(job) or self._is_expected_to_pass_on(job)
        return self.rate(job).seconds(0 if idle else self._work(job)[0])

    def _kind(self, job: PlannedJob) -> tuple[str, str]:
        return job.rule, self._work(job)[1]

    def _work(self, job: PlannedJob) -> tuple[float, str, float]:
        """Expected work of a job in single-core units, what does it (a device or code), its upper bound in minutes."""
        where = {name: value for name, value in job.wildcards.items() if name not in ALIKE}
        key = (job.rule, *sorted(where.items()))
        if key not in self._known:
            about = (self.campaign, job.rule, job.wildcards)
            self._known[key] = (
                work_of(*about).amount * RULE[job.rule].expected_share(self.campaign, job.wildcards) / speedup(*about),
                done_by(*about),
                needed_min(*about),
            )
        return self._known[key]


def rounded(value: float, digits: int = DIGITS) -> float:
    """A number to so many significant digits: estimates have no more."""
    return round(value, digits - 1 - floor(log10(abs(value)))) if value else 0.0


def _spread(jobs: Sequence[PlannedJob]) -> Iterable[PlannedJob]:
    """At most `SAMPLE` of the jobs, evenly over them."""
    return jobs[:: max(1, -(-len(jobs) // SAMPLE))]


def _on_other_device(attempts: Sequence[Mapping], *, gpu: bool) -> bool:
    gpus = [attempt["requested"]["gpus"] for attempt in attempts if attempt.get("requested")]
    return any(number is not None and (number > 0) is not gpu for number in gpus)


def read_seconds(benchmark: Path) -> float | None:
    """Seconds of the last run in a benchmark file of Snakemake; None where there is none."""
    try:
        with benchmark.open() as handle:
            rows = list(csv.DictReader(handle, delimiter="\t"))
        return float(rows[-1]["s"])
    except (OSError, IndexError, KeyError, TypeError, ValueError):
        return None
