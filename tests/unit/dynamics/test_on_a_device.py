"""The engine on a device that is not the CPU: `on_a_device.py`, in a process of its own.

torch makes its queues of gradients for the devices that it knows at the first gradient of a process; a device that is
registered later has none.
"""

import subprocess
import sys
from pathlib import Path

CHECKS = Path(__file__).with_name("on_a_device.py")


def test_the_engine_runs_on_a_device(tmp_path):
    call = [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--basetemp={tmp_path / 'child'}", str(CHECKS)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
