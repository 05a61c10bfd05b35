"""Run a program in a child process that ends with its parent, also when the parent is killed.

Otherwise a training of a killed job would go on and write at the same time as the next attempt.
"""

import os
import runpy
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
NOT_FOUND = 127  # exit code of a shell for a missing program


def bound_command(module: str, arguments: Sequence[str], *, python: Path | None = None) -> list[str]:
    """The command that runs a module as `python -m` does, by this Python or another, and ends with this process."""
    # -P: the module must not import modules from this folder.
    return [str(python or sys.executable), "-P", __file__, str(os.getpid()), module, *arguments]


def bound_program(arguments: Sequence[str]) -> list[str]:
    """The command that executes another program, and ends with this process (on Linux)."""
    return [sys.executable, "-P", "-S", __file__, str(os.getpid()), "--", *arguments]


def format_exit(status: int) -> str:
    """The exit of a process, from its exit code in Python."""
    if status >= 0:
        return f"ended with exit code {status}"
    hint = " (memory?)" if -status == signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-status).name}{hint}"


def end_with(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, also after an exec (on Linux).

    Args:
        parent: process id of the parent.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before that call
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
