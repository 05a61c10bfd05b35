"""An object of a Python library in a process of its own, which can be stopped, may crash, and may be another Python."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import saltflow
from saltflow.base.child_process import bound_command, format_exit


class ChildTimeoutError(Exception):
    """No answer within the limit; the child was killed."""


class ChildEndedError(Exception):
    """The child ended by itself; the message says how."""


class ForeignError(Exception):
    """The library raised an error that is not of saltflow; the message holds its type and text."""


class ChildObject:
    """An object that a new process makes, and that answers one request after another there.

    The process is a new Python, not a fork: threads (of PyTorch, of OpenMP) do not survive a fork, and the next
    parallel loop of the child would wait for them forever. It is killed when this process ends.

    Args:
        start: makes the object in the child; sent by pickle.
        python: of another environment, which has the packages that saltflow's base needs; None for this one.
        environment: variables of the child besides those of this process.
    """

    def __init__(self, start: Callable[[], object], *, python: Path | None = None, environment: Mapping[str, str]):
        self._start_object, self._python, self._environment = start, python, environment
        self._process: subprocess.Popen | None = None
        self._pipe: Connection

    def ask(self, method: str, argument: object, *, limit_s: float) -> object:
        """The answer of a method; the first call makes the object, which the limit does not count.

        Raises:
            ChildTimeoutError, ChildEndedError: the next call starts a new child.
            ForeignError: the library failed. Errors of saltflow are raised as they were in the child.
        """
        try:
            if self._process is None:
                self._start()
            self._pipe.send((method, argument))
            if not self._pipe.poll(limit_s):
                self.close()
                raise ChildTimeoutError
            return self._receive()
        except (EOFError, ConnectionError):
            self._process.wait()
            ended = format_exit(self._process.returncode)
            self.close()
            raise ChildEndedError(ended) from None

    def close(self) -> None:
        """Kill the child."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._pipe.close()
            self._process = None

    def _start(self) -> None:
        self._pipe, end_of_child = Pipe()
        # Another Python has its own packages: it only gets saltflow from here.
        own = [str(Path(saltflow.__file__).parents[1]), os.environ.get("PYTHONPATH", "")] if self._python else sys.path
        command = bound_command("saltflow.base.child_server", [str(end_of_child.fileno())], python=self._python)
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **self._environment, "PYTHONPATH": os.pathsep.join(filter(None, own))},
            pass_fds=[end_of_child.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__,  # what a library prints is no output of ours
        )
        end_of_child.close()
        self._pipe.send(self._start_object)
        try:
            self._receive()
        except (EOFError, ConnectionError):
            raise
        except Exception:
            self.close()
            raise

    def _receive(self) -> object:
        kind, answer = self._pipe.recv()
        if kind == "own":
            raise answer
        if kind == "foreign":
            raise ForeignError(answer)
        return answer
