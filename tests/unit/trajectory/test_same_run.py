"""Replicas that hold the same frames are one run."""

import numpy as np
import pytest

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.memory import Trajectory
from saltflow.trajectory.same_run import refuse_same_run


def run_of(positions_A):
    frames = len(positions_A)
    return Trajectory(
        positions_A=positions_A,
        cells_A=np.repeat(9.0 * np.eye(3)[None], frames, 0),
        times_ps=0.1 * np.arange(frames),
        symbols=("Li", "Li", "Cl", "Cl", "Cl", "Cl"),
        masses_u=np.ones(6),
    )


def walk_A(seed):
    rng = np.random.default_rng(seed)
    start_A = np.random.default_rng(0).random((6, 3)) * 9
    return start_A + np.concatenate([np.zeros((1, 6, 3)), np.cumsum(rng.normal(0, 0.3, (80, 6, 3)), axis=0)])


@pytest.mark.parametrize(
    "part",
    [slice(None), slice(0, 40), slice(10, None), slice(5, 70), slice(None, None, 2)],
    ids=["all", "first half", "without the first frames", "middle", "every other frame"],
)
def test_a_run_and_any_part_of_it_are_the_same_run(part):
    whole = walk_A(1)
    wrapped = whole[part] - 9 * np.floor(whole[part] / 9)
    with pytest.raises(SaltflowError, match="a.dump and b.xyz hold the same frames|b.xyz and a.dump hold the same"):
        refuse_same_run([run_of(whole), run_of(wrapped)], ["a.dump", "b.xyz"])


def test_replicas_may_share_their_first_frame():
    refuse_same_run([run_of(walk_A(1)), run_of(walk_A(2)), run_of(walk_A(3))], ["a", "b", "c"])
