"""Which limits of the cluster the plan would break, each as a sentence with the key to change."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.operations.plan.cluster import Cluster, Partition
from saltflow.operations.plan.expected_times import rounded
from saltflow.operations.resources import MOST_SUBMISSIONS


@dataclass(frozen=True)
class Request:
    """What the largest submissions of a rule ask for.

    partition: '' for the default one; qos: '' for the default one.
    expected_min: longest expected time; resumes: whether a job that reached its walltime goes on.
    """

    rule: str
    partition: str
    qos: str
    runtime_min: float
    memory_MB: float
    cores: int
    gpus: int
    expected_min: float
    resumes: bool


@dataclass(frozen=True)
class _Limit:
    name: str
    unit: str
    requested: Callable[[Request], float]
    allowed: Callable[[Partition], float | None]
    remedy: str


LIMITS = (
    _Limit(
        "walltime",
        "min",
        lambda request: request.runtime_min,
        lambda partition: partition.runtime_min,
        "lower execution.site.{kind}.longest_min or name a longer partition",
    ),
    _Limit(
        "memory of a node",
        "MB",
        lambda request: request.memory_MB,
        lambda partition: partition.memory_MB,
        "name another partition in execution.site.{kind}.partition, or lower mem_mb of the rule under set-resources",
    ),
    _Limit(
        "cores of a node",
        "cores",
        lambda request: request.cores,
        lambda partition: partition.cores,
        "lower the threads of the rule under set-threads",
    ),
    _Limit(
        "GPUs of a node",
        "GPUs",
        lambda request: request.gpus,
        lambda partition: partition.gpus,
        "name a partition with GPUs in execution.site.gpu.partition",
    ),
)


def broken_limits(
    requests: Sequence[Request], cluster: Cluster, *, max_jobs: int | None, submissions: int
) -> list[dict]:
    """Every broken limit: its name, what is allowed and asked, the rule, and a sentence with the remedy.

    Args:
        requests: the largest of every rule that is submitted.
        cluster: what is known of it.
        max_jobs: submissions that may be in the queue at a time.
        submissions: how many there are.
    """
    found = [each for request in requests for each in _of_partitions(request, cluster.partitions)]
    found += [each for request in requests for each in _of_qos(request, cluster, max_jobs, submissions)]
    found += [each for request in requests if (each := _of_time(request))]
    return list({entry["sentence"]: entry for entry in found}.values())


def _of_partitions(request: Request, known: Sequence[Partition]) -> Iterable[dict]:
    candidates = _candidates(request, known)
    if candidates is None:
        names = ", ".join(partition.name for partition in known)
        sentence = (
            f"{request.rule} asks for partition '{request.partition}', which there is not; "
            f"correct execution.site.{_kind(request)}.partition (there are {names})."
        )
        yield _entry("partition", names, request.partition, request.rule, sentence)
        return
    if not candidates or any(not _broken(request, partition) for partition in candidates):
        return
    best = min(candidates, key=lambda partition: len(_broken(request, partition)))
    for limit in _broken(request, best):
        requested, allowed = limit.requested(request), limit.allowed(best)
        sentence = (
            f"{request.rule} asks for {requested:,.0f} {limit.unit} where partition {best.name} allows {allowed:,.0f}: "
            f"{limit.remedy.format(kind=_kind(request))}."
        )
        yield _entry(limit.name, allowed, requested, request.rule, sentence)


def _candidates(request: Request, known: Sequence[Partition]) -> list[Partition] | None:
    """Partitions where the jobs of a rule may run; None where the one that is asked for does not exist."""
    if request.partition:
        named = [partition for partition in known if partition.name in request.partition.split(",")]
        return None if known and not named else named
    return [partition for partition in known if partition.default] or list(known)


def _broken(request: Request, partition: Partition) -> list[_Limit]:
    return [
        limit
        for limit in LIMITS
        if (allowed := limit.allowed(partition)) is not None and limit.requested(request) > allowed
    ]


def _of_qos(request: Request, cluster: Cluster, max_jobs: int | None, submissions: int) -> Iterable[dict]:
    for qos in cluster.qos:
        if qos.name != (request.qos or "normal"):
            continue
        if qos.runtime_min is not None and request.runtime_min > qos.runtime_min:
            sentence = (
                f"{request.rule} asks for {request.runtime_min:,.0f} min where QOS {qos.name} allows "
                f"{qos.runtime_min:,.0f}: lower execution.site.{_kind(request)}.longest_min or name another qos."
            )
            yield _entry("walltime of the QOS", qos.runtime_min, request.runtime_min, request.rule, sentence)
        if qos.gpus is not None and request.gpus > qos.gpus:
            sentence = (
                f"{request.rule} asks for {request.gpus} GPUs where QOS {qos.name} allows {qos.gpus} per user: "
                "name another in execution.site.gpu.qos."
            )
            yield _entry("GPUs per user", qos.gpus, request.gpus, request.rule, sentence)
        at_once = min(submissions, max_jobs or submissions)
        if qos.submitted is not None and at_once > qos.submitted:
            sentence = (
                f"Up to {at_once} jobs would be in the queue where QOS {qos.name} allows {qos.submitted} per user: "
                f"set jobs: {qos.submitted} in the profile."
            )
            yield _entry("jobs in the queue", qos.submitted, at_once, request.rule, sentence)


def _of_time(request: Request) -> dict | None:
    """A job that is expected to need more than its walltime: resumed, but not too often, or not at all."""
    if request.expected_min <= request.runtime_min:
        return None
    submissions = -(-request.expected_min // request.runtime_min)
    expected_h, requested_h = request.expected_min / 60, request.runtime_min / 60
    if request.resumes and submissions <= MOST_SUBMISSIONS:
        return None
    remedy = (
        f"it would need about {submissions:,.0f} submissions, each resuming the one before, and gets "
        f"{MOST_SUBMISSIONS}: raise execution.site.{_kind(request)}.longest_min, or give the job less to do"
        if request.resumes
        else "it cannot resume: give the rule a longer runtime under set-resources"
    )
    found = f"{request.rule} is expected to take up to {expected_h:,.0f} h where {requested_h:,.0f} h are asked for"
    sentence = f"{found}; {remedy}."
    return _entry("expected time", round(request.runtime_min), round(request.expected_min), request.rule, sentence)


def broken_by_machine(
    storage_GB: Mapping[str, float], largest_job: Mapping | None, *, folder: Path, quota_GB: float | None, local: bool
) -> list[dict]:
    """Limits of this machine that would be broken, as `broken_limits` has them: free disk, quota and, of a local run,
    memory.

    Args:
        storage_GB, largest_job: of the totals of the plan.
        folder: of the sweep, on the disk in question.
        quota_GB: of the settings, or None.
        local: whether jobs run on this machine.
    """
    found = []
    free_GB = shutil.disk_usage(folder).free / 1e9
    if storage_GB["new"] > free_GB:
        sentence = (
            f"The sweep is expected to write {storage_GB['new']:,.3g} GB more where the disk of {folder} has "
            f"{free_GB:,.3g} GB left: free some (`saltflow tidy` lists what may go), start elsewhere, or lower "
            "cells.atoms, dynamics.production.duration_ps or sweep.replicas."
        )
        found.append(_entry("free disk", rounded(free_GB), storage_GB["new"], "", sentence))
    if quota_GB is not None and storage_GB["peak"] > quota_GB:
        sentence = (
            f"The sweep is expected to take {storage_GB['peak']:,.3g} GB where execution.quota_GB allows "
            f"{quota_GB:,g}: raise it, or sweep less at a time (sweep.compositions)."
        )
        found.append(_entry("quota", quota_GB, storage_GB["peak"], "", sentence))
    memory_MB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6
    if local and largest_job and largest_job["memory_MB"] > memory_MB:
        sentence = (
            f"{largest_job['rule']} needs {largest_job['memory_MB']:,.0f} MB where this machine has {memory_MB:,.0f}: "
            "lower cells.atoms or sweep.replicas, or run it on a larger one."
        )
        found.append(
            _entry("memory of this machine", round(memory_MB), largest_job["memory_MB"], largest_job["rule"], sentence)
        )
    return found


def _kind(request: Request) -> str:
    return "gpu" if request.gpus else "cpu"


def _entry(limit: str, allowed: object, requested: object, rule: str, sentence: str) -> Mapping[str, object]:
    return {"limit": limit, "allowed": allowed, "requested": requested, "rule": rule, "sentence": sentence}
