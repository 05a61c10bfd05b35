"""How long the due jobs take on a number of nodes, and how many of them wait in the queue: a simulation.

List scheduling (Graham, SIAM J. Appl. Math. 17, 416 (1969)): whenever there is room, the next job that has all it
needs is started. Capacity of a kind count as one pool of cores and memory or of GPUs, other users do not exist, and
no job fails; so the time is that of an empty cluster.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

Pool = Literal["local", "cpu", "gpu"]
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """A submission: one job, or a group of jobs that are done one after another, or a local job.

    needs: numbers of the tasks that must have ended. seconds: that it takes.
    """

    pool: Pool
    needs: tuple[int, ...]
    seconds: float
    cores: int = 1
    gpus: int = 0
    memory_MB: float = 0


@dataclass(frozen=True)
class Capacity:
    """What there is to run on. cores, memory_MB: of all CPU nodes together; gpus: of all GPU nodes."""

    cores: int
    memory_MB: float
    gpus: int
    local_cores: int


@dataclass(frozen=True)
class QueueOutcome:
    """What the simulation found: hours until the last job has ended, and the busiest moments of the queue."""

    hours: float
    peak_queued: int
    peak_submissions_per_minute: int


def simulate(
    tasks: Sequence[QueuedTask], nodes: Capacity, *, max_queued: int | None, max_submissions: tuple[int, float] | None
) -> QueueOutcome:
    """Run the tasks in the order given, as far as their needs allow.

    Args:
        tasks: those that a task needs come before or after it; their numbers are positions in this sequence.
        nodes: where they run.
        max_queued: submissions that may wait and run at a time; None for as many as there are.
        max_submissions: how many may be submitted within how many seconds; None for any number.
    """
    simulation = _Simulation(tasks, nodes, max_queued, max_submissions)
    simulation.run()
    return QueueOutcome(
        hours=simulation.now / 3600,
        peak_queued=simulation.peak_queued,
        peak_submissions_per_minute=_busiest(simulation.submitted, within_s=MINUTE_S),
    )


@dataclass
class _Simulation:
    tasks: Sequence[QueuedTask]
    nodes: Capacity
    max_queued: int | None
    max_submissions: tuple[int, float] | None
    now: float = 0.0
    peak_queued: int = 0
    queued: int = 0
    submitted: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waits_for = [len(task.needs) for task in self.tasks]
        self.enables: list[list[int]] = [[] for _ in self.tasks]
        for number, task in enumerate(self.tasks):
            for need in task.needs:
                self.enables[need].append(number)
        self.ready = [number for number, needs in enumerate(self.waits_for) if not needs]
        self.waiting: Mapping[Pool, deque[int]] = {"local": deque(), "cpu": deque(), "gpu": deque()}
        self.free = _Room(self.nodes)
        self.events: list[tuple[float, int, int | None]] = []
        self.order = count()

    def run(self) -> None:
        self._submit()
        self._start()
        while self.events:
            self.now, _, ended = heapq.heappop(self.events)
            if ended is not None:
                self._end(ended)
            self._submit()
            self._start()

    def _submit(self) -> None:
        """Put what is ready into the queues, as fast as it is allowed to."""
        held = []
        while self.ready:
            number = heapq.heappop(self.ready)
            pool = self.tasks[number].pool
            if pool == "local":
                self.waiting[pool].append(number)
            elif self.max_queued is not None and self.queued >= self.max_queued:
                held.append(number)
                break
            elif (allowed := self._next_submission()) > self.now:
                held.append(number)
                heapq.heappush(self.events, (allowed, next(self.order), None))
                break
            else:
                self.waiting[pool].append(number)
                self.submitted.append(self.now)
                self.queued += 1
                self.peak_queued = max(self.peak_queued, self.queued)
        for number in held:
            heapq.heappush(self.ready, number)

    def _next_submission(self) -> float:
        if self.max_submissions is None or len(self.submitted) < self.max_submissions[0]:
            return self.now
        number, seconds = self.max_submissions
        return self.submitted[-number] + seconds

    def _start(self) -> None:
        for queue in self.waiting.values():
            while queue and self.free.take(self.tasks[queue[0]]):
                number = queue.popleft()
                heapq.heappush(self.events, (self.now + self.tasks[number].seconds, next(self.order), number))

    def _end(self, number: int) -> None:
        task = self.tasks[number]
        self.free.give(task)
        self.queued -= task.pool != "local"
        for other in self.enables[number]:
            self.waits_for[other] -= 1
            if not self.waits_for[other]:
                heapq.heappush(self.ready, other)


class _Room:
    """What is free; a task larger than everything there is gets everything there is."""

    def __init__(self, nodes: Capacity):
        self.nodes = nodes
        self.free = {"local": [nodes.local_cores], "cpu": [nodes.cores, nodes.memory_MB], "gpu": [nodes.gpus]}
        self.all = {pool: tuple(amounts) for pool, amounts in self.free.items()}

    def take(self, task: QueuedTask) -> bool:
        requested = self._requested(task)
        free = self.free[task.pool]
        if any(want > there for want, there in zip(requested, free, strict=True)):
            return False
        self.free[task.pool] = [there - want for want, there in zip(requested, free, strict=True)]
        return True

    def give(self, task: QueuedTask) -> None:
        free = self.free[task.pool]
        self.free[task.pool] = [there + want for want, there in zip(self._requested(task), free, strict=True)]

    def _requested(self, task: QueuedTask) -> list[float]:
        wants = {"local": [task.cores], "cpu": [task.cores, task.memory_MB], "gpu": [task.gpus]}[task.pool]
        return [min(want, most) for want, most in zip(wants, self.all[task.pool], strict=True)]


def _busiest(times: Iterable[float], *, within_s: float) -> int:
    """The most times that fall within a span; the times ascend."""
    recent: deque[float] = deque()
    most = 0
    for time in times:
        recent.append(time)
        while recent[0] <= time - within_s:
            recent.popleft()
        most = max(most, len(recent))
    return most
