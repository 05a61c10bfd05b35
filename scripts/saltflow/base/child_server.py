"""The child process of `ChildObject`: answers requests until the parent closes the pipe."""

import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection


def main(descriptor: int) -> None:
    """Make the object, then answer requests until the pipe is closed.

    Args:
        descriptor: of the open pipe to the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the parent ends this process
    with Connection(descriptor) as pipe:
        served = _answer(pipe, lambda: _receive(pipe)(), tell=False)
        while True:
            method, argument = _receive(pipe)
            _answer(pipe, partial(getattr(served, method), argument))


def _receive(pipe: Connection) -> object:
    try:
        return pipe.recv()
    except EOFError:
        sys.exit()


def _answer(pipe: Connection, compute: Callable[[], object], *, tell: bool = True) -> object:
    """Send the result, or what was raised: an error of saltflow as it is, any other one as text."""
    try:
        result = compute()
    except Exception as error:
        own = type(error).__module__.startswith("saltflow.")
        pipe.send(("own", error) if own else ("foreign", f"{type(error).__name__}: {error}"))
        return None
    pipe.send(("answer", result if tell else None))
    return result


if __name__ == "__main__":
    main(int(sys.argv[1]))
