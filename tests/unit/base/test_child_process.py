"""A child does what its module does, and ends with its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from saltflow.base.child_process import bound_command

SLEEP = ["-n", "1", "-r", "1", "import time; time.sleep(60)"]
PARENT = """
import subprocess
from saltflow.base.child_process import bound_command
child = subprocess.Popen(bound_command("timeit", {arguments}))
print(child.pid, flush=True)
child.wait()
"""


def test_arguments_and_exit_code_are_those_of_the_module():
    run = subprocess.run(bound_command("json.tool", ["--compact"]), input='{"K": 500}', capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, '{"K":500}\n')
    assert subprocess.run(bound_command("json.tool", []), input="no", capture_output=True, text=True).returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_child_ends_when_its_parent_is_killed():
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "scripts")}
    command = [sys.executable, "-c", PARENT.format(arguments=SLEEP)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        while "timeit" not in child.cmdline():
            time.sleep(0.02)
        time.sleep(0.5)
        assert child.is_running()
        parent.send_signal(signal.SIGKILL)
        end = time.monotonic() + 10
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end
            time.sleep(0.02)
