"""Retries of a code: ways to the same solution, tried one after another and put on record.

Nothing on a ladder may change where the self-consistent field converges to. A higher smearing temperature also
converges, but to the label of another method: it is on no ladder.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from saltflow.labels.reference.label import LabelFailure, Result, Status

Rung = TypeVar("Rung")

# Another mixing mends none of these.
FINAL: frozenset[Status] = frozenset({"timeout", "wrong_spin", "net_force", "disk_full"})


def climb(rungs: Mapping[str, Rung], attempt: Callable[[Rung], Result]) -> Result:
    """The result of the first rung that gives one, with the outcome of every rung that was tried.

    Args:
        rungs: name for the ledger → what `attempt` takes, in the order of trying.
        attempt: computes the structure by one rung; raises LabelFailure.

    Returns:
        The result with `attempts` and, in its details, `ladder`: a list of {rung, outcome}.

    Raises:
        LabelFailure: of the last rung that was tried, with the same record.
    """
    tried: list[dict[str, str]] = []
    for name, rung in rungs.items():
        try:
            result = attempt(rung)
        except LabelFailure as failure:
            last = failure
            tried.append({"rung": name, "outcome": failure.status})
            if failure.status in FINAL:
                break
            continue
        tried.append({"rung": name, "outcome": "ok"})
        return replace(result, attempts=len(tried), details={**result.details, "ladder": tried})
    raise LabelFailure(
        last.status, last.reason, attempts=len(tried), details={**last.details, "ladder": tried}
    ) from last
