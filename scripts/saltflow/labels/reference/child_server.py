"""The child process of `ChildBackend`: answers requests until the parent closes the pipe."""

import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from saltflow.base.errors import SaltflowError
from saltflow.labels.reference.label import Backend, LabelFailure


def main(descriptor: int) -> None:
    """Answer requests until the pipe is closed.

    Args:
        descriptor: of the open pipe to the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the parent ends this process
    with Connection(descriptor) as pipe:
        try:
            start = pipe.recv()
            pipe.send("ready")
            _serve(pipe, start)
        except EOFError:
            return


def _serve(pipe: Connection, start: Callable[[], Backend]) -> None:
    backend = None
    while True:
        method, argument = pipe.recv()
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


if __name__ == "__main__":
    main(int(sys.argv[1]))
