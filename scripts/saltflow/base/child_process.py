"""Run a program in a process that ends with the one that started it, also when that one is killed.

Otherwise a training whose job was killed for its memory would go on and write beside the next attempt.
"""

import os
import runpy
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # linux/prctl.h
NOT_FOUND = 127  # exit code for a program that is not there, as a shell has it


def bound_command(module: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs a module as `python -m` does, until the process that asks for it is gone (on Linux)."""
    # -P: the modules beside this file are none of those that the other one means.
    return [sys.executable, "-P", __file__, str(os.getpid()), module, *arguments]


def bound_program(arguments: Sequence[str]) -> list[str]:
    """The command that becomes another program, until the process that asks for it is gone (on Linux)."""
    return [sys.executable, "-P", "-S", __file__, str(os.getpid()), "--", *arguments]


def end_with(parent: int) -> None:
    """Let the kernel kill this process as soon as its parent is gone, whatever it became by then (on Linux).

    Args:
        parent: process id of the one that started this one.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before that call
            os._exit(1)


def _main(parent: str, module: str, *arguments: str) -> None:
    end_with(int(parent))
    if module == "--":
        try:
            os.execvp(arguments[0], arguments)
        except FileNotFoundError:
            sys.exit(NOT_FOUND)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
