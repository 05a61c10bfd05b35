"""The simulation of nodes and queue, against schedules that can be drawn by hand."""

import math

import pytest

from saltflow.operations.plan.queue import Capacity, QueuedTask, simulate

HOUR = 3600
NODES = Capacity(cores=4, memory_MB=8000, gpus=1, local_cores=1)


def hours(*tasks: QueuedTask, nodes: Capacity = NODES, max_queued: int | None = None, max_submissions=None) -> float:
    return simulate(tasks, nodes, max_queued=max_queued, max_submissions=max_submissions).hours


def cpu(*needs: int, **settings) -> QueuedTask:
    return QueuedTask("cpu", needs, HOUR, **settings)


def test_jobs_side_by_side_fill_the_cores():
    assert hours(*[cpu() for _ in range(8)]) == 2
    assert hours(*[cpu(cores=2) for _ in range(8)]) == 4


def test_memory_keeps_jobs_apart():
    assert hours(*[cpu(memory_MB=5000) for _ in range(3)]) == 3


def test_a_chain_takes_the_sum_on_any_number_of_nodes():
    chain = [cpu(), cpu(0), cpu(1)]
    assert hours(*chain, nodes=Capacity(cores=1000, memory_MB=1e6, gpus=0, local_cores=1)) == 3


def test_needs_may_come_later_in_the_list():
    assert hours(cpu(1), cpu()) == 2


def test_gpus_and_cores_do_not_wait_for_each_other():
    gpu = [QueuedTask("gpu", (), HOUR, gpus=1) for _ in range(3)]
    assert hours(*gpu, *[cpu() for _ in range(8)]) == 3


def test_a_job_larger_than_all_nodes_still_runs():
    assert hours(cpu(cores=100, memory_MB=1e9)) == 1


def test_local_jobs_are_not_in_the_queue():
    local = [QueuedTask("local", (), HOUR) for _ in range(3)]
    found = simulate(local, NODES, max_queued=1, max_submissions=(1, 60))
    assert (found.hours, found.peak_queued, found.peak_submissions_per_minute) == (3, 0, 0)


def test_the_limit_on_queued_jobs_holds_and_slows():
    tasks = [cpu() for _ in range(8)]
    found = simulate(tasks, NODES, max_queued=2, max_submissions=None)
    assert found.peak_queued == 2
    assert found.hours == 4


def test_submissions_are_spread_out():
    tasks = [QueuedTask("cpu", (), 1) for _ in range(10)]
    wide = Capacity(cores=10, memory_MB=math.inf, gpus=0, local_cores=1)
    found = simulate(tasks, wide, max_queued=None, max_submissions=(3, 60))
    assert found.peak_submissions_per_minute == 3
    assert found.hours == pytest.approx((3 * 60 + 1) / HOUR)
    assert simulate(tasks, wide, max_queued=None, max_submissions=None).peak_submissions_per_minute == 10


def test_no_jobs_take_no_time():
    assert hours() == 0


def test_all_work_is_done_within_the_bounds_of_list_scheduling():
    """No shorter than the work divided by the cores nor the longest chain, and at most their sum (Graham 1969)."""
    tasks = [cpu(*({number - 7, number - 3} & set(range(number)))) for number in range(60)]
    chain = 20  # every third job needs the one three before
    found = hours(*tasks)
    assert max(60 / 4, chain) <= found <= 60 / 4 + chain
