"""Segments follow the walltime that is left, and change nothing else."""

import time

import numpy as np
import pytest
from md_cases import SmallMemory, run_springs

from saltflow.dynamics.walltime import SHORTEST_SEGMENT_S, Walltime, parse_end, walltime_of_job


class Clock:
    """A clock that goes on by some seconds whenever it is read."""

    def __init__(self, *, tick_s):
        self.now_s, self.tick_s = 0.0, tick_s

    def __call__(self):
        self.now_s += self.tick_s
        return self.now_s


def segments(folder, *, end_s, tick_s):
    """Steps at the end of each segment of a run whose clock goes on by one tick per step."""
    under_way = run_springs(folder, SmallMemory(room=10_000), segment_steps=16)
    under_way.walltime = Walltime(end_s, clock=Clock(tick_s=tick_s))
    ends = []
    while under_way.progress.stage < 1:
        under_way._run_segment()
        under_way._write_checkpoint()
        ends.append(under_way.progress.total_steps)
    return ends, under_way.finish()


def test_segments_become_shorter_towards_the_end_of_the_walltime(tmp_path):
    unhurried, expected = segments(tmp_path / "unhurried", end_s=None, tick_s=20.0)
    assert unhurried == [16, 30]
    hurried, outcomes = segments(tmp_path / "hurried", end_s=640.0, tick_s=20.0)
    lengths = np.diff([0, *hurried])
    assert lengths[0] == 16
    assert sorted(lengths, reverse=True) == lengths.tolist()
    assert lengths[-1] == 1
    for mine, theirs in zip(outcomes, expected, strict=True):
        np.testing.assert_array_equal(mine.atoms.positions, theirs.atoms.positions)


def test_a_segment_has_half_of_what_is_left_but_never_less_than_some_seconds():
    clock = Clock(tick_s=0.0)
    for now_s, share_s in ((0.0, 500.0), (900.0, 50.0), (995.0, SHORTEST_SEGMENT_S), (2000.0, SHORTEST_SEGMENT_S)):
        clock.now_s = now_s
        walltime = Walltime(1000.0, clock=clock)
        walltime.begin_segment()
        clock.now_s = now_s + share_s - 0.1
        assert not walltime.is_time_to_save()
        clock.now_s = now_s + share_s
        assert walltime.is_time_to_save()


def test_the_end_of_the_job_is_read_from_the_scheduler(tmp_path, monkeypatch):
    assert walltime_of_job({}).end_s is None
    assert walltime_of_job({"SLURM_JOB_END_TIME": "1790000000", "SLURM_JOB_ID": "7"}).end_s == 1790000000
    monkeypatch.setenv("PATH", str(tmp_path))  # no squeue, as inside a container
    assert walltime_of_job({"SLURM_JOB_ID": "7"}).end_s is None


@pytest.mark.parametrize(("text", "known"), [("2026-11-21T17:05:00\n", True), ("N/A\n", False), ("", False)])
def test_the_end_is_parsed_from_squeue(text, known):
    expected = time.mktime((2026, 11, 21, 17, 5, 0, 0, 0, -1)) if known else None
    assert parse_end(text) == expected
