"""SCF fallbacks: further ways to the same self-consistent solution, tried in order and recorded.

No fallback changes the solution. A higher smearing temperature would also converge, but to the label of another method.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from saltflow.labels.reference.label import LabelFailure, LabelStatus, Result

Settings = TypeVar("Settings")

# Failures that no other SCF settings mend.
FINAL: frozenset[LabelStatus] = frozenset({"timeout", "wrong_spin", "net_force", "disk_full"})


@dataclass(frozen=True)
class SCFSettings:
    """How an SCF is brought to convergence, in the words of its code.

    Attributes:
        guess: density and orbitals at the start: of the frame before, or of the atoms.
        solver: of the eigenvalue problem.
        mixing: weight of the new density.
    """

    guess: str
    solver: str
    mixing: float

    @property
    def name(self) -> str:
        """For the ledger, such as "atomic david, mixing 0.7"."""
        return f"{self.guess} {self.solver}, mixing {self.mixing:g}"


def named(fallbacks: Iterable[SCFSettings]) -> dict[str, SCFSettings]:
    """Name → settings, in the order of trying."""
    return {each.name: each for each in fallbacks}


def first_converged(fallbacks: Mapping[str, Settings], attempt: Callable[[Settings], Result]) -> Result:
    """The result of the first settings that converge, with the outcome of each attempt.

    Args:
        fallbacks: name for the ledger → settings, in the order of trying.
        attempt: computes the structure with settings; raises LabelFailure.

    Returns:
        The result with its number of `attempts` and, in its details, `scf_attempts`: a list of {settings, outcome}.

    Raises:
        LabelFailure: of the last attempt, with the same record.
    """
    tried: list[dict[str, str]] = []
    for name, settings in fallbacks.items():
        try:
            result = attempt(settings)
        except LabelFailure as failure:
            last = failure
            tried.append({"settings": name, "outcome": failure.status})
            if failure.status in FINAL:
                break
            continue
        tried.append({"settings": name, "outcome": "ok"})
        return replace(result, attempts=len(tried), details={**result.details, "scf_attempts": tried})
    raise LabelFailure(
        last.status, last.reason, attempts=len(tried), details={**last.details, "scf_attempts": tried}
    ) from last
