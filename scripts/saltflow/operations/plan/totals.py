"""The sums of a plan: hours, labels, wall time, the largest job, the queue at its fullest, storage and files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from saltflow.operations.plan.cluster import Cluster
from saltflow.operations.plan.dag import Dag, PlannedJob, gpus_of, memory_of, runtime_of
from saltflow.operations.plan.expected_learning import ExpectedLearning
from saltflow.operations.plan.expected_times import Estimator, rounded
from saltflow.operations.plan.queue import Capacity, QueuedTask, QueueOutcome, simulate
from saltflow.operations.plan.storage import Storage
from saltflow.operations.plan.submissions import request_of, tasks_of

# Of a node where the cluster does not tell.
NODE_CORES, NODE_MEMORY_MB, NODE_GPUS = 64, 256_000, 4
NODE_NUMBERS = (1, 2, 4, 8, 16)


def totals(
    dag: Dag, submissions: list[list[PlannedJob]], estimator: Estimator, storage: Storage, cluster: Cluster
) -> dict[str, object]:
    """The section `totals` of a plan.

    Args:
        dag: all jobs. submissions: the due ones, as they are submitted.
        estimator: of their hours. storage: of their products. cluster: where they would run.
    """
    outlook = _Outlook(dag, submissions, estimator, cluster)
    new = sum(map(storage.bytes_of, dag.due))
    held = new + sum(storage.bytes_of(job) for job in dag.jobs if not job.due)
    # Files of running jobs: at most of as many as may run at a time, the largest of them.
    running = max(outlook.peak_queued, dag.local_cores or 1)
    scratch = sum(sorted(map(storage.scratch_bytes, dag.due), reverse=True)[:running])
    return {
        "cpu_hours": estimator.hours(dag.jobs, gpu=False),
        "gpu_hours": estimator.hours(dag.jobs, gpu=True),
        "labels": _labels(estimator.learning),
        "wall_hours": [
            {"cpu_nodes": cpu_nodes, "gpu_nodes": gpu_nodes, "expected": rounded(outcome.hours, 2)}
            for cpu_nodes, gpu_nodes, outcome in outlook.outcomes
        ],
        "largest_job": _largest_job(dag, submissions),
        "peak_queued": outlook.peak_queued,
        "peak_submissions_per_minute": outlook.peak_submissions_per_minute,
        "storage_GB": {
            "end": rounded(held / 1e9),
            "peak": rounded((held + scratch) / 1e9),
            "new": rounded((new + scratch) / 1e9),
        },
        "files": storage.files,
    }


def _labels(learning: ExpectedLearning) -> dict | None:
    """Labels of all potentials, those that are there included; None where nothing learns."""
    outlooks = learning.outlooks.values()
    if not outlooks:
        return None
    return {
        "expected": round(sum(each.labels for each in outlooks)),
        "upper": sum(each.most_labels for each in outlooks),
        "basis": next(each.basis for each in outlooks),
    }


def wall_hours(dag: Dag, submissions: list[list[PlannedJob]], estimator: Estimator, cluster: Cluster) -> float | None:
    """Expected hours on a middling number of nodes; None where nothing is due."""
    outlook = _Outlook(dag, submissions, estimator, cluster)
    numbers = outlook.node_numbers
    return rounded(outlook.outcome(numbers[len(numbers) // 2]).hours, 2) if submissions else None


@dataclass(frozen=True)
class _Outlook:
    """How the due jobs would go through the queue, for several numbers of nodes."""

    dag: Dag
    submissions: list[list[PlannedJob]]
    estimator: Estimator
    cluster: Cluster

    @cached_property
    def outcomes(self) -> list[tuple[int, int, QueueOutcome]]:
        """CPU nodes, GPU nodes and what the simulation finds for them; a local run has this machine."""
        if not self.submissions:
            return []
        wants_gpus = any(task.gpus for task in self._tasks)
        return [(number, number if wants_gpus else 0, self.outcome(number)) for number in self.node_numbers]

    @property
    def node_numbers(self) -> Sequence[int]:
        return (1,) if self._is_local else NODE_NUMBERS

    def outcome(self, number: int) -> QueueOutcome:
        """What the simulation finds for a number of nodes of each kind."""
        max_submissions = None if self._is_local else self.dag.max_submissions
        nodes = self._nodes(number)
        return simulate(self._tasks, nodes, max_queued=self.dag.max_jobs, max_submissions=max_submissions)

    @cached_property
    def _tasks(self) -> list[QueuedTask]:
        return tasks_of(self.dag, self.submissions, self.estimator)

    @property
    def peak_queued(self) -> int:
        return 0 if self._is_local else max((outcome.peak_queued for *_, outcome in self.outcomes), default=0)

    @property
    def peak_submissions_per_minute(self) -> int:
        most = max((outcome.peak_submissions_per_minute for *_, outcome in self.outcomes), default=0)
        return 0 if self._is_local else most

    @property
    def _is_local(self) -> bool:
        return self.dag.executor == "local"

    def _nodes(self, number: int) -> Capacity:
        local_cores = self.dag.local_cores or 1
        if self._is_local:
            return Capacity(cores=local_cores, memory_MB=float("inf"), gpus=1, local_cores=local_cores)
        return Capacity(
            cores=int(number * self._largest("cores", NODE_CORES)),
            memory_MB=number * self._largest("memory_MB", NODE_MEMORY_MB),
            gpus=int(number * self._largest("gpus", NODE_GPUS)),
            local_cores=local_cores,
        )

    def _largest(self, of: str, otherwise: float) -> float:
        """Cores, memory or GPUs of the largest node of the cluster."""
        return max(
            (size for partition in self.cluster.partitions if (size := getattr(partition, of))), default=otherwise
        )


def _largest_job(dag: Dag, submissions: Sequence[list[PlannedJob]]) -> dict | None:
    """The submission that asks for the most memory, and for the most time among those."""
    requested = [(*request_of(dag, jobs), jobs[0]) for jobs in submissions]
    if not requested:
        return None
    threads, resources, job = max(requested, key=lambda each: (memory_of(each[1]), runtime_of(each[1])))
    return {
        "rule": job.rule,
        "subject": ", ".join(f"{name} {value}" for name, value in job.wildcards.items()),
        "memory_MB": memory_of(resources),
        "cpus": threads,
        "gpus": gpus_of(resources),
        "runtime_min": runtime_of(resources),
    }
