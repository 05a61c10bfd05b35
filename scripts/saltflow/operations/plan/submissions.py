"""What the due jobs ask of the scheduler: submissions for the simulation, and the largest request of every rule."""

from collections.abc import Iterable

from saltflow.operations.plan.dag import Dag, PlannedJob, Resources, gpus_of, memory_of, runtime_of
from saltflow.operations.plan.expected_times import Estimator
from saltflow.operations.plan.limits import Request
from saltflow.operations.plan.queue import QueuedTask
from saltflow.operations.rules import RULE


def due_submissions(dag: Dag) -> list[list[PlannedJob]]:
    """The due jobs, those of a group together, in the order of the workflow."""
    together: dict[tuple[str, int], list[PlannedJob]] = {}
    for job in dag.due:
        key = ("job", job.index) if job.group is None else ("group", job.group)
        together.setdefault(key, []).append(job)
    return list(together.values())


def is_submitted(dag: Dag, jobs: list[PlannedJob]) -> bool:
    """Whether jobs of one submission go to the scheduler; the others are done by Snakemake itself."""
    return dag.executor != "local" and not (jobs[0].local and jobs[0].group is None)


def request_of(dag: Dag, jobs: list[PlannedJob]) -> tuple[int, Resources]:
    """Cores and resources that jobs of one submission ask for together."""
    if jobs[0].group is None:
        return jobs[0].threads, jobs[0].resources
    group = dag.groups[jobs[0].group]
    return group.threads, group.resources


def tasks_of(dag: Dag, submissions: list[list[PlannedJob]], estimator: Estimator) -> list[QueuedTask]:
    """The submissions for the simulation; members of a group follow each other."""
    number = {job.index: place for place, jobs in enumerate(submissions) for job in jobs}
    tasks = []
    for place, jobs in enumerate(submissions):
        threads, resources = request_of(dag, jobs)
        needs = {number[other] for job in jobs for other in job.dependencies if other in number}
        gpus = gpus_of(resources)
        tasks.append(
            QueuedTask(
                pool="local" if jobs[0].local and jobs[0].group is None else "gpu" if gpus else "cpu",
                needs=tuple(sorted(needs - {place})),
                seconds=sum(map(estimator.expected_s, jobs)),
                cores=threads,
                gpus=gpus,
                memory_MB=memory_of(resources),
            )
        )
    return tasks


def requests_of(dag: Dag, submissions: Iterable[list[PlannedJob]], estimator: Estimator) -> list[Request]:
    """The largest requests of every rule, partition and QOS that is submitted.

    A group is counted for the rule of its first job.
    """
    largest: dict[tuple[str, str, str, int], Request] = {}
    for jobs in submissions:
        threads, resources = request_of(dag, jobs)
        if not is_submitted(dag, jobs):
            continue
        rule, gpus = jobs[0].rule, gpus_of(resources)
        partition, qos = str(resources.get("slurm_partition") or ""), str(resources.get("qos") or "")
        key = (rule, partition, qos, gpus)
        found = largest.get(key) or Request(rule, partition, qos, 0, 0, 0, gpus, 0, RULE[rule].resumes)
        largest[key] = Request(
            rule,
            partition,
            qos,
            runtime_min=max(found.runtime_min, runtime_of(resources)),
            memory_MB=max(found.memory_MB, memory_of(resources)),
            cores=max(found.cores, threads),
            gpus=gpus,
            expected_min=max(found.expected_min, sum(map(estimator.expected_s, jobs)) / 60),
            resumes=found.resumes,
        )
    return list(largest.values())
