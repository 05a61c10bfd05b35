"""No network for this process: packages of potentials fetch weights that they miss, which nobody has pinned."""

import sys

from saltflow.base.errors import SaltflowError

_refused: list[str] = []


def block_network() -> None:
    """Refuse every connection of this process from now on; there is no way back."""
    sys.addaudithook(_refuse)


def check_refusals(name: str) -> None:
    """Stop where a package has tried to reach the network, whatever it made of the refusal.

    Args:
        name: of the potential, for the message.

    Raises:
        SaltflowError: with the first host.
    """
    if _refused:
        raise SaltflowError(
            f"{name} wants to fetch something from {_refused[0]}, and nothing is fetched while jobs run: put the file "
            "on this machine and name it in weights of the reference."
        )


def _refuse(event: str, arguments: tuple) -> None:
    """The hook; see the audit events of the module socket."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):  # text: a local socket
        host = arguments[1][0]
    else:
        return
    _refused.append(str(host))
    raise ConnectionRefusedError(f"this process is kept off the network ({host})")
