"""Run a code that is a Python library in a process of its own, which can be stopped and may crash."""

import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe

from ase import Atoms

from saltflow.base.child_process import bound_command
from saltflow.base.errors import SaltflowError
from saltflow.labels.reference.label import Backend, LabelFailure, Result
from saltflow.labels.reference.program import format_exit


class ChildBackend:
    """A backend in a new process, which is killed at the time limit and when this process ends.

    The process is a new Python, not a fork: threads (of PyTorch, of OpenMP) do not survive a fork, and the next
    parallel loop of the child would wait for them forever.

    Args:
        start: makes the backend in the child; sent by pickle.
        name: of the code, for messages.
        limit_s: seconds for one frame or atom, all SCF attempts together.
    """

    def __init__(self, start: Callable[[], Backend], *, name: str, limit_s: float):
        self._start_backend, self.name, self.limit_s = start, name, limit_s
        self._process: subprocess.Popen | None = None
        self._pipe: Connection

    def compute(self, atoms: Atoms) -> Result:
        """See `Backend`."""
        return self._ask("compute", atoms)

    def isolated_atom(self, element: str) -> float:
        """See `Backend`."""
        return self._ask("isolated_atom", element)

    def close(self) -> None:
        """Kill the child."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._pipe.close()
            self._process = None

    def _start(self) -> None:
        self._pipe, end_of_child = Pipe()
        self._process = subprocess.Popen(
            bound_command("saltflow.labels.reference.child_server", [str(end_of_child.fileno())]),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            pass_fds=[end_of_child.fileno()],
            stdin=subprocess.DEVNULL,
        )
        end_of_child.close()

    def _ask(self, method: str, argument: object) -> object:
        if new := self._process is None:
            self._start()
        try:
            if new:
                self._pipe.send(self._start_backend)
                self._pipe.recv()  # the limit does not count its imports
            self._pipe.send((method, argument))
            if not self._pipe.poll(self.limit_s):
                self.close()
                reason = f"no result within {self.limit_s:g} s (frame_timeout_s)"
                raise LabelFailure("timeout", reason, attempts=1, details={"code": self.name})
            kind, answer = self._pipe.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if kind == "failure":
            raise LabelFailure(answer["status"], answer["reason"], **answer["rest"])
        if kind == "stop":
            raise SaltflowError(answer)
        return answer

    def _lost(self) -> LabelFailure:
        self._process.wait()
        ended = format_exit(self._process.returncode)
        self.close()
        return LabelFailure("crashed", f"the process of {self.name} {ended}", attempts=1, details={"code": self.name})
