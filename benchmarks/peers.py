"""Other programs: environments of their own where they need them, and what one call of a program costs.

Nothing but the standard library is imported, for the environments of other programs run this too.
"""

import ctypes
import resource
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
QUICK_S = 10.0


def foreign_python(requirement: str, *others: str, sees_ours: bool = False) -> tuple[Path | None, str]:
    """The Python of an environment that holds one program, or None and why there is none.

    Args:
        requirement: a package and its version.
        others: what it is to be installed with.
        sees_ours: it uses the packages of this environment, in their versions, where it needs them.
    """
    folder = REPOSITORY / "build/benchmarks" / requirement.replace("==", "-")
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, requirement, *others]):
            made = subprocess.run(command, capture_output=True, text=True)
            if made.returncode != 0:
                return None, (made.stderr.strip().splitlines() or ["no message"])[-1]
            if sees_ours:
                for packages in folder.glob("lib/python*/site-packages"):
                    (packages / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (folder / "complete").touch()
    return python, ""


def resident_MB(field: str) -> float:
    """VmRSS, what the process holds, or VmHWM, the most that it has held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def measure(work: Callable) -> tuple[dict, Any]:
    """Growth of the process in the first call, and seconds of the fastest of up to three."""
    bytearray(
        2**24
    )  # having freed this much at once, the allocator keeps smaller pieces for the next array: for all alike
    ctypes.CDLL(None).malloc_trim(0)  # what has been freed is not there to be used again unseen
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts from here
    before_MB, seconds, began = resident_MB("VmRSS"), [], time.perf_counter()
    while len(seconds) < 3 and (not seconds or time.perf_counter() - began < QUICK_S):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = work()
        seconds.append((time.process_time() - cpu, time.perf_counter() - wall))
        if len(seconds) == 1:
            memory_MB = resident_MB("VmHWM") - before_MB
    cpu_s, wall_s = min(seconds)
    return {"cpu_s": cpu_s, "wall_s": wall_s, "memory_MB": memory_MB}, answer


def limit_this_process(*, cpu_s: float, memory_GB: float) -> None:
    """From now on: TimeoutError after so many seconds of CPU, MemoryError beyond so much address space."""

    def stop(*_) -> None:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # it comes again every second
        raise TimeoutError

    signal.signal(signal.SIGXCPU, stop)
    used_s = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + int(cpu_s), resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_GB * 1e9), resource.RLIM_INFINITY))
