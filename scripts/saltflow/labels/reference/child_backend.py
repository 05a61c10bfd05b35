"""Run a code that is a Python library in a process of its own, which can be stopped and may crash."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ase import Atoms

from saltflow.base.child_object import ChildEndedError, ChildObject, ChildTimeoutError, ForeignError
from saltflow.labels.reference.label import Backend, LabelFailure, LabelStatus, Result


class ChildBackend:
    """A backend in a new process, which is killed at the time limit and when this process ends.

    Args:
        start: makes the backend in the child; sent by pickle.
        name: of the code, for messages.
        limit_s: seconds for one frame or atom, all SCF attempts together.
        python, environment: see `ChildObject`.
    """

    def __init__(
        self,
        start: Callable[[], Backend],
        *,
        name: str,
        limit_s: float,
        python: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ):
        self.name, self.limit_s = name, limit_s
        self._child = ChildObject(start, python=python, environment=environment or {})

    def compute(self, atoms: Atoms) -> Result:
        """See `Backend`."""
        return self._ask("compute", atoms)

    def isolated_atom(self, element: str) -> float:
        """See `Backend`."""
        return self._ask("isolated_atom", element)

    def close(self) -> None:
        """Kill the child."""
        self._child.close()

    def _ask(self, method: str, argument: object) -> object:
        try:
            return self._child.ask(method, argument, limit_s=self.limit_s)
        except ChildTimeoutError:
            raise self._failure("timeout", f"no result within {self.limit_s:g} s (frame_timeout_s)") from None
        except ChildEndedError as ended:
            raise self._failure("crashed", f"the process of {self.name} {ended}") from None
        except ForeignError as error:
            raise self._failure("crashed", str(error)) from None

    def _failure(self, status: LabelStatus, reason: str) -> LabelFailure:
        return LabelFailure(status, reason, attempts=1, details={"code": self.name})
