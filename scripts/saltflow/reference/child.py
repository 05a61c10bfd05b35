"""A code that lives inside Python, in a process of its own: it can be stopped, and its crash is not ours."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection

from ase import Atoms

from saltflow.bound_child import end_with
from saltflow.errors import SaltflowError
from saltflow.reference.label import Backend, LabelFailure, Result
from saltflow.reference.program import how_it_ended

MOST_FILES = 4096  # more than a labelling job ever has open


class ChildBackend:
    """Asks a backend in a forked process, which is killed at the time limit and when this process is gone.

    Forked rather than started anew: nothing is imported twice, and a script of Snakemake is not run again.

    Args:
        start: makes the backend, in the child.
        name: of the code, for messages.
        limit_s: seconds for one frame or atom, all rungs of the ladder together.
    """

    def __init__(self, start: Callable[[], Backend], *, name: str, limit_s: float):
        self._start_backend, self.name, self.limit_s = start, name, limit_s
        self._process: multiprocessing.Process | None = None

    def compute(self, atoms: Atoms) -> Result:
        """See `Backend`."""
        return self._ask("compute", atoms)

    def isolated_atom(self, element: str) -> float:
        """See `Backend`."""
        return self._ask("isolated_atom", element)

    def close(self) -> None:
        """End the child, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._start_backend, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()

    def _ask(self, method: str, argument: object) -> object:
        if self._process is None:
            self._start()
        try:
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
        self._process.join()
        ended = how_it_ended(self._process.exitcode)
        self.close()
        return LabelFailure("crashed", f"the process of {self.name} {ended}", attempts=1, details={"code": self.name})


def _serve(pipe: Connection, start: Callable[[], Backend], parent: int) -> None:
    """Answer questions until nobody asks any more."""
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to both; the parent ends this one
    # What this process has inherited, the lock on the journal above all, belongs to the other one.
    os.closerange(3, pipe.fileno())
    os.closerange(pipe.fileno() + 1, MOST_FILES)
    backend = None
    while True:
        try:
            method, argument = pipe.recv()
        except EOFError:
            return
        try:
            backend = backend or start()
            pipe.send(("answer", getattr(backend, method)(argument)))
        except LabelFailure as failure:
            rest = {"attempts": failure.attempts, "details": failure.details}
            pipe.send(("failure", {"status": failure.status, "reason": failure.reason, "rest": rest}))
        except SaltflowError as error:
            pipe.send(("stop", str(error)))
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            pipe.send(("failure", {"status": "crashed", "reason": reason, "rest": {"attempts": 1}}))
