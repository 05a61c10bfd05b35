"""Trajectories are written beside the run, and never keep a run alive that was interrupted."""

import signal
import subprocess
import sys
from pathlib import Path

from workplaces import ENVIRONMENT, ROOT

ENDS_WITHIN_S = 120
INTERRUPTED_WHILE_THE_THREAD_STARTS = """
import sys
from pathlib import Path
from threading import Thread

from ase.build import bulk
from saltflow.dynamics.checkpoints import SegmentFiles
from saltflow.dynamics.growing_trajectories import GrowingTrajectories

start = Thread.start

def interrupted(thread):
    start(thread)
    raise KeyboardInterrupt

Thread.start = interrupted
GrowingTrajectories(SegmentFiles(Path(sys.argv[1])), [bulk("Cu")]).grow()
"""


def test_ctrl_c_while_the_thread_starts_ends_the_process(tmp_path: Path):
    command = [sys.executable, "-c", INTERRUPTED_WHILE_THE_THREAD_STARTS, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=ENDS_WITHIN_S)
    assert ended.returncode == -signal.SIGINT, ended.stderr
    assert (tmp_path / "appended.json").is_file()
