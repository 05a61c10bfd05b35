"""Run a Python module in a process that ends with the one that started it, also when that one is killed.

Otherwise a training whose job was killed for its memory would go on and write beside the next attempt.
"""

import os
import runpy
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def bound_command(module: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs a module as `python -m` does, until the process that asks for it is gone (on Linux)."""
    # -P: the modules beside this file are none of those that the other one means.
    return [sys.executable, "-P", __file__, str(os.getpid()), module, *arguments]


def _run(parent: int, module: str) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before that call
            sys.exit(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    parent, module = sys.argv[1:3]
    sys.argv = [module, *sys.argv[3:]]
    _run(int(parent), module)
