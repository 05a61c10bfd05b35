"""Runs with frozen groups: nothing frozen is the free engine, kills and lost cells change nothing, ensembles."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from spring_runs import run, stage

from saltflow.base.errors import SaltflowError


def assert_same_to_the_last_bit(one, other):
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine.atoms.positions, theirs.atoms.positions)
        np.testing.assert_array_equal(mine.atoms.get_velocities(), theirs.atoms.get_velocities())
        assert (mine.steps, mine.conserved_drift_meV_atom_ps) == (theirs.steps, theirs.conserved_drift_meV_atom_ps)


def test_with_nothing_frozen_a_run_is_the_free_one_to_the_last_bit(tmp_path):
    free, empty = run(tmp_path / "free", None).finish(), run(tmp_path / "empty", "").finish()
    assert_same_to_the_last_bit(free, empty)
    frozen = run(tmp_path / "frozen", "R").finish()
    assert np.abs(frozen[0].atoms.positions - free[0].atoms.positions).max() > 0.01


@pytest.mark.parametrize("motions", ["V", "TR"])
def test_length_of_the_segments_does_not_matter(tmp_path, motions):
    whole, segmented = run(tmp_path / "whole", motions), run(tmp_path / "segmented", motions, segment_steps=7)
    assert_same_to_the_last_bit(whole.finish(), segmented.finish())


CHILD = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from spring_runs import run
run(Path({folder!r}), "V", segment_steps=2).finish()
"""


def test_a_killed_run_resumes_to_the_same_trajectory(tmp_path):
    unit = Path(__file__).parents[1]
    paths = [str(unit), str(unit.parents[1] / "scripts")]
    program = CHILD.format(paths=paths, folder=str(tmp_path / "killed"))
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", program]) as child:
        patience = time.monotonic() + 120
        while not (tmp_path / "killed/segment-000003.pt").exists():
            assert child.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.005)
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed/segment-000029.pt").exists()
    resumed = run(tmp_path / "killed", "V", segment_steps=9)
    assert resumed.progress.total_steps >= 8
    assert_same_to_the_last_bit(resumed.finish(), run(tmp_path / "whole", "V").finish())


def test_other_cells_keep_their_groups_when_one_is_lost(tmp_path):
    together = run(tmp_path / "together", "TV", cells=3, broken=1)
    first, lost, last = together.finish()
    assert "not finite" in lost.status
    assert (first.status, last.status) == ("ok", "ok")
    healthy = run(tmp_path / "healthy", "TV", cells=3).finish()
    for mine, theirs in ((first, healthy[0]), (last, healthy[2])):
        np.testing.assert_allclose(mine.atoms.positions, theirs.atoms.positions, atol=1e-9)


def test_conserved_quantity_holds_with_fewer_degrees(tmp_path):
    for motions in ("", "T", "V"):
        outcome = run(tmp_path / f"drift{motions}", motions, schedule=[stage(steps=200)]).finish()[0]
        assert abs(outcome.conserved_drift_meV_atom_ps) < 20


@pytest.mark.parametrize("ensemble", ["relax", "npt"])
def test_frozen_groups_are_refused_where_cells_or_atoms_move_otherwise(tmp_path, ensemble):
    with pytest.raises(SaltflowError, match=f"NVE and NVT only; remove the stages {ensemble}"):
        run(tmp_path, "T", schedule=[stage(ensemble)])
