"""plan.json put together; its keys are described in saltflow.operations.plan."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from saltflow import __version__
from saltflow.base.provenance import digest
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.settings.physical_ranges import COLD_K
from saltflow.operations.attempts import SLURM_LOGS, journal_path, read_attempts
from saltflow.operations.pages.number_formats import counted, plural
from saltflow.operations.plan.calibration import Rate
from saltflow.operations.plan.cluster import Cluster, look_at_cluster
from saltflow.operations.plan.comparison import difference_to_approved
from saltflow.operations.plan.dag import Dag, PlannedJob
from saltflow.operations.plan.expected_times import Estimator, rounded
from saltflow.operations.plan.limits import broken_by_machine, broken_limits
from saltflow.operations.plan.loss import expected_loss
from saltflow.operations.plan.prices import price_list
from saltflow.operations.plan.reasons import reasons_table
from saltflow.operations.plan.storage import Storage
from saltflow.operations.plan.submissions import (
    due_submissions,
    gpus_of,
    is_submitted,
    memory_of,
    requests_of,
    runtime_of,
)
from saltflow.operations.plan.totals import NODE_CORES, NODE_GPUS, NODE_MEMORY_MB, totals
from saltflow.operations.rate_bases import UNMEASURED
from saltflow.operations.rule_spec import STAGES
from saltflow.operations.rules import ORDER, RULE


@dataclass(frozen=True)
class PlanRequest:
    """Of what a plan is made: how the run would be started, the calibration that holds, what was not checked, and rates
    that others have published.
    """

    command: str
    profile: str | None
    rates: Mapping[tuple[str, str], Rate]
    unchecked: Sequence[str] = ()
    published: Mapping[tuple[str, str], Rate] = field(default_factory=dict)


def make_plan(dag: Dag, campaign: Campaign, request: PlanRequest) -> dict:
    """The whole plan of a sweep.

    Args:
        dag: its jobs, done and due.
        campaign: what is to be done.
        request: how it would be started.

    Raises:
        InputError: the file of partitions that the profile names cannot be read.
    """
    return _Report(dag, campaign, request).content()


class _Report:
    def __init__(self, dag: Dag, campaign: Campaign, request: PlanRequest):
        self.dag, self.campaign, self.request = dag, campaign, request
        self.estimator = Estimator(campaign, dag, request.rates)
        self.storage = Storage(campaign, dag)
        self.submissions = due_submissions(dag)
        self.submitted = [jobs for jobs in self.submissions if is_submitted(dag, jobs)]
        self.by_rule: dict[str, list[PlannedJob]] = defaultdict(list)
        for job in sorted(dag.jobs, key=lambda job: (ORDER.get(job.rule, len(ORDER)), job.index)):
            self.by_rule[job.rule].append(job)

    def content(self) -> dict:
        plan = {
            "saltflow": __version__,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "directory": str(self.dag.directory),
            "command": self.request.command,
            "profile": self.request.profile,
            "settings_digest": digest([self.settings, [dict(row) for row in map(self._identity, self.campaign.swept)]]),
            "counts": self._tally(self.dag.jobs) | {"submissions": len(self.submitted)},
            "rules": [self._rule(rule, jobs) for rule, jobs in self.by_rule.items()],
            "loss": expected_loss(self.dag),
            "reasons": sorted(reasons_table(self.dag, failed=self.failed), key=lambda row: ORDER[row["rule"]]),
            "stages": list(STAGES),
            "compositions": self._compositions(),
            "potentials": self._potentials(),
            "graph": self._graph(),
            "totals": self.totals,
            "prices": price_list(
                self.dag,
                self.campaign,
                self.request.rates,
                published=self.request.published,
                submissions=self.submissions,
                cluster=self.cluster,
            ),
            "limits": self._limits(),
            "unchecked": self._unchecked(),
            "estimates": self._estimates(),
            "notes": self._notes(),
            "settings": self.settings,
        }
        return plan | {"difference": difference_to_approved(plan, self.dag.directory)}

    # ── jobs ───────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def failed(self) -> set[int]:
        """Due jobs whose last attempt did not end well."""
        return {
            job.index for job in self.dag.due if job.log and self._last_word(job.log) not in (None, "done", "running")
        }

    def _last_word(self, log: str) -> str | None:
        path = self.dag.directory / log
        if not journal_path(path).is_file():
            return None
        attempts = read_attempts(path, slurm_logs=self.dag.directory / SLURM_LOGS)
        return attempts[-1].reason if attempts else None

    def _tally(self, jobs: Iterable[PlannedJob]) -> dict[str, int]:
        counts = {"due": 0, "done": 0, "failed": 0}
        for job in jobs:
            counts["failed" if job.index in self.failed else "due" if job.due else "done"] += 1
        return counts | {"due": counts["due"] + counts["failed"]}

    def _stages(self, jobs: Iterable[PlannedJob]) -> dict[str, dict[str, int]]:
        found: dict[str, list[PlannedJob]] = defaultdict(list)
        for job in jobs:
            found[RULE[job.rule].stage].append(job)
        return {stage: self._tally(found[stage]) for stage in STAGES if stage in found}

    # ── tables ─────────────────────────────────────────────────────────────────────────────────

    def _rule(self, rule: str, jobs: Sequence[PlannedJob]) -> dict:
        due = [job for job in jobs if job.due]
        gpus = max((gpus_of(job.resources) for job in due), default=0)
        return {
            "rule": rule,
            "title": _first_sentence(self.dag.rules[rule]),
            "stage": RULE[rule].stage,
            "where": "local" if jobs[0].local else "gpu" if gpus else "cpu",
            **self._tally(jobs),
            "submissions": sum(jobs[0].rule == rule for jobs in self.submitted),
            "cpu_hours": self.estimator.hours(due, gpu=False),
            "gpu_hours": self.estimator.hours(due, gpu=True),
            "memory_MB": max((memory_of(job.resources) for job in due), default=None),
            "runtime_min": max((runtime_of(job.resources) for job in due), default=None),
            "basis": self.estimator.basis(due[0]) if due else None,
        }

    def _compositions(self) -> list[dict]:
        jobs = self._by_wildcard("composition")
        return [self._composition(name, jobs[name]) for name in self.campaign.swept]

    def _composition(self, name: str, jobs: Sequence[PlannedJob]) -> dict:
        temperatures: dict[str, list[PlannedJob]] = defaultdict(list)
        for job in jobs:
            if "temperature" in job.wildcards:
                temperatures[job.wildcards["temperature"]].append(job)
        return {
            "id": name,
            "potential": self.campaign.composition(name).potential,
            "stages": self._stages(jobs),
            "temperatures": [
                {"K": int(kelvin), "stages": self._stages(temperatures[kelvin])}
                for kelvin in sorted(temperatures, key=int)
            ],
            **self._costs(jobs),
        }

    def _potentials(self) -> list[dict]:
        jobs = self._by_wildcard("potential")
        return [
            {"id": name, "stages": self._stages(jobs[name]), **self._costs(jobs[name]), **self._learning(name)}
            for name in self.campaign.needed_potentials
        ]

    def _learning(self, name: str) -> dict:
        if (outlook := self.estimator.learning.outlooks.get(name)) is None:
            return {"last_generation": None, "labels": None}
        labels = {"expected": round(outlook.labels), "upper": outlook.most_labels}
        return {"last_generation": outlook.last_generation, "labels": labels}

    def _by_wildcard(self, name: str) -> dict[str, list[PlannedJob]]:
        found: dict[str, list[PlannedJob]] = defaultdict(list)
        for job in self.dag.jobs:
            if name in job.wildcards:
                found[job.wildcards[name]].append(job)
        return found

    def _costs(self, jobs: Sequence[PlannedJob]) -> dict[str, float]:
        return {
            "cpu_hours": self.estimator.hours(jobs, gpu=False)["expected"],
            "gpu_hours": self.estimator.hours(jobs, gpu=True)["expected"],
            "storage_GB": rounded(sum(map(self.storage.bytes_of, jobs)) / 1e9),
        }

    def _graph(self) -> dict:
        rules = {job.index: job.rule for job in self.dag.jobs}
        edges = {(rules[other], job.rule) for job in self.dag.jobs for other in job.dependencies}
        nodes = [{"rule": rule, "stage": RULE[rule].stage, **self._tally(jobs)} for rule, jobs in self.by_rule.items()]
        return {"nodes": nodes, "edges": sorted(map(list, edges), key=lambda edge: [ORDER[rule] for rule in edge])}

    def _estimates(self) -> list[dict]:
        shown: dict[tuple[str, str], PlannedJob] = {}
        for rule, jobs in self.by_rule.items():
            for job in jobs:
                if job.due:
                    shown.setdefault((rule, self.estimator.rate(job).done_by), job)
        return [
            {
                "rule": rule,
                "done_by": done_by,
                "basis": self.estimator.basis(job),
                "conditions": self.estimator.rate(job).conditions,
                "seconds_per_unit": rounded(self.estimator.seconds_per_unit(job), 2),
                "unit": self.estimator.rate(job).unit,
            }
            for (rule, done_by), job in shown.items()
        ]

    # ── what the plan would meet ───────────────────────────────────────────────────────────────

    @cached_property
    def cluster(self) -> Cluster:
        if self.dag.executor != "slurm":
            return Cluster((), (), "This profile runs jobs on this machine: there are no limits of a cluster.")
        file = self.dag.executor_settings.get("partition_config") or os.environ.get("SNAKEMAKE_SLURM_PARTITIONS")
        return look_at_cluster(self.dag.directory / str(file) if file else None)

    @cached_property
    def totals(self) -> dict:
        return totals(self.dag, self.submissions, self.estimator, self.storage, self.cluster)

    def _limits(self) -> list[dict]:
        local = self.dag.executor == "local"
        of_machine = broken_by_machine(
            self.totals["storage_GB"],
            self.totals["largest_job"],
            folder=self.dag.directory,
            quota_GB=self.campaign.settings.execution.quota_GB,
            local=local,
        )
        return of_machine if local else [*of_machine, *self._limits_of_cluster()]

    def _limits_of_cluster(self) -> list[dict]:
        return broken_limits(
            requests_of(self.dag, self.submissions, self.estimator),
            self.cluster,
            max_jobs=self.dag.max_jobs,
            submissions=len(self.submitted),
        )

    def _unchecked(self) -> list[str]:
        """What may go wrong although nothing here says so."""
        found = [*self.request.unchecked, *self.cluster.unchecked]
        if assumed := [rule for rule, jobs in self.by_rule.items() if self._is_assumed(jobs)]:
            found.append(
                f"Times of {', '.join(assumed)} are assumed or published by others: measure molecular dynamics "
                "with `saltflow benchmark`, or trust the plan once the first jobs are done."
            )
        driven = {name: self.campaign.potential_of(name) for name in self.campaign.swept}
        as_it_is = {name: each.reference.foundation for name, each in driven.items() if not each.is_trained}
        if untested := [f"{name} ({foundation})" for name, foundation in as_it_is.items()]:
            found.append(
                f"Zero-shot: foundations drive {', '.join(untested)} as they are; their errors there are not known and "
                "no domain is assessed."
            )
        if cold_K := [kelvin for kelvin in self.campaign.temperatures_K if kelvin < COLD_K]:
            found.append(f"sweep.temperatures_K holds {', '.join(map(str, cold_K))}: make sure that this is not in °C.")
        return found

    def _is_assumed(self, jobs: Sequence[PlannedJob]) -> bool:
        return any(job.due and self.estimator.basis(job) in UNMEASURED for job in jobs)

    def _notes(self) -> list[str]:
        """What a reader must know of the numbers."""
        notes = [
            *self._notes_of_learning(),
            "Hours at most are those of the walltime asked for by every job once; a job that fails and is tried again "
            "takes more.",
            self.cluster.source,
        ]
        if self.dag.executor != "local" and not self.cluster.partitions:
            notes.append(
                f"Wall times assume nodes of {NODE_CORES} cores and {NODE_MEMORY_MB // 1000} GB, and GPU nodes of "
                f"{NODE_GPUS} GPUs."
            )
        return notes

    def _notes_of_learning(self) -> Iterator[str]:
        if not (outlooks := self.estimator.learning.outlooks):
            return
        labels = self.totals["labels"]
        last = {name: self.campaign.potential(name).generations[-1] for name in outlooks}
        sooner = sum(each.last_generation < last[name] for name, each in outlooks.items())
        later = [job for job in self.dag.due if int(job.wildcards.get("generation", 0)) > 0]
        cpu_hours, gpu_hours = (self.estimator.hours(later, gpu=gpu)["expected"] for gpu in (False, True))
        yield (
            f"By {labels['basis']}, {counted(labels['expected'])} labels are expected and {counted(labels['upper'])} "
            f"possible; {sooner} of {plural(len(outlooks), 'potential')} should converge before the last generation: "
            f"what follows takes seconds. Of the expected hours, {cpu_hours:,g} CPU-hours and {gpu_hours:,g} GPU-hours "
            "belong to generations after the first, which may not be needed."
        )

    # ── what the plan is of ────────────────────────────────────────────────────────────────────

    @cached_property
    def settings(self) -> dict[str, object]:
        """Dotted key → value of everything that is set, overrides included."""
        overrides = self.campaign.overrides.model_dump(mode="json")
        return _flat(self.campaign.settings.model_dump(mode="json")) | _flat({"overrides": overrides})

    def _identity(self, name: str) -> dict:
        return self.campaign.composition(name).identity


def _flat(content: Mapping, prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _first_sentence(docstring: str) -> str:
    return re.split(r"(?<=[.;?])\s", " ".join(docstring.split()))[0]
