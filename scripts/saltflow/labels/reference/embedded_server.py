"""The other end of `ChildBackend`: labels for the process that started this one, until it asks no more."""

import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from saltflow.base.errors import SaltflowError
from saltflow.labels.reference.label import Backend, LabelFailure


def main(descriptor: int) -> None:
    """Answer questions until nobody asks any more.

    Args:
        descriptor: of the open pipe to the other process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to both; the other one ends this one
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
